//! `cargo xtask sim`: the simulator, built with optimisation; and whether it can fail.

mod self_test;

use std::process::ExitCode;

use crate::{
    Failure,
    process::{self, ProcessError},
    workspace::Workspace,
};

pub(crate) use self_test::SelfTestError;

/// Hands the arguments to the simulator, and its exit code back; or plants faults.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode, Failure> {
    if let [flag, only @ ..] = arguments
        && flag == "--self-test"
    {
        self_test::run(workspace, only)?;
        return Ok(ExitCode::SUCCESS);
    }
    Ok(if simulate(workspace, arguments)? {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs so many seeds with a kind of consensus; none may break a promise.
pub(crate) fn check(workspace: &Workspace, consensus: &str, seeds: u64) -> Result<(), Failure> {
    let seeds = seeds.to_string();
    let arguments = ["--consensus", consensus, "--seeds", &seeds].map(str::to_owned);
    if simulate(workspace, &arguments)? {
        Ok(())
    } else {
        Err(Failure::Tests)
    }
}

/// Plants every fault.
pub(crate) fn self_test(workspace: &Workspace) -> Result<(), SelfTestError> {
    self_test::run(workspace, &[])
}

/// Whether the simulator found nothing.
fn simulate(workspace: &Workspace, arguments: &[String]) -> Result<bool, ProcessError> {
    let mut cargo = process::command("cargo");
    cargo
        .current_dir(workspace.root())
        .args(["run", "--release", "--package", "sim", "--quiet", "--"])
        .args(arguments);
    Ok(process::stream(&mut cargo, |_| {})?.success())
}
