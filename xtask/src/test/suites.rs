//! The commands behind each suite.

use std::{fs, path::Path, process::Command};

use serde_json::json;

use super::TestOptions;
use crate::{
    page,
    process::{self, is_root},
    relay,
    setup::{Browser, PageTools},
    workspace::Workspace,
};

/// Packages that are tested in browsers: what runs there, and the simulator, a trace of which must
/// be the same there. With each, where its tests run unless they say otherwise: in a worker, long
/// computations do not keep the page from answering the driver.
pub(super) const WASM_PACKAGES: [(&str, &str); 3] = [
    ("shared", IN_WORKER),
    ("web-node", IN_PAGE),
    ("sim", IN_WORKER),
];
const IN_PAGE: &str = "WASM_BINDGEN_USE_BROWSER";
const IN_WORKER: &str = "WASM_BINDGEN_USE_DEDICATED_WORKER";
const WASM_TARGET: &str = "wasm32-unknown-unknown";
/// The package that drives whole browsers.
const END_TO_END: &str = "e2e";
/// Its test target.
const BROWSERS: &str = "browsers";
/// Its test target that remakes docs/images/.
const SCREENSHOTS: &str = "screenshots";
/// What every native build of tests and of the programs that they drive selects: with other packages
/// or features, cargo would build most dependencies once more for each.
const NATIVE: [&str; 3] = ["--workspace", "--features", "relay/embed-page"];
/// The test targets beside which cargo builds the relay and the command-line worker.
const BESIDE_PROGRAMS: [&str; 4] = ["--test", "relay", "--test", "worker"];

/// A name, and the command to run, or why there is none.
pub(super) struct Suite {
    pub(super) name: String,
    pub(super) command: Result<Command, String>,
}

/// All packages but the browser's tests, for this machine, with their documentation's examples; the
/// relay with the page inside. Where schemathesis is, the relay's REST is asked by it.
pub(super) fn native(
    workspace: &Workspace,
    tools: &PageTools,
    schemathesis: Option<&Path>,
    options: &TestOptions,
) -> Suite {
    let command = page::build(workspace, tools)
        .map_err(|error| error.to_string())
        .map(|()| {
            let mut cargo = native_tests(workspace);
            if let Some(folder) = schemathesis {
                cargo.env("TABCHAIN_SCHEMATHESIS", folder);
            }
            select(&mut cargo, options);
            cargo
        });
    Suite {
        name: "native".to_owned(),
        command,
    }
}

/// `cargo test` for this machine; targets are the caller's to add.
fn native_tests(workspace: &Workspace) -> Command {
    let mut cargo = process::command("cargo");
    cargo
        .current_dir(workspace.root())
        .arg("test")
        .args(NATIVE)
        .arg("--no-fail-fast");
    cargo
}

/// One package as WebAssembly in a headless browser.
pub(super) fn wasm(
    workspace: &Workspace,
    tools: &PageTools,
    browser: &Browser,
    (package, place): (&str, &str),
    options: &TestOptions,
) -> Suite {
    let command = in_browser(workspace, tools, browser).map(|mut cargo| {
        cargo.env(place, "1").args([
            "--package",
            package,
            // The page's own modules are behind a feature.
            "--all-features",
            "--lib",
            "--tests",
            "--no-fail-fast",
        ]);
        // In seconds; the runner's own 20 are too few for a busy machine.
        cargo.env("WASM_BINDGEN_TEST_TIMEOUT", "300");
        select(&mut cargo, options);
        cargo
    });
    Suite {
        name: format!("{package} in a browser"),
        command,
    }
}

/// `cargo test` for WebAssembly in a headless browser; what is to be tested is the caller's to add.
pub(crate) fn in_browser(
    workspace: &Workspace,
    tools: &PageTools,
    browser: &Browser,
) -> Result<Command, String> {
    let target_dir = workspace.wasm_target();
    let webdriver = target_dir.join("webdriver.json");
    write_capabilities(&webdriver, browser)?;
    let mut cargo = tools.wasm.command("cargo", &target_dir);
    cargo
        .current_dir(workspace.root())
        .args(["test", "--target", WASM_TARGET])
        .env(
            "CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER",
            tools.wasm.bin().join("wasm-bindgen-test-runner"),
        )
        .env("CHROMEDRIVER", &browser.chromedriver)
        .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", &webdriver)
        .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "60");
    Ok(cargo)
}

