//! What a browser was told to keep: waiting for a file, and damaging one.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::tab::SOON;
use crate::wait::{self, Look};

/// Waits for a file whose name begins so, and that is complete.
pub async fn file(folder: &Path, begin: &str) -> Result<PathBuf> {
    wait::until(&format!("a file {begin}…"), SOON, async || {
        let mut seen = Vec::new();
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if name.starts_with(begin) && name.ends_with(".tabchain") {
                return Ok(Look::Holds(path));
            }
            seen.push(name.into_owned());
        }
        Ok(Look::NotYet(format!("{seen:?}")))
    })
    .await
}

/// A copy of a file with one byte changed, `from_end` bytes before its end.
pub fn altered(file: &Path, from_end: usize) -> Result<PathBuf> {
    let mut bytes = fs::read(file)?;
    let place = bytes
        .len()
        .checked_sub(from_end)
        .context("a shorter file")?;
    *bytes.get_mut(place).context("a byte there")? ^= 1;
    beside(file, "altered", &bytes)
}

/// A copy of a file without its last byte.
pub fn truncated(file: &Path) -> Result<PathBuf> {
    let mut bytes = fs::read(file)?;
    bytes.pop();
    beside(file, "truncated", &bytes)
}

fn beside(file: &Path, extension: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = file.with_extension(extension);
    fs::write(&path, bytes)?;
    Ok(path)
}
