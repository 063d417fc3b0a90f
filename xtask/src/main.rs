//! `cargo xtask`: every job of the workspace behind one command.
//!
//! This file is the command line; each job has a module of its own, and [`setup`] gets what they need.

#![forbid(unsafe_code)]

mod bench;
mod ci;
mod dev;
mod fuzz;
mod model;
mod page;
mod process;
mod relay;
mod run;
mod setup;
mod sim;
mod supervisor;
mod test;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use workspace::Workspace;

/// Sets up, builds, runs, tests and measures Tabchain.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "Start here:\n  \
        cargo xtask run     the page on http://localhost:18000\n  \
        cargo xtask test    all tests; the last line says how many passed\n\n\
        Tools are installed once, into $TABCHAIN_TOOLS, or tabchain/ in $XDG_CACHE_HOME or ~/.cache.\n\
        `cargo xtask COMMAND --help` tells more about a command."
)]
struct Cli {
    #[command(subcommand)]
    job: Job,
}

#[derive(Debug, Subcommand)]
enum Job {
    /// Install what building the page needs; other commands do so by themselves
    #[command(
        after_help = "Installs the wasm target, trunk, wasm-bindgen-cli and wasm-opt; a step that is done costs nothing."
    )]
    Setup {
        /// Also what only tests and checks need: Chromium and its driver, PostgreSQL, schemathesis, typos,
        /// cargo-deny
        #[arg(long)]
        all: bool,
    },
    /// Build the page and start a relay with it on http://localhost:18000
    #[command(after_help = "Examples:\n  \
        cargo xtask run\n  \
        cargo xtask run --bind 0.0.0.0                     for a class on the same LAN\n  \
        cargo xtask run --bind 0.0.0.0 --tls self-signed   with what browsers allow only on https\n  \
        cargo xtask run -- --help                          the relay's own options")]
    Run(run::RunOptions),
    /// Serve the page from a development build and reload it on change
    Dev(dev::DevOptions),
    /// Run all tests: native, wasm in headless Chromium, several tabs end to end
    #[command(
        after_help = "The last line is `N passed, N failed`; a suite that does not build counts as one failed.\n\n\
        Examples:\n  \
        cargo xtask test\n  \
        cargo xtask test merkle    only tests with that in their name\n  \
        cargo xtask test --long    also those that take minutes"
    )]
    Test(test::TestOptions),
    /// Run only the tests with whole browsers against a real relay
    #[command(after_help = "A failing test leaves a screenshot and logs in e2e/failures/.")]
    E2e(test::TestOptions),
    /// Measure, and check what was promised
    #[command(after_help = "Examples:\n  \
        cargo xtask bench list\n  \
        cargo xtask bench size --check\n  \
        cargo xtask bench size --json | jq .rows")]
    Bench(bench::BenchOptions),
    /// Run nodes and relay under simulated faults, many seeds or one
    #[command(after_help = "Examples:\n  \
        cargo xtask sim --seeds 2000\n  \
        cargo xtask sim --seed 127     replay one, and print what happens\n  \
        cargo xtask sim --self-test    plant faults, and see each of them caught")]
    Sim {
        /// The simulator's own options; `-- --help` tells them
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Explore the model of finality in full, then break each of its rules
    #[command(after_help = "Examples:\n  \
        cargo xtask model\n  \
        cargo xtask model LockLostInRestart     the events that show why this rule is needed")]
    Model {
        /// The name of a broken rule
        arguments: Vec<String>,
    },
    /// Search for bytes that break a promise: decoders, block import, node and relay
    #[command(
        after_help = "Needs a C++ compiler. What is found is written to fuzz/found/; an input that is fixed \
        belongs into fuzz/regressions/TARGET/, where `cargo test -p fuzz` plays it.\n\n\
        Examples:\n  \
        cargo xtask fuzz --seconds 600\n  \
        cargo xtask fuzz --target decode --input fuzz/found/decode/crash-1"
    )]
    Fuzz(fuzz::FuzzOptions),
    /// Remake the pictures in docs/images/
    Screenshots,
    /// Check format, lints, dependencies and spelling, run all tests, check sizes
    Ci,
}

/// Why a job ended without success; the text is for the person at the terminal.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Setup(#[from] setup::SetupError),
    #[error(transparent)]
    Page(#[from] page::PageError),
    #[error(transparent)]
    Process(#[from] process::ProcessError),
    #[error(transparent)]
    Supervisor(#[from] supervisor::SupervisorError),
    #[error(transparent)]
    Bench(#[from] bench::BenchError),
    #[error(transparent)]
    SelfTest(#[from] sim::SelfTestError),
    #[error(transparent)]
    Fuzz(#[from] fuzz::FuzzError),
    #[error("the result could not be printed: {0}")]
    Print(#[from] std::io::Error),
    #[error(
        "schemathesis is left out where Python 3 has no pip. On Debian type: apt-get install python3-pip"
    )]
    NoSchemathesis,
    #[error("no test has that in its name")]
    NoTest,
    /// The counts have been printed already.
    #[error("")]
    Tests,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match perform(&Workspace::locate(), cli.job) {
        Ok(code) => code,
        Err(failure) => {
            if !matches!(failure, Failure::Tests) {
                eprintln!("error: {failure}");
            }
            ExitCode::FAILURE
        }
    }
}

fn perform(workspace: &Workspace, job: Job) -> Result<ExitCode, Failure> {
    match job {
        Job::Setup { all } => {
            let tools = setup::for_page(workspace)?;
            if all {
                setup::for_tests()?;
                setup::for_databases()?;
                setup::for_rest()?;
                setup::for_lints()?;
            }
            eprintln!("all set; wasm is built by {}", tools.wasm.describe());
        }
        Job::Run(options) => return run::run(workspace, &options),
        Job::Dev(options) => return dev::run(workspace, &options),
        Job::Test(options) => test::run_all(workspace, &options)?.conclude()?,
        Job::E2e(options) => test::run_end_to_end(workspace, &options)?.conclude()?,
        Job::Bench(options) => bench::run(workspace, &options)?,
        Job::Sim { arguments } => return sim::run(workspace, &arguments),
        Job::Model { arguments } => return Ok(model::run(workspace, &arguments)?),
        Job::Fuzz(options) => return Ok(fuzz::run(workspace, &options)?),
        Job::Screenshots => test::remake_screenshots(workspace)?,
        Job::Ci => ci::run(workspace)?.conclude()?,
    }
    Ok(ExitCode::SUCCESS)
}
