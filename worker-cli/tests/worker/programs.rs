//! Relays and workers under test.

use std::ffi::OsStr;
use std::fs::{self, DirEntry};
use std::io::{BufRead, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use crate::manual;

/// How long anything may take until a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);
/// A block costs some hundred hashes, and comes every second.
const QUICK: [&str; 6] = [
    "--first-hashes-log2",
    "8",
    "--easiest-hashes-log2",
    "4",
    "--spacing-ms",
    "1000",
];

/// Waits until a condition holds.
pub(crate) fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        sleep(Duration::from_millis(30));
    }
}

/// A relay as a program, with a data folder of its own.
pub(crate) struct Relay {
    program: Child,
    pub(crate) url: String,
    /// What it printed before it listened.
    pub(crate) printed: Vec<String>,
    data: TempDir,
    /// Kept open: a program whose output nobody takes may stop.
    _out: Lines<BufReader<ChildStdout>>,
}

impl Relay {
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    pub(crate) fn start_with(arguments: &[&str]) -> Self {
        let data = TempDir::new().unwrap();
        let mut program = without_settings(Command::new(relay_binary()))
            .args(["--log", "warn", "--bind", "127.0.0.1", "--port", "0"])
            .arg("--data")
            .arg(data.path())
            .args(QUICK)
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(program.stdout.take().unwrap()).lines();
        let mut printed = Vec::new();
        let url = loop {
            let line = out.next().unwrap().unwrap();
            if let Some(url) = line.strip_prefix("listening on ") {
                break url.to_owned();
            }
            printed.push(line);
        };
        Self {
            program,
            url,
            printed,
            data,
            _out: out,
        }
    }

    /// The certificate that it has made for itself.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.data.path().join("tls-cert.pem")
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }
}

/// A data folder, and commands in it.
pub(crate) struct Worker {
    pub(crate) data: TempDir,
}

impl Worker {
    /// With nothing in its folder.
    pub(crate) fn new() -> Self {
        Self {
            data: TempDir::new().unwrap(),
        }
    }

    /// A member of the relay's default network.
    pub(crate) fn registered(relay: &Relay) -> Self {
        let worker = Self::new();
        worker.json(&["register", "--server", &relay.url]);
        worker
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = without_settings(Command::new(worker_binary()));
        command
            .arg("--data-dir")
            .arg(self.data.path())
            .args(arguments);
        command
    }

    /// Runs a command to its end.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.output_with(&[], arguments)
    }

    /// The same with variables in its environment.
    pub(crate) fn output_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Output {
        self.command(arguments)
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// What a command that succeeds prints for scripts.
    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.output(&[&["--json"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        let printed = serde_json::from_slice(&output.stdout).unwrap();
        manual::assert_output(arguments, &printed);
        printed
    }

    /// The exit code and the error, for scripts, of a command that fails.
    pub(crate) fn failure(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.output(&[&["--json"], arguments].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code().unwrap();
        assert_ne!(code, 0, "{arguments:?} did succeed");
        let error: Value = serde_json::from_str(said.lines().last().unwrap())
            .unwrap_or_else(|_| panic!("{arguments:?}: {said}"));
        assert_eq!(error["error"]["code"], code, "{error}");
        (code, error["error"].clone())
    }

    /// Starts `run`, and waits until it serves commands.
    pub(crate) fn run(&self, arguments: &[&str]) -> Running {
        self.start(&[&["run"], arguments].concat())
    }

    /// Starts `watch`, and waits until it sees the running worker.
    pub(crate) fn watch(&self) -> Running {
        self.start(&["watch"])
    }

    fn start(&self, arguments: &[&str]) -> Running {
        let mut program = self
            .command(&[&["--json"], arguments].concat())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(program.stdout.take().unwrap()).lines();
        let mut running = Running { program, out };
        running.event("joined", |_| true);
        running
    }
}

/// A worker that runs.
pub(crate) struct Running {
    program: Child,
    out: Lines<BufReader<ChildStdout>>,
}

impl Running {
    /// Reads on until an event of this name is as wanted.
    pub(crate) fn event(&mut self, name: &str, is_wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let line = self.out.next().expect("the worker has ended").unwrap();
            let event: Value = serde_json::from_str(&line).unwrap();
            manual::assert_event(&event);
            if event["event"] == name && is_wanted(&event) {
                return event;
            }
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.program.kill().unwrap();
        self.program.wait().unwrap();
    }

    /// Sends a signal by its name, and waits for the end.
    pub(crate) fn signal(mut self, name: &str) -> ExitStatus {
        let pid = self.program.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().unwrap();
        assert!(sent.success());
        self.program.wait().unwrap()
    }

    /// Waits for the end.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.program.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Where the test has ended it already, there is nothing to kill.
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}

pub(crate) fn worker_binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_block-chain-worker"))
}

/// The relay beside the worker. A test run of the whole workspace has built it, for the relay's own
/// tests; alone, this package's tests build it where it is missing, or older than its sources.
fn relay_binary() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let relay = worker_binary().with_file_name("relay");
        let workspace = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        let sources = ["relay", "shared", "store", "dump"].map(|name| workspace.join(name));
        let changed = sources.iter().map(|folder| last_change(folder)).max();
        let built = relay.metadata().and_then(|file| file.modified()).ok();
        if built < changed {
            let is_release = relay
                .parent()
                .is_some_and(|folder| folder.ends_with("release"));
            let profile = if is_release { "release" } else { "dev" };
            let built = Command::new(env!("CARGO"))
                .args(["build", "--quiet", "--package", "relay"])
                .args(["--profile", profile])
                .current_dir(workspace)
                .status();
            assert!(built.unwrap().success(), "the relay does not build");
        }
        relay
    })
}

/// When a source in a package's folder was changed last; its tests are none of the program.
fn last_change(package: &Path) -> SystemTime {
    let entries = fs::read_dir(package).unwrap().map(Result::unwrap);
    let is_source = |entry: &DirEntry| {
        !["tests", "benches"]
            .map(OsStr::new)
            .contains(&&*entry.file_name())
    };
    entries
        .filter(is_source)
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => last_change(&entry.path()),
            false => entry.metadata().unwrap().modified().unwrap(),
        })
        .max()
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// What the developer has set is no matter of a test.
pub(crate) fn without_settings(mut command: Command) -> Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("TABCHAIN_") || text.starts_with("BLOCK_CHAIN_WORKER_") {
            command.env_remove(name);
        }
    }
    command
}
