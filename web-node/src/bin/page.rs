//! The page's program: starts what [`web_node::page`] draws.
#![forbid(unsafe_code)]

fn main() {
    #[cfg(all(feature = "page", target_arch = "wasm32"))]
    web_node::page::start();
}
