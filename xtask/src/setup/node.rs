//! What comes from npm: wasm-opt, since Debian's is too old for what rustc emits, and other people's hash
//! functions to compare with.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{SetupError, ToolsDir, at, step};
use crate::process;

/// Where npm puts programs, below the tools folder.
pub(super) const BIN: &str = "node/node_modules/.bin";
const BINARYEN: &str = "132.0.0";

/// Other people's hash functions, which benchmarks of mining run beside ours.
const HASH_FUNCTIONS: [(&str, &str); 2] = [("hash-wasm", "4.13.0"), ("@noble/hashes", "2.4.0")];

/// Installs binaryen unless this version is there.
pub(super) fn ensure_wasm_opt(tools: &ToolsDir) -> Result<(), SetupError> {
    ensure(tools, "wasm-opt", "node", &[("binaryen", BINARYEN)]).map(drop)
}

/// Installs the hash functions unless these versions are there, and names the folder of packages.
pub(super) fn ensure_hash_functions(tools: &ToolsDir) -> Result<PathBuf, SetupError> {
    ensure(
        tools,
        "peers of the miners",
        "node-mining-peers",
        &HASH_FUNCTIONS,
    )
}

/// Installs packages of npm into a folder below the tools folder, unless these versions are there.
/// Returns the folder that holds them.
pub(super) fn ensure(
    tools: &ToolsDir,
    what: &str,
    folder: &str,
    packages: &[(&str, &str)],
) -> Result<PathBuf, SetupError> {
    let folder = tools.join(folder);
    let modules = folder.join("node_modules");
    if packages
        .iter()
        .all(|package| is_installed(&modules, package))
    {
        return Ok(modules);
    }
    if process::find_on_path("npm").is_none() {
        return Err(SetupError::Missing {
            what: "npm, which comes with Node.js,".to_owned(),
            remedy: "Install Node.js 20 or later (https://nodejs.org, or on Debian: apt-get install nodejs npm)"
                .to_owned(),
        });
    }
    step(what, "about 10 s", || {
        fs::create_dir_all(&folder).map_err(at(&folder))?;
        let mut install = process::command("npm");
        install
            .args([
                "install",
                "--no-audit",
                "--no-fund",
                "--loglevel=error",
                "--prefix",
            ])
            .arg(&folder)
            .args(
                packages
                    .iter()
                    .map(|(name, version)| format!("{name}@{version}")),
            );
        Ok(process::run(&mut install)?)
    })?;
    Ok(modules)
}

fn is_installed(modules: &Path, (name, version): &(&str, &str)) -> bool {
    let manifest = fs::read_to_string(modules.join(name).join("package.json")).unwrap_or_default();
    let installed = serde_json::from_str::<serde_json::Value>(&manifest).unwrap_or_default();
    installed.get("version").and_then(serde_json::Value::as_str) == Some(version)
}
