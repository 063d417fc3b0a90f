//! A Chromium and its driver, for tests.

use std::path::PathBuf;

use super::{SetupError, apt, step};
use crate::process;

const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
const DRIVERS: [&str; 1] = ["chromedriver"];

/// Where the two programs lie.
#[derive(Debug)]
pub(crate) struct Browser {
    /// Chromium or Chrome.
    pub(crate) chrome: PathBuf,
    /// chromedriver of the same major version.
    pub(crate) chromedriver: PathBuf,
}

/// `CHROME` and `CHROMEDRIVER`, else the PATH, else Debian's packages.
pub(super) fn ensure() -> Result<Browser, SetupError> {
    if let Some(browser) = find() {
        return Ok(browser);
    }
    if apt::is_available() {
        step("Chromium and chromedriver", "about 30 s", || {
            apt::install("Chromium with its driver", &["chromium", "chromium-driver"])
        })?;
    }
    find().ok_or_else(|| SetupError::Missing {
        what: "Chromium or Chrome with chromedriver".to_owned(),
        remedy: "Install both in the same version, put them on PATH or name them by CHROME=… and CHROMEDRIVER=…"
            .to_owned(),
    })
}

fn find() -> Option<Browser> {
    Some(Browser {
        chrome: program("CHROME", &BROWSERS)?,
        chromedriver: program("CHROMEDRIVER", &DRIVERS)?,
    })
}

fn program(variable: &str, names: &[&str]) -> Option<PathBuf> {
    std::env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(|| names.iter().find_map(|name| process::find_on_path(name)))
}
