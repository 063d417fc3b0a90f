//! A worker on the command line: the real program, with a data folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::environment;
use crate::service::Service;

const JOIN_DEADLINE: Duration = Duration::from_secs(30);

/// A data folder and commands in it. One that runs ends when this is dropped.
#[derive(Debug)]
pub struct Worker {
    data: PathBuf,
    id: u64,
    running: Option<Service>,
}

impl Worker {
    /// A member of the relay's default network, with a new key.
    pub async fn register(folder: &Path, name: &str, server: &str) -> Result<Self> {
        let mut worker = Self {
            data: folder.join(name),
            id: 0,
            running: None,
        };
        let registered = worker.json(&["register", "--server", server]).await?;
        worker.id = registered
            .get("id")
            .and_then(Value::as_u64)
            .context("a member has a number")?;
        Ok(worker)
    }

    /// Its number.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// What a command prints for scripts.
    pub async fn json(&self, arguments: &[&str]) -> Result<Value> {
        let command = self.command(arguments)?;
        let output = tokio::process::Command::from(command)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{arguments:?}: {said}");
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// Starts `run`, and waits until it is a member.
    pub async fn run(&mut self) -> Result<()> {
        let log = self.data.with_extension("log");
        let mut service = Service::start("the worker", self.command(&["run"])?, &log)?;
        service.line_with("\"joined\"", JOIN_DEADLINE).await?;
        self.running = Some(service);
        Ok(())
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(environment::worker()?);
        command
            .arg("--json")
            .arg("--data-dir")
            .arg(&self.data)
            .args(arguments);
        Ok(command)
    }
}
