//! The node worker.
#![forbid(unsafe_code)]

fn main() {
    #[cfg(target_arch = "wasm32")]
    web_node::node_worker::start();
}
