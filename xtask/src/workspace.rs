//! Where things lie in this repository.

use std::path::{Path, PathBuf};

/// The repository's root and the folders that builds write to.
#[derive(Debug, Clone)]
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace this program was built from.
    pub(crate) fn locate() -> Self {
        let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest_dir
            .parent()
            .map_or_else(|| PathBuf::from("."), Path::to_path_buf);
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's output for native builds: `CARGO_TARGET_DIR`, as cargo itself reads it, or `target/`.
    pub(crate) fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| self.root.join("target"), |dir| self.root.join(dir))
    }

    /// Cargo's output for wasm builds: a folder of its own, so that the two never wait for each other's lock.
    pub(crate) fn wasm_target(&self) -> PathBuf {
        self.target().join("wasm")
    }

    /// The built page, as the relay embeds it.
    pub(crate) fn dist(&self) -> PathBuf {
        self.root.join("dist")
    }
}
