//! The browser node: a page, a node worker and miner workers, three programs in wasm.
#![forbid(unsafe_code)]

#[cfg(target_arch = "wasm32")]
pub mod js;
pub mod miner;
#[cfg(target_arch = "wasm32")]
pub mod node_handle;
#[cfg(target_arch = "wasm32")]
pub mod node_worker;
#[cfg(all(feature = "page", target_arch = "wasm32"))]
pub mod page;
#[cfg(target_arch = "wasm32")]
pub mod panic;
#[cfg(target_arch = "wasm32")]
pub mod port;
pub mod ports;
pub mod store;

/// Two-level segregated fit (Masmano et al., 2004): a third of the code of std's allocator for wasm.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// Names this build: page, node worker and miners work together only if theirs are the same.
pub const BUILD: &str = env!("TABCHAIN_BUILD");
