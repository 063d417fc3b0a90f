//! `cargo xtask ci`: everything that has to hold before a change lands.

use std::process::Command;

use crate::{
    Failure, bench, process,
    setup::{self, LintTools, PageTools},
    sim,
    test::{self, Tally, TestOptions},
    workspace::Workspace,
};

/// Seeds that are simulated; `cargo xtask sim` runs more.
const SIMULATED_SEEDS: u64 = 200;
/// Seeds that are simulated with proof of stake: four of each scenario.
const STAKED_SEEDS: u64 = 48;
const DENY_WARNINGS: [&str; 3] = ["--", "-D", "warnings"];

/// Runs all checks and tests, also after one has failed, and adds up.
pub(crate) fn run(workspace: &Workspace) -> Result<Tally, Failure> {
    let tools = setup::for_page(workspace)?;
    let lint_tools = setup::for_lints()?;
    let mut tally = Tally::default();
    for (name, mut command) in checks(workspace, &tools, &lint_tools) {
        tally += check(name, || Ok(process::run(&mut command)?));
    }
    // Without it, the test that runs it passes, and has tested nothing.
    tally += check("schemathesis", || {
        setup::for_rest()?.map(drop).ok_or(Failure::NoSchemathesis)
    });
    tally += test::run_all(workspace, &TestOptions::ALL)?;
    tally += check("simulation", || {
        sim::check(workspace, "work", SIMULATED_SEEDS)
    });
    tally += check("simulation of proof of stake", || {
        sim::check(workspace, "stake", STAKED_SEEDS)
    });
    tally += check("planted faults", || Ok(sim::self_test(workspace)?));
    tally += check("size", || bench::check(workspace, "size"));
    Ok(tally)
}

fn checks(
    workspace: &Workspace,
    tools: &PageTools,
    lint_tools: &LintTools,
) -> [(&'static str, Command); 6] {
    let mut format = process::command("cargo");
    format.args(["fmt", "--all", "--check"]);

    let mut clippy = process::command("cargo");
    clippy
        .args(["clippy", "--workspace", "--all-targets"])
        .args(["--features", "e2e/browsers"])
        .args(DENY_WARNINGS);

    let mut wasm_clippy = tools.wasm.command("cargo", &workspace.wasm_target());
    wasm_clippy
        .args([
            "clippy",
            "--target",
            "wasm32-unknown-unknown",
            "--package",
            "shared",
            "--package",
            "web-node",
        ])
        .args(["--all-targets", "--all-features"])
        .args(DENY_WARNINGS);

    // All else builds them with the features that tests, too, ask of their dependencies.
    let mut programs = process::command("cargo");
    programs.args(["check", "--package", "relay", "--package", "worker-cli"]);

    let mut deny = process::command(lint_tools.cargo_deny());
    deny.args(["check", "bans", "licenses", "sources"]);

    let mut checks = [
        ("format", format),
        ("clippy", clippy),
        ("clippy on wasm", wasm_clippy),
        ("programs by themselves", programs),
        ("dependencies", deny),
        ("spelling", process::command(lint_tools.typos())),
    ];
    for (_, command) in &mut checks {
        command.current_dir(workspace.root());
    }
    checks
}

fn check(name: &str, action: impl FnOnce() -> Result<(), Failure>) -> Tally {
    eprintln!("==> check: {name}");
    match action() {
        Ok(()) => Tally {
            passed: 1,
            failed: 0,
        },
        Err(failure) => {
            eprintln!("    {name}: {failure}");
            Tally {
                passed: 0,
                failed: 1,
            }
        }
    }
}
