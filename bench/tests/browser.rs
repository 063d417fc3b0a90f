//! The benchmarks in a worker of a browser: `cargo xtask bench` reads the figures from the console.
#![cfg(target_arch = "wasm32")]

use bench::chain;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_test::{console_log, wasm_bindgen_test};

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

#[wasm_bindgen_test]
fn chain() {
    let figures = chain::all(clock_ms, memory_bytes);
    assert!(!figures.is_empty());
    for figure in figures {
        console_log!("{}", figure.line());
    }
}

fn clock_ms() -> f64 {
    js_sys::global()
        .dyn_into::<web_sys::WorkerGlobalScope>()
        .ok()
        .and_then(|scope| scope.performance())
        .map_or(f64::NAN, |performance| performance.now())
}

/// Of the whole WebAssembly memory.
fn memory_bytes() -> f64 {
    core::arch::wasm32::memory_size(0) as f64 * 65_536.0
}
