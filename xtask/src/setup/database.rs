//! PostgreSQL's programs, for tests that start a server of their own.

use std::fs;

use super::{SetupError, apt, step};
use crate::process;

/// Debian's packages, else `initdb` and `psql` on the PATH.
pub(super) fn ensure() -> Result<(), SetupError> {
    if is_there() {
        return Ok(());
    }
    if apt::is_available() {
        step("PostgreSQL", "about 30 s", || {
            apt::install("PostgreSQL", &["postgresql"])
        })?;
    }
    if is_there() {
        return Ok(());
    }
    Err(SetupError::Missing {
        what: "PostgreSQL".to_owned(),
        remedy: "Install its server and its client, and put initdb and psql on PATH".to_owned(),
    })
}

/// Debian keeps the server's programs out of the PATH.
fn is_there() -> bool {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let has_debians = versions
        .filter_map(Result::ok)
        .any(|version| version.path().join("bin/initdb").exists());
    (has_debians || process::find_on_path("initdb").is_some())
        && process::find_on_path("psql").is_some()
}
