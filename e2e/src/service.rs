//! A server process that a test starts, reads the log of, and ends.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::wait::{self, Look};

/// A running server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    name: &'static str,
    child: Child,
    log: PathBuf,
    /// Where this process began to write in a log that outlives it.
    log_start: usize,
}

impl Service {
    /// Starts `command`; what it prints is appended to `log`.
    pub(crate) fn start(name: &'static str, mut command: Command, log: &Path) -> Result<Self> {
        let mut output = File::options().create(true).append(true).open(log)?;
        writeln!(output, "--- {command:?}")?;
        let log_start = fs::read(log)?.len();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("{name} could not be started: {command:?}"))?;
        Ok(Self {
            name,
            child,
            log: log.to_owned(),
            log_start,
        })
    }

    /// The first line of this process's log that contains `marker`.
    pub(crate) async fn line_with(&mut self, marker: &str, deadline: Duration) -> Result<String> {
        let condition = format!("{} prints a line with `{marker}`", self.name);
        let found = wait::until(&condition, deadline, async || {
            if let Some(line) = self.log()?.lines().find(|line| line.contains(marker)) {
                return Ok(Look::Holds(Ok(line.to_owned())));
            }
            Ok(match self.exit_status()? {
                None => Look::NotYet(self.log()?),
                Some(status) => Look::Holds(Err(status)),
            })
        })
        .await?;
        match found {
            Ok(line) => Ok(line),
            Err(status) => bail!(
                "{} ended with {status} before it printed `{marker}`; its log:\n{}",
                self.name,
                self.log()?
            ),
        }
    }

    /// What this process has printed so far.
    pub(crate) fn log(&self) -> Result<String> {
        let bytes = fs::read(&self.log)?;
        let own = bytes.get(self.log_start..).unwrap_or_default();
        Ok(String::from_utf8_lossy(own).into_owned())
    }

    /// Waits until the process has ended by itself.
    pub(crate) async fn ended(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let condition = format!("{} ends by itself", self.name);
        wait::until(&condition, deadline, async || {
            Ok(match self.exit_status()? {
                Some(status) => Look::Holds(status),
                None => Look::NotYet("it runs".to_owned()),
            })
        })
        .await
    }

    /// Sends a signal, unless the process has ended.
    pub(crate) fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.exit_status()?.is_none() {
            let pid = Pid::from_raw(self.child.id().cast_signed()).context("a pid is not 0")?;
            kill_process(pid, signal)?;
        }
        Ok(())
    }

    fn exit_status(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Ends the process at once, as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        // Both fail only where the process has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.kill();
    }
}
