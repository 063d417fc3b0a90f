//! `cargo xtask test` and `e2e`: runs the suites, passes their output on, and adds up.

mod libtest;
pub(crate) mod suites;

use std::ops::AddAssign;

use crate::{Failure, process, setup, workspace::Workspace};
use suites::Suite;

/// What to run.
#[derive(Debug, clap::Args)]
pub(crate) struct TestOptions {
    /// Run only tests whose name contains this
    filter: Option<String>,
    /// Also run the tests that take minutes (those marked `#[ignore]`)
    #[arg(long)]
    long: bool,
}

impl TestOptions {
    /// Everything that runs in minutes.
    pub(crate) const ALL: Self = Self {
        filter: None,
        long: false,
    };
}

/// How many tests, or checks, ended how.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

impl Tally {
    /// The last line of a run, on standard output, and its verdict.
    pub(crate) fn conclude(self) -> Result<(), Failure> {
        println!("{} passed, {} failed", self.passed, self.failed);
        match self {
            Self {
                failed: 0,
                passed: 1..,
            } => Ok(()),
            Self {
                failed: 0,
                passed: 0,
            } => Err(Failure::NoTest),
            _ => Err(Failure::Tests),
        }
    }
}

/// Native tests, wasm tests in a headless browser, and whole browsers against a relay.
pub(crate) fn run_all(workspace: &Workspace, options: &TestOptions) -> Result<Tally, Failure> {
    let tools = setup::for_page(workspace)?;
    let browser = setup::for_tests()?;
    setup::for_databases()?;
    let schemathesis = setup::for_rest()?;
    let native = suites::native(workspace, &tools, schemathesis.as_deref(), options);
    let mut tally = run_suite(native, options);
    for package in suites::WASM_PACKAGES {
        tally += run_suite(
            suites::wasm(workspace, &tools, &browser, package, options),
            options,
        );
    }
    tally += run_suite(
        suites::end_to_end(workspace, &tools, &browser, options),
        options,
    );
    Ok(tally)
}

/// Only whole browsers against a relay.
pub(crate) fn run_end_to_end(
    workspace: &Workspace,
    options: &TestOptions,
) -> Result<Tally, Failure> {
    let tools = setup::for_page(workspace)?;
    let browser = setup::for_tests()?;
    setup::for_databases()?;
    Ok(run_suite(
        suites::end_to_end(workspace, &tools, &browser, options),
        options,
    ))
}

/// Remakes the screenshots of the documentation.
pub(crate) fn remake_screenshots(workspace: &Workspace) -> Result<(), Failure> {
    let tools = setup::for_page(workspace)?;
    let browser = setup::for_tests()?;
    run_suite(
        suites::screenshots(workspace, &tools, &browser),
        &TestOptions::ALL,
    )
    .conclude()
}

/// Runs one suite. What does not build, crashes or tests nothing counts as one failed test.
fn run_suite(suite: Suite, options: &TestOptions) -> Tally {
    let name = suite.name;
    eprintln!("==> tests: {name}");
    let mut tally = Tally::default();
    let ended = suite.command.and_then(|mut command| {
        // An error that a test returns says all by its words; its stack would bury them.
        command.env("RUST_LIB_BACKTRACE", "0");
        let status = process::stream(&mut command, |line| {
            tally += libtest::tally(line).unwrap_or_default()
        });
        status.map_err(|error| error.to_string())
    });
    let fault = match ended {
        Err(fault) => Some(fault),
        Ok(status) if !status.success() && tally.failed == 0 => Some(format!(
            "ended with {status} and named no failed test: it did not build, or crashed"
        )),
        Ok(_) if tally == Tally::default() && options.filter.is_none() => Some(
            "ran no test; on wasm a plain #[test] is not run, #[wasm_bindgen_test] is".to_owned(),
        ),
        Ok(_) => None,
    };
    if let Some(fault) = fault {
        eprintln!("    {name}: {fault}");
        tally.failed += 1;
    }
    eprintln!(
        "    {name}: {} passed, {} failed",
        tally.passed, tally.failed
    );
    tally
}
