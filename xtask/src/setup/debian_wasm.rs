//! The wasm target without rustup: Debian's compiler, the standard library built from Debian's source of it,
//! and a toolchain folder that joins the two.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use super::{SetupError, ToolsDir, apt, at, step, wasm_toolchain::TARGET};
use crate::process;

/// Compiler, cargo, source of std, clippy and linker: one matching set.
const PACKAGES: [&str; 5] = [
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "rust-web-clippy",
    "lld-22",
];
const RUSTC: &str = "/usr/bin/rustc";
const LINKER: &str = "/usr/lib/llvm-22/bin/lld";
/// What the folder's standard library was built by: `rustc -vV` and [`STD_FLAGS`].
const STAMP: &str = "built-for";
/// Cargo leaves bitcode out where the profile itself does not need it; link-time optimisation of the page does.
const STD_FLAGS: &str = "-Cembed-bitcode=yes";
const SEED_CRATE: &str = "std_seed";

/// The toolchain folder, made again when Debian's compiler has changed.
pub(super) fn ensure(tools: &ToolsDir) -> Result<PathBuf, SetupError> {
    let folder = tools.join("wasm-toolchain");
    let built_for = fs::read_to_string(folder.join(STAMP)).ok();
    if built_for.is_some() && built_for == compiler_version().map(|version| stamp(&version)).ok() {
        return Ok(folder);
    }
    step("Debian's Rust for wasm", "about 20 s", || {
        apt::install("a Rust compiler for wasm", &PACKAGES)
    })?;
    step("standard library for wasm", "about 90 s", || {
        let libraries = build_std(tools)?;
        assemble(tools, &folder, &libraries)
    })?;
    Ok(folder)
}

fn compiler_version() -> Result<String, SetupError> {
    Ok(process::capture(process::command(RUSTC).arg("-vV"))?)
}

fn stamp(compiler_version: &str) -> String {
    format!("{compiler_version}flags: {STD_FLAGS}\n")
}

/// Builds std by building an empty crate on top of it; returns the folder with its `.rlib` files.
fn build_std(tools: &ToolsDir) -> Result<PathBuf, SetupError> {
    let crate_dir = tools.join("build").join(SEED_CRATE);
    let source_dir = crate_dir.join("src");
    fs::create_dir_all(&source_dir).map_err(at(&source_dir))?;
    let manifest = format!(
        "[package]\nname = \"{SEED_CRATE}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [profile.release]\npanic = \"abort\"\n[workspace]\n"
    );
    write(&crate_dir.join("Cargo.toml"), &manifest)?;
    write(&source_dir.join("lib.rs"), "#![no_std]\n")?;

    let target_dir = crate_dir.join("target");
    let mut build = process::command("/usr/bin/cargo");
    build
        .current_dir(&crate_dir)
        .args([
            "build",
            "--release",
            "--target",
            TARGET,
            "-Zbuild-std=std,panic_abort,test,proc_macro",
        ])
        .env("CARGO_TARGET_DIR", &target_dir)
        .env("RUSTC", RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env_remove("RUSTUP_TOOLCHAIN")
        .env("RUSTFLAGS", STD_FLAGS);
    process::run(&mut build)?;
    Ok(target_dir.join(TARGET).join("release/deps"))
}

/// Lays the folder out as rustc expects a sysroot, then puts it in place in one move.
fn assemble(tools: &ToolsDir, folder: &Path, libraries: &Path) -> Result<(), SetupError> {
    let version = compiler_version()?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .unwrap_or("x86_64-unknown-linux-gnu");
    let partial = tools.join("wasm-toolchain.partial");
    remove_dir(&partial)?;

    let rustlib = partial.join("lib/rustlib");
    let wasm_lib = rustlib.join(TARGET).join("lib");
    fs::create_dir_all(&wasm_lib).map_err(at(&wasm_lib))?;
    copy_libraries(libraries, &wasm_lib)?;

    let host_dir = rustlib.join(host);
    let host_bin = host_dir.join("bin");
    fs::create_dir_all(&host_bin).map_err(at(&host_bin))?;
    link(
        &format!("/usr/lib/rustlib/{host}/lib"),
        &host_dir.join("lib"),
    )?;
    link(LINKER, &host_bin.join("rust-lld"))?;

    let bin = partial.join("bin");
    fs::create_dir_all(&bin).map_err(at(&bin))?;
    link("/usr/bin/cargo", &bin.join("cargo"))?;
    let sysroot = folder.display();
    for program in ["rustc", "rustdoc"] {
        script(
            &bin.join(program),
            &format!("exec /usr/bin/{program} --sysroot '{sysroot}' \"$@\""),
        )?;
    }
    script(
        &bin.join("cargo-clippy"),
        &format!("SYSROOT='{sysroot}' exec /usr/bin/cargo-clippy \"$@\""),
    )?;

    write(&partial.join(STAMP), &stamp(&version))?;
    remove_dir(folder)?;
    fs::rename(&partial, folder).map_err(at(folder))?;
    remove_dir(&tools.join("build"))
}

fn copy_libraries(from: &Path, to: &Path) -> Result<(), SetupError> {
    for entry in fs::read_dir(from).map_err(at(from))? {
        let path = entry.map_err(at(from))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".rlib") && !name.contains(SEED_CRATE) {
            fs::copy(&path, to.join(name.as_ref())).map_err(at(&path))?;
        }
    }
    Ok(())
}

fn link(target: &str, path: &Path) -> Result<(), SetupError> {
    symlink(target, path).map_err(at(path))
}

fn script(path: &Path, line: &str) -> Result<(), SetupError> {
    write(path, &format!("#!/bin/sh\n{line}\n"))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(at(path))
}

fn write(path: &Path, text: &str) -> Result<(), SetupError> {
    fs::write(path, text).map_err(at(path))
}

fn remove_dir(path: &Path) -> Result<(), SetupError> {
    if path.exists() {
        fs::remove_dir_all(path).map_err(at(path))
    } else {
        Ok(())
    }
}
