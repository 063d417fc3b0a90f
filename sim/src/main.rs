//! `cargo xtask sim`: runs seeds, says what they met, and replays one that failed.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use sim::{Met, run};

/// Many nodes and the relay in one thread, on virtual time, under faults.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask sim")]
struct Arguments {
    /// How many seeds to run, from `--first` on.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Replay one seed and print what happens.
    #[arg(long, conflicts_with_all = ["seeds", "first"])]
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(seed) = arguments.seed {
        return match run(seed, true) {
            Ok(met) => {
                println!("seed {seed}: no violation; {met}");
                ExitCode::SUCCESS
            }
            Err(violation) => {
                println!("seed {seed}: {violation}");
                ExitCode::FAILURE
            }
        };
    }
    let mut met = Met::default();
    let mut violations = 0_u64;
    for seed in arguments.first..arguments.first + arguments.seeds {
        match run(seed, false) {
            Ok(one) => met.add(&one),
            Err(violation) => {
                violations += 1;
                println!("seed {seed}: {violation}");
            }
        }
    }
    println!("{} seeds: {met}", arguments.seeds);
    println!("violations: {violations}");
    if violations == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
