//! Runs one benchmark natively and prints its figures.

use std::io::Write as _;
use std::sync::OnceLock;
use std::time::Instant;

use bench::{Figure, chain};

fn main() -> std::process::ExitCode {
    let name = std::env::args().nth(1).unwrap_or_default();
    let figures = match name.as_str() {
        "chain" => chain::all(clock_ms, resident_bytes),
        _ => {
            eprintln!("expected the name of a benchmark: chain; came: {name:?}");
            return std::process::ExitCode::from(2);
        }
    };
    let mut out = std::io::stdout().lock();
    for figure in &figures {
        if writeln!(out, "{}", Figure::line(figure)).is_err() {
            return std::process::ExitCode::FAILURE;
        }
    }
    std::process::ExitCode::SUCCESS
}

fn clock_ms() -> f64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3
}

/// Of this process, where the system tells (Linux, `proc(5)`); else not a number.
fn resident_bytes() -> f64 {
    const PAGE_BYTES: f64 = 4096.0;
    std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|statm| statm.split(' ').nth(1)?.parse::<f64>().ok())
        .map_or(f64::NAN, |pages| pages * PAGE_BYTES)
}
