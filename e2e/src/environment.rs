//! Where the programs under test are. `cargo xtask e2e` builds them and says so by environment
//! variables; a run by hand falls back to the usual places.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

/// The relay with the release page inside.
pub fn relay() -> Result<PathBuf> {
    program("RELAY_BIN", &workspace().join("target/release/relay"))
}

/// The worker on the command line.
pub fn worker() -> Result<PathBuf> {
    let usual = workspace().join("target/debug/block-chain-worker");
    program("WORKER_BIN", &usual)
}

/// Chromium.
pub fn chrome() -> Result<PathBuf> {
    program("CHROME", Path::new("/usr/bin/chromium"))
}

/// Chromium's WebDriver server.
pub fn chromedriver() -> Result<PathBuf> {
    program("CHROMEDRIVER", Path::new("/usr/bin/chromedriver"))
}

/// A command that runs `program` as if on another machine: it gets what CPU time the browsers on
/// this one leave.
#[must_use]
pub fn elsewhere(program: &Path) -> Command {
    let mut command = Command::new("nice");
    command.arg("-n19").arg(program);
    command
}

/// The folder for what failed tests leave behind.
#[must_use]
pub fn failures() -> PathBuf {
    env::var_os("E2E_FAILURES").map_or_else(|| workspace().join("e2e/failures"), PathBuf::from)
}

/// The folder for screenshots of the documentation, where they are to be remade.
#[must_use]
pub fn screenshots() -> Option<PathBuf> {
    env::var_os("TABCHAIN_SCREENSHOTS").map(PathBuf::from)
}

fn program(variable: &str, usual: &Path) -> Result<PathBuf> {
    let path = env::var_os(variable).map_or_else(|| usual.to_owned(), PathBuf::from);
    if !path.is_file() {
        bail!(
            "there is no program at {} (from {variable}, or the usual place): \
             run `cargo xtask e2e`, which builds and names everything",
            path.display()
        );
    }
    Ok(path)
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}
