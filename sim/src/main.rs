//! `cargo xtask sim`: runs seeds, says what they met, and replays one that failed.
#![forbid(unsafe_code)]

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use clap::Parser;
use sim::{Met, Plan, Proof, Scenario, Violation, Watch, run, shrink};

/// Prints what happens.
const TRACED: Watch = Watch {
    is_traced: true,
    is_hashed: false,
};

/// Many nodes and the relay in one thread, on virtual time, under faults.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask sim")]
struct Arguments {
    /// How many seeds to run, from `--first` on
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// Only seeds of this scenario, such as Finality
    #[arg(long)]
    scenario: Option<Scenario>,
    /// The kind of consensus
    #[arg(long, default_value = "work")]
    consensus: Proof,
    /// Replay one seed and print what happens
    #[arg(long, conflicts_with_all = ["seeds", "first", "scenario"])]
    seed: Option<u64>,
    /// Threads; one for each core where it is not said
    #[arg(long)]
    threads: Option<usize>,
    /// End at the first violation, and do not shrink it
    #[arg(long)]
    stop: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let violations = match arguments.seed {
        Some(seed) => replay(&Plan::of(seed).with(arguments.consensus)),
        None => run_many(&arguments),
    };
    if violations == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn replay(plan: &Plan) -> u64 {
    let seed = plan.seed;
    println!(
        "seed {seed}: {:?}, {} nodes, {} of them lie",
        plan.scenario, plan.nodes, plan.liars
    );
    let outcome = run(plan, TRACED);
    println!("met: {}", outcome.met);
    match outcome.violation {
        None => {
            println!("violations: 0");
            0
        }
        Some(violation) => {
            report(plan, violation, true);
            1
        }
    }
}

fn run_many(arguments: &Arguments) -> u64 {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicU64::new(0);
    let scenario = arguments.scenario;
    let (sender, outcomes) = mpsc::channel();
    let mut met = Met::default();
    let mut violations = 0;
    let mut seeds = 0;
    thread::scope(|scope| {
        for _ in 0..arguments.threads.unwrap_or(cores) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= arguments.seeds {
                        return;
                    }
                    let seed = scenario.map_or(number, |scenario| scenario.seed(number));
                    let plan = Plan::of(arguments.first + seed).with(arguments.consensus);
                    let outcome = run(&plan, Watch::default());
                    if sender.send((plan, outcome)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        for (plan, outcome) in outcomes {
            seeds += 1;
            met.add(&outcome.met);
            if let Some(violation) = outcome.violation {
                violations += 1;
                report(&plan, violation, !arguments.stop);
                if arguments.stop {
                    next.store(arguments.seeds, Ordering::Relaxed);
                }
            }
        }
    });
    println!("{seeds} seeds met: {met}");
    println!("violations: {violations}");
    violations
}

fn report(plan: &Plan, violation: Violation, is_shrunk: bool) {
    println!("seed {} ({:?}): {violation}", plan.seed, plan.scenario);
    if !is_shrunk {
        return;
    }
    let (smallest, _) = shrink(plan, violation);
    println!(
        "shrunk from {} deeds to {}, by which this happens:",
        plan.steps.len(),
        smallest.steps.len()
    );
    if let Some(violation) = run(&smallest, TRACED).violation {
        println!("    {violation}");
    }
}