/// Browsers with several tabs against a real relay with the release page inside.
pub(super) fn end_to_end(
    workspace: &Workspace,
    tools: &PageTools,
    browser: &Browser,
    options: &TestOptions,
) -> Suite {
    let command = end_to_end_command(workspace, tools, browser, BROWSERS).map(|mut cargo| {
        select(&mut cargo, options);
        cargo
    });
    Suite {
        name: "end to end".to_owned(),
        command,
    }
}

/// The end-to-end package's own target that photographs the page.
pub(super) fn screenshots(workspace: &Workspace, tools: &PageTools, browser: &Browser) -> Suite {
    let command = end_to_end_command(workspace, tools, browser, SCREENSHOTS).map(|mut cargo| {
        cargo.args(["--", "--ignored"]);
        cargo.env("TABCHAIN_SCREENSHOTS", workspace.root().join("docs/images"));
        cargo
    });
    Suite {
        name: SCREENSHOTS.to_owned(),
        command,
    }
}

/// One test target of the end-to-end package, with the programs that it drives built for tests:
/// arithmetic that overflows is found in them.
fn end_to_end_command(
    workspace: &Workspace,
    tools: &PageTools,
    browser: &Browser,
    target: &str,
) -> Result<Command, String> {
    page::build(workspace, tools).map_err(|error| error.to_string())?;
    let mut programs = native_tests(workspace);
    programs.args(BESIDE_PROGRAMS).arg("--no-run");
    process::run(&mut programs).map_err(|error| error.to_string())?;

    let mut cargo = native_tests(workspace);
    let folder = workspace.target().join("debug");
    drive_browsers(&mut cargo, workspace, browser, &folder)?;
    cargo
        .args(["--features", "e2e/browsers", "--test", target])
        // Each test is several browsers already.
        .env("RUST_TEST_THREADS", "1");
    Ok(cargo)
}

/// The end-to-end package's program that measures whole browsers, in release like what it drives.
pub(crate) fn measuring(
    workspace: &Workspace,
    tools: &PageTools,
    browser: &Browser,
    bench: &str,
) -> Result<Command, String> {
    page::build(workspace, tools).map_err(|error| error.to_string())?;
    relay::build_with_page(workspace).map_err(|error| error.to_string())?;

    let mut cargo = process::command("cargo");
    let folder = workspace.target().join("release");
    drive_browsers(&mut cargo, workspace, browser, &folder)?;
    cargo
        .current_dir(workspace.root())
        .args(["run", "--release", "--package", END_TO_END])
        .args(["--bin", "measure", "--", bench]);
    Ok(cargo)
}

/// Names the programs to the end-to-end package by environment variables; the relay and the worker
/// are in `programs`.
fn drive_browsers(
    cargo: &mut Command,
    workspace: &Workspace,
    browser: &Browser,
    programs: &Path,
) -> Result<(), String> {
    let failures = workspace.root().join("e2e/failures");
    empty(&failures)?;
    cargo
        .env("RELAY_BIN", programs.join("relay"))
        .env("WORKER_BIN", programs.join("block-chain-worker"))
        .env("PAGE_DIST", workspace.dist())
        .env("CHROME", &browser.chrome)
        .env("CHROMEDRIVER", &browser.chromedriver)
        .env("E2E_FAILURES", failures);
    Ok(())
}

/// Hands filter and `--long` on to the test programs.
fn select(cargo: &mut Command, options: &TestOptions) {
    cargo.arg("--").args(&options.filter);
    if options.long {
        cargo.arg("--include-ignored").env("TABCHAIN_LONG", "1");
    }
}

/// What wasm-bindgen-test-runner asks the driver for.
fn write_capabilities(path: &Path, browser: &Browser) -> Result<(), String> {
    let mut arguments = vec![
        "--headless=new",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--disable-dev-shm-usage",
    ];
    if is_root() {
        // Chromium's sandbox refuses root.
        arguments.push("--no-sandbox");
    }
    let capabilities =
        json!({ "goog:chromeOptions": { "binary": browser.chrome, "args": arguments } });
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, capabilities.to_string()))
        .map_err(|error| format!("{}: {error}", path.display()))
}

/// An empty folder, so that what lies there afterwards comes from this run.
fn empty(folder: &Path) -> Result<(), String> {
    let removed = if folder.exists() {
        fs::remove_dir_all(folder)
    } else {
        Ok(())
    };
    removed
        .and_then(|()| fs::create_dir_all(folder))
        .map_err(|error| format!("{}: {error}", folder.display()))
}
