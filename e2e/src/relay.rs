//! The relay under test: the real program, on a free port, with a data folder of its own.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::Signal;

use crate::environment;
use crate::service::Service;

/// What the relay prints once it accepts connections, with its address.
const READY: &str = "listening on";
const START_DEADLINE: Duration = Duration::from_secs(30);
const STOP_DEADLINE: Duration = Duration::from_secs(15);

/// The network that a relay makes when its data folder is empty.
#[derive(Clone, Copy, Debug)]
pub enum Network {
    /// What a user gets who says nothing: 10 s between blocks.
    Default,
    /// For tests that are not about time: a second between blocks, a moment to find one.
    Fast,
}

impl Network {
    fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Default => &[],
            Self::Fast => &[
                "--spacing-ms=1000",
                "--first-hashes-log2=18",
                "--easiest-hashes-log2=14",
            ],
        }
    }
}

/// Where a relay seems to run.
#[derive(Clone, Copy, Debug)]
pub enum Host {
    /// On the browsers' machine.
    Shared,
    /// On another one, for what is measured of a browser: see [`environment::elsewhere`].
    Elsewhere,
}

/// A relay; it ends when this is dropped.
#[derive(Debug)]
pub struct Relay {
    service: Service,
    port: u16,
    data: PathBuf,
    log: PathBuf,
    host: Host,
    flags: Vec<String>,
}

impl Relay {
    /// Starts one on a free port, and waits until it accepts connections.
    pub async fn start(
        folder: &Path,
        network: Network,
        host: Host,
        flags: &[&str],
    ) -> Result<Self> {
        let data = folder.join("relay-data");
        let log = folder.join("relay.log");
        let flags = [network.flags(), flags].concat();
        let flags: Vec<String> = flags.into_iter().map(str::to_owned).collect();
        let (service, port) = launch(host, 0, &data, &log, &flags).await?;
        Ok(Self {
            service,
            port,
            data,
            log,
            host,
            flags,
        })
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What it has printed since its last start.
    pub fn log(&self) -> Result<String> {
        self.service.log()
    }

    /// Ends it at once, as `kill -9` does.
    pub fn kill_9(&mut self) {
        self.service.kill();
    }

    /// Asks it to stop, as Ctrl-C does, and waits until it has.
    pub async fn stop(&mut self) -> Result<ExitStatus> {
        self.service.signal(Signal::INT)?;
        self.service.ended(STOP_DEADLINE).await
    }

    /// Starts it again on the same port and data folder.
    pub async fn restart(&mut self) -> Result<()> {
        let (service, _) = launch(self.host, self.port, &self.data, &self.log, &self.flags).await?;
        self.service = service;
        Ok(())
    }

    /// Halts the process: connections stay open, and nothing gets through.
    pub fn pause(&mut self) -> Result<()> {
        self.service.signal(Signal::STOP)
    }

    /// Ends a [`Self::pause`].
    pub fn resume(&mut self) -> Result<()> {
        self.service.signal(Signal::CONT)
    }
}

async fn launch(
    host: Host,
    port: u16,
    data: &Path,
    log: &Path,
    flags: &[String],
) -> Result<(Service, u16)> {
    let mut service = Service::start("the relay", command(host, port, data, flags)?, log)?;
    let line = service.line_with(READY, START_DEADLINE).await?;
    let port = port_of(&line).with_context(|| format!("the relay names no port in `{line}`"))?;
    Ok((service, port))
}

fn command(host: Host, port: u16, data: &Path, flags: &[String]) -> Result<Command> {
    let program = environment::relay()?;
    let mut command = match host {
        Host::Shared => Command::new(program),
        Host::Elsewhere => environment::elsewhere(&program),
    };
    command
        .arg(format!("--port={port}"))
        .arg("--data")
        .arg(data)
        .args(flags)
        .arg("--bind=127.0.0.1");
    Ok(command)
}

/// The port of the first address after the marker.
fn port_of(line: &str) -> Option<u16> {
    let (_, address) = line.split_once(READY)?;
    let (_, port) = address.split_whitespace().next()?.rsplit_once(':')?;
    port.trim_end_matches(|c: char| !c.is_ascii_digit())
        .parse()
        .ok()
}

/// How a relay ended that could not start, and what it said.
#[derive(Debug)]
pub struct FailedStart {
    /// Its exit status.
    pub status: ExitStatus,
    /// All that it printed.
    pub output: String,
}

/// Starts a relay that is expected to give up at once.
pub async fn start_in_vain(folder: &Path, port: u16, data: &Path) -> Result<FailedStart> {
    let log = folder.join("relay-in-vain.log");
    let mut service = Service::start("the relay", command(Host::Shared, port, data, &[])?, &log)?;
    let status = service.ended(START_DEADLINE).await?;
    Ok(FailedStart {
        status,
        output: service.log()?,
    })
}

/// A port that somebody else listens on, for as long as the listener lives.
pub fn taken_port() -> Result<(TcpListener, u16)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

/// A folder that nobody can make, root included: its parent is a file.
pub fn folder_below_a_file(folder: &Path) -> Result<PathBuf> {
    let file = folder.join("a-file");
    fs::write(&file, "not a folder")?;
    Ok(file.join("data"))
}

#[cfg(test)]
mod tests {
    use super::port_of;

    #[test]
    fn port_is_read_from_whatever_surrounds_it() {
        let line = "2026-11-21T03:00:00Z INFO relay: listening on http://127.0.0.1:45123/ (page)";
        assert_eq!(port_of(line), Some(45123));
        assert_eq!(port_of("listening on https://localhost:8443"), Some(8443));
        assert_eq!(port_of("listening on nothing"), None);
    }
}
