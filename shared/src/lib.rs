//! The Tabchain node and relay as pure state machines.
//!
//! Nothing here performs I/O, reads a clock, draws random numbers, logs or awaits: time, chance
//! and what storage says come in as arguments, what is to be done goes out as values.
#![forbid(unsafe_code)]

pub mod block;
pub mod chain;
pub mod chain_file;
mod clock;
pub mod command;
pub mod difficulty;
pub mod encoding;
pub mod finality;
pub mod hash;
pub mod held;
pub mod invitation;
pub mod keys;
pub mod limits;
pub mod mempool;
pub mod merkle;
pub mod message;
pub mod network;
pub mod node;
mod questions;
pub mod receipt;
pub mod rejection;
pub mod relay;
pub mod replica;
pub mod stake;
pub mod state;
pub mod store;
pub mod transaction;
pub mod view;
