//! The miner worker, four nonces at a time.
#![forbid(unsafe_code)]

fn main() {
    #[cfg(target_arch = "wasm32")]
    web_node::miner::worker::start::<web_node::miner::kernel::simd::Simd>(
        web_node::ports::Kernel::Simd,
    );
}
