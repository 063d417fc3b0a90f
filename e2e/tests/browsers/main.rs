//! Whole browsers against a real relay: `cargo xtask e2e [NAME]`.

mod bad_input;
mod hardship;
mod harness;
mod key_backup;
mod main_job;
mod networks;
mod offline;
mod page;
mod records;
mod stake;
mod survival;
mod worker;
