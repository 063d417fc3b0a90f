//! Names the build by its sources, so that page and workers can tell whether they belong together,
//! and checks the page's messages.

#[path = "src/page/locale/fluent.rs"]
mod fluent;
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
    number_messages(&package)
}

/// Writes what `src/page/locale/messages.rs` includes.
fn number_messages(package: &Path) -> io::Result<()> {
    let locales = package.join("assets/locales");
    let files = [
        ("ENGLISH", fs::read_to_string(locales.join("en.ftl"))?),
        (
            "BRAZILIAN_PORTUGUESE",
            fs::read_to_string(locales.join("pt-BR.ftl"))?,
        ),
    ];
    let messages = messages::source(&files).map_err(io::Error::other)?;
    let folder = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(folder.join("messages.rs"), messages)
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
