//! Dumps into a real PostgreSQL, which each test starts for itself.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails says so by a panic"
)]

mod follow;
mod harness;
mod rebuild;
mod refusals;
mod restarts;
mod stake;
mod tls;
