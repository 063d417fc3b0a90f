//! Programs from crates.io, built once by `cargo install` into the tools folder.

use std::fs;

use super::{SetupError, ToolsDir, at, step};
use crate::{process, workspace::Workspace};

/// One program to build.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CargoTool {
    package: &'static str,
    version: String,
    /// How long building it takes on two cores.
    usually: &'static str,
    /// 0 where the program is quick enough without: building is most of its cost.
    opt_level: &'static str,
    /// Whether to build with the dependency versions that the package was published with.
    locked: bool,
    default_features: bool,
}

/// Builds the page: 0.22 needs a newer compiler than the workspace asks for. Without TLS, which serves
/// its downloads of tools and its look for a newer version of itself: it does neither here.
pub(super) fn trunk() -> CargoTool {
    CargoTool {
        package: "trunk",
        version: "0.21.14".to_owned(),
        usually: "4 to 6 minutes",
        opt_level: "0",
        locked: true,
        default_features: false,
    }
}

/// Must equal the library: the two agree on a private format.
pub(super) fn wasm_bindgen(workspace: &Workspace) -> Result<CargoTool, SetupError> {
    let path = workspace.root().join("Cargo.lock");
    let lock = fs::read_to_string(&path).map_err(at(&path))?;
    let version =
        locked_version(&lock, "wasm-bindgen").ok_or(SetupError::NoWasmBindgenVersion { path })?;
    Ok(CargoTool {
        package: "wasm-bindgen-cli",
        version: version.to_owned(),
        usually: "2 to 4 minutes",
        opt_level: "1",
        locked: false,
        default_features: true,
    })
}

/// Builds the tool unless cargo's own record says that this version is there.
pub(super) fn ensure(tools: &ToolsDir, tool: &CargoTool) -> Result<(), SetupError> {
    let CargoTool {
        package, version, ..
    } = tool;
    let record = fs::read_to_string(tools.join(".crates.toml")).unwrap_or_default();
    if record.contains(&format!("\"{package} {version} (")) {
        return Ok(());
    }
    step(&format!("{package} {version}"), tool.usually, || {
        let mut install = process::command("cargo");
        install
            .args([
                "install",
                package,
                "--version",
                version,
                "--force",
                "--root",
            ])
            .arg(tools.join(""))
            .args(tool.locked.then_some("--locked"))
            .args((!tool.default_features).then_some("--no-default-features"))
            // Tools are built outside the workspace, so that its settings and target folder do not touch them.
            .current_dir(tools.join(""))
            // Else cargo warns that nobody will find what it installs.
            .env("PATH", tools.search_path(None))
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("CARGO_BUILD_TARGET")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", tool.opt_level)
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256");
        Ok(process::run(&mut install)?)
    })
}

/// The version of `package` in the text of a Cargo.lock.
fn locked_version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let name = format!("name = \"{package}\"");
    let mut lines = lock.lines();
    lines.find(|line| *line == name)?;
    lines
        .next()?
        .strip_prefix("version = \"")?
        .strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_is_read_for_the_exact_package() {
        let lock = "[[package]]\nname = \"wasm-bindgen-futures\"\nversion = \"0.4.1\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked_version(lock, "wasm-bindgen"), Some("0.2.130"));
        assert_eq!(locked_version(lock, "yew"), None);
    }
}
