//! The miner worker for browsers without SIMD.
#![forbid(unsafe_code)]

fn main() {
    #[cfg(target_arch = "wasm32")]
    web_node::miner::worker::start::<web_node::miner::kernel::scalar::Scalar>(
        web_node::ports::Kernel::Scalar,
    );
}
