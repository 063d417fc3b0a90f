//! A compiler for `wasm32-unknown-unknown`: the user's own where it has the target, else Debian's.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

use super::{SetupError, ToolsDir, apt, debian_wasm, step};
use crate::process;

pub(super) const TARGET: &str = "wasm32-unknown-unknown";

/// Which compiler builds wasm, and the tools that go with it.
#[derive(Debug, Clone)]
pub(crate) struct WasmToolchain {
    tools: ToolsDir,
    /// The toolchain folder when it is not the user's default one.
    folder: Option<PathBuf>,
}

impl WasmToolchain {
    /// A command (cargo, trunk) that compiles with this toolchain into `target_dir`.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>, target_dir: &Path) -> Command {
        let mut command = process::command(program);
        let bin = self.folder.as_ref().map(|folder| folder.join("bin"));
        command
            .env("PATH", self.tools.search_path(bin.as_deref()))
            .env("CARGO_TARGET_DIR", target_dir);
        if let Some(folder) = &self.folder {
            // Where rustup's proxies come first on PATH all the same, they take the folder as a toolchain.
            command.env("RUSTUP_TOOLCHAIN", folder);
        }
        command
    }

    /// Distinguishes compilers: a page built by one is not reused for the other.
    pub(crate) fn describe(&self) -> String {
        self.folder.as_ref().map_or_else(
            || "the default toolchain".to_owned(),
            |folder| format!("the toolchain in {}", folder.display()),
        )
    }

    /// Programs of the tools folder.
    pub(crate) fn bin(&self) -> PathBuf {
        self.tools.bin()
    }
}

/// Finds a compiler with the target, or gets one: by rustup where it may install, by Debian's packages else.
pub(super) fn ensure(tools: &ToolsDir) -> Result<WasmToolchain, SetupError> {
    let default = WasmToolchain {
        tools: tools.clone(),
        folder: None,
    };
    if default_has_target() {
        return Ok(default);
    }
    if rustup_may_install() {
        step("wasm target", "a few seconds", || {
            Ok(process::run(
                process::command("rustup").args(["target", "add", TARGET]),
            )?)
        })?;
        return Ok(default);
    }
    if apt::is_available() {
        let folder = debian_wasm::ensure(tools)?;
        return Ok(WasmToolchain {
            tools: tools.clone(),
            folder: Some(folder),
        });
    }
    Err(SetupError::Missing {
        what: format!("the Rust target {TARGET}"),
        remedy: format!("Type: rustup target add {TARGET} (rustup itself: https://rustup.rs)"),
    })
}

fn default_has_target() -> bool {
    process::capture(process::command("rustc").args([
        "--print",
        "target-libdir",
        "--target",
        TARGET,
    ]))
    .is_ok_and(|folder| Path::new(folder.trim_end()).is_dir())
}

/// rustup is there, and nobody told it to keep its hands off the network.
fn rustup_may_install() -> bool {
    let forbidden = std::env::var_os("RUSTUP_AUTO_INSTALL").is_some_and(|value| value == "0");
    !forbidden && process::find_on_path("rustup").is_some()
}
