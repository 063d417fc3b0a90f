//! The page: Trunk builds it in release, and only when something it is made of has changed.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    process::{self, ProcessError},
    setup::{PageTools, WasmToolchain},
    workspace::Workspace,
};

/// What the page is made of, relative to the root.
const SOURCES: [&str; 8] = [
    "web-node",
    "shared",
    "index.html",
    "Trunk.toml",
    "Cargo.toml",
    "Cargo.lock",
    "rust-toolchain.toml",
    ".cargo/config.toml",
];
/// Cargo profile of the page and its workers: small first.
const PROFILE: &str = "wasm";

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    /// A source or output file.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Trunk or cargo failed.
    #[error("the page was not built: {0}")]
    Build(#[from] ProcessError),
}

/// Builds the page into `dist/` unless the one there was built from the same sources.
pub(crate) fn build(workspace: &Workspace, tools: &PageTools) -> Result<(), PageError> {
    let stamp = workspace.target().join("page.fingerprint");
    let sources = fingerprint(workspace.root(), &SOURCES, &tools.wasm.describe())?;
    let built = |dist: u64| format!("sources {sources:016x}\ndist {dist:016x}\n");
    if fs::read_to_string(&stamp)
        .is_ok_and(|text| dist_fingerprint(workspace).is_ok_and(|dist| text == built(dist)))
    {
        return Ok(());
    }
    eprintln!("==> building the page (1 to 3 minutes the first time)");
    fetch(workspace, &tools.wasm)?;
    let mut trunk = trunk(workspace, &tools.wasm);
    trunk
        .args([
            "build",
            "--release",
            "--offline",
            "--cargo-profile",
            PROFILE,
            "--dist",
        ])
        .arg(workspace.dist());
    process::run(&mut trunk)?;
    let text = built(dist_fingerprint(workspace)?);
    fs::write(&stamp, text).map_err(|source| PageError::File {
        path: stamp,
        source,
    })
}

/// Trunk in the workspace's root, with the wasm toolchain.
pub(crate) fn trunk(workspace: &Workspace, wasm: &WasmToolchain) -> Command {
    let mut trunk = wasm.command("trunk", &workspace.wasm_target());
    trunk
        .current_dir(workspace.root())
        // Taken by Trunk as a boolean of its own, which refuses the customary "1".
        .env_remove("NO_COLOR")
        // Cargo's own words say what is wrong; Trunk's stack would bury them.
        .env_remove("RUST_BACKTRACE");
    trunk
}

/// Downloads crates: Trunk runs cargo offline, so that no tool is fetched behind the user's back.
pub(crate) fn fetch(workspace: &Workspace, wasm: &WasmToolchain) -> Result<(), ProcessError> {
    let mut fetch = wasm.command("cargo", &workspace.wasm_target());
    process::run(
        fetch
            .current_dir(workspace.root())
            .args(["fetch", "--quiet"]),
    )
}

fn dist_fingerprint(workspace: &Workspace) -> Result<u64, PageError> {
    let dist = workspace.dist();
    fingerprint(&dist, &[""], "")
}

/// A hash over names and contents of all files below `paths`, and over `context`.
fn fingerprint(root: &Path, paths: &[&str], context: &str) -> Result<u64, PageError> {
    let mut files = Vec::new();
    for path in paths {
        collect(&root.join(path), &mut files)?;
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    context.hash(&mut hasher);
    for file in files {
        file.strip_prefix(root).unwrap_or(&file).hash(&mut hasher);
        read(&file)?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

/// Adds `path`, or all files below it; what does not exist adds nothing.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), PageError> {
    if path.is_file() {
        files.push(path.to_path_buf());
    } else if path.is_dir() {
        let error = |source| PageError::File {
            path: path.to_path_buf(),
            source,
        };
        for entry in fs::read_dir(path).map_err(error)? {
            collect(&entry.map_err(error)?.path(), files)?;
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, PageError> {
    fs::read(path).map_err(|source| PageError::File {
        path: path.to_path_buf(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("xtask-{name}-{}", std::process::id()));
            fs::create_dir_all(path.join("web-node/src")).unwrap();
            Self(path)
        }

        fn write(&self, name: &str, text: &str) {
            fs::write(self.0.join(name), text).unwrap();
        }

        fn fingerprint(&self) -> u64 {
            fingerprint(&self.0, &["web-node", "index.html"], "stable").unwrap()
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn fingerprint_follows_content_names_and_context() {
        let folder = Folder::new("fingerprint");
        folder.write("index.html", "<p>");
        folder.write("web-node/src/page.rs", "fn main() {}");
        let first = folder.fingerprint();

        folder.write("web-node/src/page.rs", "fn main() {}");
        folder.write("README.md", "not part of the page");
        assert_eq!(folder.fingerprint(), first);

        folder.write("web-node/src/page.rs", "fn main() { }");
        assert_ne!(folder.fingerprint(), first);
        folder.write("web-node/src/page.rs", "fn main() {}");

        fs::rename(
            folder.0.join("web-node/src/page.rs"),
            folder.0.join("web-node/src/node.rs"),
        )
        .unwrap();
        assert_ne!(folder.fingerprint(), first);
        assert_ne!(
            fingerprint(&folder.0, &["index.html"], "a").unwrap(),
            fingerprint(&folder.0, &["index.html"], "b").unwrap()
        );
    }
}
