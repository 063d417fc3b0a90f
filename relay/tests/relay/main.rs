//! A real relay, real sockets, and the very node that browsers run.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails says so by a panic"
)]

mod delivery;
mod deploy;
mod document;
mod dumps;
mod durability;
mod honest;
mod hostile;
mod joining;
mod kills;
mod member;
mod networks;
mod operation;
mod program;
mod proofs;
mod rest;
mod schemathesis;
mod siege;
mod starting;
mod wire;
