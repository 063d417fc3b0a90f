//! The worker on the command line: built for end-to-end tests.

use std::path::PathBuf;

use crate::{
    process::{self, ProcessError},
    workspace::Workspace,
};

/// Builds the worker; returns the program. Its dependencies are there from the native tests.
pub(crate) fn build(workspace: &Workspace) -> Result<PathBuf, ProcessError> {
    let mut cargo = process::command("cargo");
    cargo
        .current_dir(workspace.root())
        .args(["build", "--package", "worker-cli"]);
    process::run(&mut cargo)?;
    Ok(workspace.target().join("debug/block-chain-worker"))
}
