//! The page's program: `boot.js` opens what [`web_node::page`] draws.
#![forbid(unsafe_code)]

fn main() {
    #[cfg(all(feature = "page", target_arch = "wasm32"))]
    web_node::page::prepare();
}
