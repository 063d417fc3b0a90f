//! Names the build by its sources, so that page and workers can tell whether they belong together,
//! and compiles the page's messages.

#[path = "build/messages.rs"]
mod messages;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What a build is made of, relative to this package.
const SOURCES: [&str; 7] = [
    "Cargo.toml",
    "assets/locales",
    "build",
    "src",
    "../shared/Cargo.toml",
    "../shared/src",
    "../Cargo.lock",
];

fn main() -> io::Result<()> {
    let package = PathBuf::from(env::var("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut files = Vec::new();
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
        collect(&package.join(source), &mut files)?;
    }
    files.sort();

    // The hasher's keys are fixed: the same sources give the same name in each of the three builds.
    let mut hasher = DefaultHasher::new();
    for file in files {
        file.strip_prefix(&package)
            .unwrap_or(&file)
            .hash(&mut hasher);
        fs::read(&file)?.hash(&mut hasher);
    }
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    println!(
        "cargo::rustc-env=TABCHAIN_BUILD={version}-{:016x}",
        hasher.finish()
    );
    compile_messages(&package)
}

/// Writes the texts that `src/page/locale/messages.rs` includes.
fn compile_messages(package: &Path) -> io::Result<()> {
    let mut languages = Vec::new();
    for (name, file) in [("ENGLISH", "en.ftl"), ("BRAZILIAN_PORTUGUESE", "pt-BR.ftl")] {
        let source = fs::read_to_string(package.join("assets/locales").join(file))?;
        let messages = messages::read(&source)
            .map_err(|error| io::Error::other(format!("{file}: {error}")))?;
        languages.push((name, messages));
    }
    let texts = messages::source(&languages).map_err(io::Error::other)?;
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(folder.join("messages.rs"), texts)
}

/// Adds `path`, or all files below it; what does not exist adds nothing.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_file() {
        files.push(path.to_path_buf());
    } else if path.is_dir() {
        for entry in fs::read_dir(path)? {
            collect(&entry?.path(), files)?;
        }
    }
    Ok(())
}
