//! The relay: built with the page inside for use, without it behind Trunk's proxy.

use std::{path::PathBuf, process::Command};

use crate::{
    process::{self, ProcessError},
    workspace::Workspace,
};

/// Builds the relay in release with the page in `dist/` inside; returns the program.
pub(crate) fn build_with_page(workspace: &Workspace) -> Result<PathBuf, ProcessError> {
    build(workspace, &["--release", "--features", "embed-page"])?;
    Ok(workspace.target().join("release/relay"))
}

/// Builds the relay in release without the page, to be measured; returns the program.
pub(crate) fn build_for_load(workspace: &Workspace) -> Result<PathBuf, ProcessError> {
    build(workspace, &["--release"])?;
    Ok(workspace.target().join("release/relay"))
}

/// Builds the relay for development, which serves only its API; returns the program.
pub(crate) fn build_without_page(workspace: &Workspace) -> Result<PathBuf, ProcessError> {
    build(workspace, &[])?;
    Ok(workspace.target().join("debug/relay"))
}

fn build(workspace: &Workspace, options: &[&str]) -> Result<(), ProcessError> {
    let mut cargo: Command = process::command("cargo");
    cargo
        .current_dir(workspace.root())
        .args(["build", "--package", "relay"])
        .args(options);
    process::run(&mut cargo)
}
