//! What tests and benchmarks of dumps need: a PostgreSQL of their own, and a replica to dump.
//!
//! Everything here panics where it cannot go on, as tests do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that fails says so by a panic"
)]

mod replica;
mod server;

pub use replica::{TestReplica, network, secret, stake_network};
pub use server::{PostgresServer, ServerOptions};
