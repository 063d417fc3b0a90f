//! Debian packages.

use std::{path::Path, sync::Once};

use super::SetupError;
use crate::process::{self, ProcessError};

static UPDATE: Once = Once::new();

/// Whether this is Debian or a derivative of it.
pub(super) fn is_available() -> bool {
    Path::new("/etc/debian_version").exists() && process::find_on_path("apt-get").is_some()
}

/// Installs `packages`, or says what root should type. `what` names their purpose.
pub(super) fn install(what: &str, packages: &[&str]) -> Result<(), SetupError> {
    if is_installed(packages) {
        return Ok(());
    }
    if !process::is_root() {
        return Err(SetupError::Missing {
            what: what.to_owned(),
            remedy: format!(
                "Type: sudo apt-get install --no-install-recommends {}",
                packages.join(" ")
            ),
        });
    }
    UPDATE.call_once(|| {
        // An old package list may still do; if not, the install below fails and says so.
        if let Err(error) = process::run(apt_get().args(["-qq", "update"])) {
            eprintln!("    {error}");
        }
    });
    let mut command = apt_get();
    command
        .args(["-qq", "install", "--yes", "--no-install-recommends"])
        .args(packages);
    process::run(&mut command).map_err(SetupError::Process)
}

fn is_installed(packages: &[&str]) -> bool {
    let mut query = process::command("dpkg-query");
    query
        .args(["--show", "--showformat=${db:Status-Status}\n"])
        .args(packages);
    let answer: Result<String, ProcessError> = process::capture(&mut query);
    answer.is_ok_and(|states| states.lines().all(|state| state == "installed"))
}

fn apt_get() -> std::process::Command {
    let mut command = process::command("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}
