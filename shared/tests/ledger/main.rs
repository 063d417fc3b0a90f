//! The rules of the ledger, each against a public vector, a model or a second opinion.
//!
//! One program, so that a browser starts once for all of it. Everything here runs natively and on
//! wasm32: there `test` stands for `wasm_bindgen_test`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test ends where something is not as it should be"
)]

mod block;
mod chain;
mod chain_file;
mod common;
mod deferral;
mod difficulty;
mod encoding;
mod follow;
mod forks;
mod hash;
mod journal;
mod justified;
mod keys;
mod limits;
mod mempool;
mod merkle;
mod receipt;
mod recorder;
mod restore;
mod samples;
mod stake;
mod state;
mod vectors;
