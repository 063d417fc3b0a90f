//! wasm-opt, from npm: Debian's is too old for what rustc emits.

use std::fs;

use super::{SetupError, ToolsDir, at, step};
use crate::process;

/// Where npm puts programs, below the tools folder.
pub(super) const BIN: &str = "node/node_modules/.bin";
const BINARYEN: &str = "132.0.0";

/// Installs binaryen unless this version is there.
pub(super) fn ensure_wasm_opt(tools: &ToolsDir) -> Result<(), SetupError> {
    let manifest = fs::read_to_string(tools.join("node/node_modules/binaryen/package.json"))
        .unwrap_or_default();
    let installed = serde_json::from_str::<serde_json::Value>(&manifest).unwrap_or_default();
    if installed.get("version").and_then(serde_json::Value::as_str) == Some(BINARYEN) {
        return Ok(());
    }
    if process::find_on_path("npm").is_none() {
        return Err(SetupError::Missing {
            what: "npm, which comes with Node.js,".to_owned(),
            remedy: "Install Node.js 20 or later (https://nodejs.org, or on Debian: apt-get install nodejs npm)"
                .to_owned(),
        });
    }
    step("wasm-opt", "about 10 s", || {
        let folder = tools.join("node");
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
            .arg(&folder);
        install.arg(format!("binaryen@{BINARYEN}"));
        Ok(process::run(&mut install)?)
    })
}
