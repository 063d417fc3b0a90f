//! `cargo xtask model`: the model of finality, built with optimisation.

use std::process::ExitCode;

use crate::{
    process::{self, ProcessError},
    workspace::Workspace,
};

/// Hands the arguments to the model checker, and its exit code back.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<ExitCode, ProcessError> {
    let mut cargo = process::command("cargo");
    cargo
        .current_dir(workspace.root())
        .args(["run", "--release", "--package", "model", "--quiet", "--"])
        .args(arguments);
    let status = process::stream(&mut cargo, |_| {})?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
