//! The browser node: a page, a node worker and miner workers, three programs in wasm.
#![forbid(unsafe_code)]

pub mod ports;
