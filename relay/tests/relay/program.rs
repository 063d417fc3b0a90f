//! Relays under test: in this process, or as the program that it is.

use std::future::Future;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use relay::Server;
use relay::settings::Settings;
use tempfile::TempDir;

/// How long anything may take until a test gives up.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
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
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut probe: impl FnMut() -> F,
) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A relay in this process, with a data folder of its own.
pub(crate) struct Local {
    pub(crate) server: Server,
    pub(crate) data: TempDir,
}

impl Local {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    pub(crate) async fn start_with(arguments: &[&str]) -> Self {
        let data = TempDir::new().unwrap();
        let server = Server::start(&settings(data.path(), arguments))
            .await
            .unwrap();
        Self { server, data }
    }

    pub(crate) fn port(&self) -> u16 {
        self.server.listening().address.port()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port())
    }
}

pub(crate) fn settings(data: &Path, arguments: &[&str]) -> Settings {
    let data = data.to_str().unwrap();
    let fixed = ["relay", "--port", "0", "--data", data];
    Settings::try_parse_from([&fixed, QUICK.as_slice(), arguments].concat()).unwrap()
}

/// A relay as a program.
pub(crate) struct Program {
    child: Child,
    pub(crate) port: u16,
    /// Kept open: a program whose output nobody takes may stop.
    _out: BufReader<ChildStdout>,
}

impl Program {
    /// Starts it and waits until it listens.
    pub(crate) fn start(data: &Path, port: u16) -> Self {
        Self::start_with_errors_to(data, port, Stdio::inherit())
    }

    /// The same on any port, with more arguments.
    pub(crate) fn start_with(data: &Path, arguments: &[&str]) -> Self {
        let arguments = [&["--port", "0"], arguments].concat();
        Self::spawn(&mut command(data, &arguments), Stdio::inherit())
    }

    pub(crate) fn start_with_errors_to(data: &Path, port: u16, errors: Stdio) -> Self {
        Self::spawn(&mut command(data, &["--port", &port.to_string()]), errors)
    }

    fn spawn(command: &mut Command, errors: Stdio) -> Self {
        let mut child = command
            .args(QUICK)
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let port = line
            .trim_end()
            .strip_prefix("listening on http://localhost:")
            .unwrap_or_else(|| panic!("the first line is {line:?}"));
        Self {
            port: port.parse().unwrap(),
            child,
            _out: out,
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits until it has ended by itself.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// `kill -TERM`; returns how the program ended, and after how long.
    pub(crate) fn terminate(mut self) -> (ExitStatus, Duration) {
        let asked = Instant::now();
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(status.unwrap().success());
        (self.child.wait().unwrap(), asked.elapsed())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Where the test has ended it already, there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a relay that must refuse to start; returns what it says.
pub(crate) fn refusal(data: &Path, arguments: &[&str]) -> String {
    let mut child = command(data, arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stderr = child.stderr.take().unwrap();
    stderr.read_to_string(&mut said).unwrap();
    let status = child.wait().unwrap();
    assert!(!status.success(), "it did start: {said}");
    assert!(!said.contains("panicked"), "{said}");
    said
}

fn command(data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_relay"));
    command
        .args(["--log", "warn", "--bind", "127.0.0.1", "--data"])
        .arg(data)
        .args(arguments);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("TABCHAIN_") {
            command.env_remove(name);
        }
    }
    command
}
