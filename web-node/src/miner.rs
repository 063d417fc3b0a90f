//! A miner worker: searches nonces in short calls, and listens between them.

pub mod kernel;
#[cfg(target_arch = "wasm32")]
pub mod worker;
