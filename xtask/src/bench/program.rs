//! Programs that measure: the package `bench`, natively and in a browser's worker; a package's own benchmarks;
//! the package `e2e`, with whole browsers.

use std::path::PathBuf;

use std::process::Command;

use serde_json::Value;

use super::BenchError;
use crate::{process, setup, test::suites, workspace::Workspace};

const PACKAGE: &str = "bench";
/// As `bench::FIGURE_PREFIX`.
const FIGURE_PREFIX: &str = "figure ";
/// Of a program's output in an error.
const OUTPUT_SHOWN_CHARS: usize = 2_000;

/// What a program measured, by name.
pub(super) struct Figures {
    program: String,
    output: String,
}

impl Figures {
    /// Builds the native program in release and runs it.
    pub(super) fn native(workspace: &Workspace, bench: &str) -> Result<Self, BenchError> {
        Self::native_with(workspace, bench, |_| {})
    }

    /// The same with more arguments than the name.
    pub(super) fn native_with(
        workspace: &Workspace,
        bench: &str,
        arguments: impl FnOnce(&mut Command),
    ) -> Result<Self, BenchError> {
        let mut cargo = process::command("cargo");
        cargo.current_dir(workspace.root());
        process::run(cargo.args(["build", "--release", "--package", PACKAGE]))?;
        let mut program = process::command(workspace.target().join("release").join(PACKAGE));
        arguments(program.arg(bench));
        eprintln!("==> {bench}: natively");
        let output = process::capture_loudly(&mut program)?;
        Ok(Self {
            program: format!("{PACKAGE} {bench}"),
            output,
        })
    }

    /// Builds a package's own benchmark in release and runs it.
    pub(super) fn of_package(
        workspace: &Workspace,
        package: &str,
        bench: &str,
    ) -> Result<Self, BenchError> {
        let mut cargo = process::command("cargo");
        cargo.current_dir(workspace.root());
        cargo.args(["bench", "--package", package, "--bench", bench]);
        Ok(Self {
            program: format!("the benchmark {bench} of {package}"),
            output: process::capture_loudly(&mut cargo)?,
        })
    }

    /// The same in a worker of a headless Chromium, built as the page's workers are.
    pub(super) fn browser(workspace: &Workspace, bench: &str) -> Result<Self, BenchError> {
        let tools = setup::for_page(workspace)?;
        let browser = setup::for_tests()?;
        let mut cargo =
            suites::in_browser(workspace, &tools, &browser).map_err(BenchError::Browser)?;
        cargo.args([
            "--profile",
            "wasm",
            "--package",
            PACKAGE,
            "--test",
            "browser",
        ]);
        cargo.args(["--", "--nocapture", bench]);
        // In seconds.
        cargo.env("WASM_BINDGEN_TEST_TIMEOUT", "1800");
        eprintln!("==> {bench}: in Chromium");
        let output = process::capture_loudly(&mut cargo)?;
        Ok(Self {
            program: format!("{PACKAGE} {bench} in Chromium"),
            output,
        })
    }

    /// What the end-to-end package measures of whole browsers, a relay with the release page beside
    /// them.
    pub(super) fn browsers(
        workspace: &Workspace,
        bench: &str,
        environment: &[(&str, PathBuf)],
    ) -> Result<Self, BenchError> {
        let tools = setup::for_page(workspace)?;
        let browser = setup::for_tests()?;
        let mut cargo =
            suites::measuring(workspace, &tools, &browser, bench).map_err(BenchError::Browser)?;
        for (variable, path) in environment {
            cargo.env(variable, path);
        }
        Ok(Self {
            program: format!("measure {bench}"),
            output: process::capture_loudly(&mut cargo)?,
        })
    }

    /// One figure.
    pub(super) fn get(&self, what: &str) -> Result<f64, BenchError> {
        self.output
            .lines()
            .filter_map(|line| line.split_once(FIGURE_PREFIX))
            .filter_map(|(_, json)| serde_json::from_str::<Value>(json).ok())
            .find(|figure| figure.get("what").and_then(Value::as_str) == Some(what))
            .and_then(|figure| figure.get("value")?.as_f64())
            .ok_or_else(|| BenchError::NoFigure {
                program: self.program.clone(),
                what: what.to_owned(),
                output: self.output.chars().take(OUTPUT_SHOWN_CHARS).collect(),
            })
    }
}
