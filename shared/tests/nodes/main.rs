//! Real nodes and the real relay core, on virtual time.
//!
//! One program, so that a browser starts once for all of it. Everything here runs natively and on
//! wasm32: there `test` stands for `wasm_bindgen_test`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends where something is wrong"
)]

mod abstention;
mod admission;
mod availability;
mod bound;
mod checks;
mod clocks;
mod evidence;
mod invitations;
mod main_job;
mod presence;
mod rejections;
mod serving;
mod stake;
mod stopping;
mod storage;
mod verified;
mod versions;
mod visitors;
mod world;
