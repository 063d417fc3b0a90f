//! The worker as a program, against the relay as a program.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may"
)]

mod bad_input;
mod commands;
mod completions;
mod dumping;
mod files;
mod first_steps;
mod manual;
mod networks;
mod programs;
mod running;
mod terminal;
