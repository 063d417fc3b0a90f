//! Installs what the workspace's jobs need, once, into one folder outside `target/`.
//!
//! Each step first looks whether it is done, which costs milliseconds, and says what it does and how long
//! that usually takes when it is not. What needs the user's own hand ends in an error that names what to type.

mod apt;
mod browser;
mod cargo_tool;
mod database;
mod debian_wasm;
mod node;
mod peers;
mod python;
mod tools_dir;
mod wasm_toolchain;

use std::{io, path::PathBuf, thread, time::Instant};

use crate::{process::ProcessError, workspace::Workspace};

pub(crate) use browser::Browser;
pub(crate) use peers::Peers;
pub(crate) use python::LintTools;
pub(crate) use tools_dir::ToolsDir;
pub(crate) use wasm_toolchain::WasmToolchain;

/// Why a set-up step could not be done, and what the user can do about it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// Something that only the user can install.
    #[error("{what} is missing. {remedy}")]
    Missing {
        /// In the user's words.
        what: String,
        /// A sentence with the command to type.
        remedy: String,
    },
    /// Neither `TABCHAIN_TOOLS`, `XDG_CACHE_HOME` nor `HOME` is set.
    #[error(
        "no folder for the tools: HOME is not set. Set TABCHAIN_TOOLS to a folder that may be written to"
    )]
    NoToolsDir,
    /// A file of the tools folder or the workspace.
    #[error("{path}: {source}. Is the folder writable, and the disk not full?")]
    File {
        /// Which file or folder.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Cargo.lock does not say which wasm-bindgen the page is built with.
    #[error("{path} names no wasm-bindgen; run `cargo generate-lockfile` in the workspace")]
    NoWasmBindgenVersion {
        /// The lock file.
        path: PathBuf,
    },
    /// An installer failed.
    #[error("{step}: {source}")]
    Step {
        /// Name of the step, as it was announced.
        step: String,
        /// What the installer answered.
        source: ProcessError,
    },
    /// A check could not ask an installed program.
    #[error(transparent)]
    Process(#[from] ProcessError),
}

/// What building the page takes.
#[derive(Debug)]
pub(crate) struct PageTools {
    /// Compiler for wasm32-unknown-unknown, with trunk, wasm-bindgen and wasm-opt on its PATH.
    pub(crate) wasm: WasmToolchain,
}

/// The wasm target, trunk, wasm-bindgen-cli and wasm-opt.
pub(crate) fn for_page(workspace: &Workspace) -> Result<PageTools, SetupError> {
    let tools = ToolsDir::locate()?;
    let _lock = tools.lock()?;
    let wasm = wasm_toolchain::ensure(&tools)?;
    node::ensure_wasm_opt(&tools)?;
    let (wasm_bindgen, trunk) = (cargo_tool::wasm_bindgen(workspace)?, cargo_tool::trunk());
    // Each ends with its largest crate on one core; the other tool has the rest of them.
    thread::scope(|scope| {
        let first = scope.spawn(|| cargo_tool::ensure(&tools, &wasm_bindgen));
        cargo_tool::ensure(&tools, &trunk)?;
        first
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })?;
    Ok(PageTools { wasm })
}

/// Beside the page's tools, a browser and its driver.
pub(crate) fn for_tests() -> Result<Browser, SetupError> {
    let tools = ToolsDir::locate()?;
    let _lock = tools.lock()?;
    browser::ensure()
}

/// The folder of the hash functions from npm that the miners are compared with.
pub(crate) fn for_mining_peers() -> Result<PathBuf, SetupError> {
    let tools = ToolsDir::locate()?;
    let _lock = tools.lock()?;
    node::ensure_hash_functions(&tools)
}

/// The programs of PostgreSQL, for tests and benchmarks of dumps.
pub(crate) fn for_databases() -> Result<(), SetupError> {
    let tools = ToolsDir::locate()?;
    let _lock = tools.lock()?;
    database::ensure()
}

/// What the relay's fan-out is measured beside.
pub(crate) fn for_fanout() -> Result<Peers, SetupError> {
    let tools = ToolsDir::locate()?;
    let _lock = tools.lock()?;
    peers::ensure(&tools)
}

/// The folder of what asks the relay's REST whatever its document allows, where it can be had.
pub(crate) fn for_rest() -> Result<Option<PathBuf>, SetupError> {
    let tools = ToolsDir::locate()?;
    let _lock = tools.lock()?;
    python::ensure_schemathesis(&tools)
}

/// What only `cargo xtask ci` runs.
pub(crate) fn for_lints() -> Result<LintTools, SetupError> {
    let tools = ToolsDir::locate()?;
    let _lock = tools.lock()?;
    python::ensure_lint_tools(&tools)
}

/// Announces a step that has to be done, does it, and says how long it took.
fn step(
    name: &str,
    usually: &str,
    action: impl FnOnce() -> Result<(), SetupError>,
) -> Result<(), SetupError> {
    eprintln!("==> {name}: installing ({usually})");
    let started = Instant::now();
    action().map_err(|error| match error {
        SetupError::Process(source) => SetupError::Step {
            step: name.to_owned(),
            source,
        },
        other => other,
    })?;
    eprintln!("    {name}: done in {} s", started.elapsed().as_secs());
    Ok(())
}

/// Names the path in an I/O error.
fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> SetupError {
    let path = path.into();
    move |source| SetupError::File { path, source }
}
