//! Child processes: a clean environment, one way to run each, errors that name the command.

use std::{
    ffi::OsStr,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

/// Why a child process did not do its job.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProcessError {
    /// The program is missing or cannot be executed.
    #[error("`{program}` could not be started ({source}); is it installed and on PATH?")]
    Start {
        /// As it was asked for.
        program: String,
        /// The system's answer.
        source: io::Error,
    },
    /// The program ran and said no.
    #[error("`{command}` ended with {status}; its own words are above")]
    Failed {
        /// Program and arguments.
        command: String,
        /// Exit code or signal.
        status: ExitStatus,
    },
    /// Its output could not be read.
    #[error("the output of `{command}` could not be read: {source}")]
    Output {
        /// Program and arguments.
        command: String,
        /// The system's answer.
        source: io::Error,
    },
}

/// A command without what `cargo run` put into this process's own environment.
///
/// Build scripts watch variables such as `CARGO_PKG_NAME`: passed on, they make cargo rebuild crates
/// (ring among them) each time it is called from here and by hand in turn.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let is_own = name.to_str().is_some_and(|name| {
            name == "CARGO"
                || name == "LD_LIBRARY_PATH"
                || name == "DYLD_FALLBACK_LIBRARY_PATH"
                || name.starts_with("CARGO_PKG_")
                || name.starts_with("CARGO_MANIFEST_")
        });
        if is_own {
            command.env_remove(name);
        }
    }
    command
}

/// Runs `command` to its end, its output on standard error: standard output belongs to results.
pub(crate) fn run(command: &mut Command) -> Result<(), ProcessError> {
    let status = command
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .map_err(|source| start_error(command, source))?;
    check(command, status)
}

/// Runs `command` and returns its standard output; standard error is dropped.
pub(crate) fn capture(command: &mut Command) -> Result<String, ProcessError> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|source| start_error(command, source))?;
    check(command, output.status)?;
    String::from_utf8(output.stdout).map_err(|error| ProcessError::Output {
        command: describe(command),
        source: io::Error::new(io::ErrorKind::InvalidData, error),
    })
}

/// Runs `command` and returns its standard output; standard error passes through.
pub(crate) fn capture_loudly(command: &mut Command) -> Result<String, ProcessError> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| start_error(command, source))?;
    if !output.status.success() {
        eprint!("{}", String::from_utf8_lossy(&output.stdout));
    }
    check(command, output.status)?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs `command`, passing each line of its standard output on as it comes and to `on_line`.
pub(crate) fn stream(
    command: &mut Command,
    mut on_line: impl FnMut(&str),
) -> Result<ExitStatus, ProcessError> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|source| start_error(command, source))?;
    let output_error = |source| ProcessError::Output {
        command: describe(command),
        source,
    };
    if let Some(stdout) = child.stdout.take() {
        let mut reader = BufReader::new(stdout);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).map_err(output_error)? > 0 {
            let text = String::from_utf8_lossy(&line);
            print!("{text}");
            on_line(text.trim_end());
            line.clear();
        }
    }
    child.wait().map_err(output_error)
}

/// Where `program` lies on PATH.
pub(crate) fn find_on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
}

/// Whether this process may install system packages.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

pub(crate) fn start_error(command: &Command, source: io::Error) -> ProcessError {
    ProcessError::Start {
        program: command.get_program().to_string_lossy().into_owned(),
        source,
    }
}

fn check(command: &Command, status: ExitStatus) -> Result<(), ProcessError> {
    if status.success() {
        Ok(())
    } else {
        Err(ProcessError::Failed {
            command: describe(command),
            status,
        })
    }
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words
        .map(OsStr::to_string_lossy)
        .collect::<Vec<_>>()
        .join(" ")
}

fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}
