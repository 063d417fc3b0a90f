//! Runs one benchmark natively and prints its figures.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    bench::program::main()
}

/// In a browser the benchmarks are tests; cargo builds programs beside them.
#[cfg(target_arch = "wasm32")]
fn main() {}
