//! The folder that holds the tools: shared by all checkouts, kept when `target/` goes.

use std::{
    ffi::OsString,
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use super::{SetupError, at};

/// `$TABCHAIN_TOOLS`, else `$XDG_CACHE_HOME/tabchain`, else `~/.cache/tabchain`.
#[derive(Debug, Clone)]
pub(crate) struct ToolsDir {
    path: PathBuf,
}

impl ToolsDir {
    /// Finds the folder, and makes it when it is not there.
    pub(crate) fn locate() -> Result<Self, SetupError> {
        let set = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let path = set("TABCHAIN_TOOLS")
            .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("tabchain")))
            .or_else(|| set("HOME").map(|home| home.join(".cache/tabchain")))
            .ok_or(SetupError::NoToolsDir)?;
        fs::create_dir_all(&path).map_err(at(&path))?;
        let path = path.canonicalize().map_err(at(&path))?;
        Ok(Self { path })
    }

    /// Held while steps are checked and done, so that two runs do not install into each other.
    pub(super) fn lock(&self) -> Result<File, SetupError> {
        let path = self.path.join(".lock");
        let lock = File::create(&path).map_err(at(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                eprintln!("==> waiting for another `cargo xtask` that is installing tools");
                lock.lock().map_err(at(&path))?;
            }
            Err(TryLockError::Error(source)) => return Err(SetupError::File { path, source }),
        }
        Ok(lock)
    }

    pub(super) fn join(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.path.join(relative)
    }

    /// Programs installed by cargo: trunk, wasm-bindgen, wasm-bindgen-test-runner.
    pub(crate) fn bin(&self) -> PathBuf {
        self.join("bin")
    }

    /// This process's PATH with the tools' folders before it, and `first` before those.
    pub(super) fn search_path(&self, first: Option<&Path>) -> OsString {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let folders = first
            .map(Path::to_path_buf)
            .into_iter()
            .chain([self.bin(), self.join(super::node::BIN)])
            .chain(std::env::split_paths(&inherited));
        // Fails only for a folder with a colon in its name, which no PATH can hold.
        std::env::join_paths(folders).unwrap_or(inherited)
    }
}
