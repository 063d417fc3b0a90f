//! The relay that is soaked, and a worker that mines, leads and votes there.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::load::LoadError;
use crate::load::program::{Program, Says};

/// Blocks that cost nearly nothing.
const QUICK: [&str; 6] = [
    "--first-hashes-log2",
    "8",
    "--easiest-hashes-log2",
    "4",
    "--spacing-ms",
    "1000",
];
const PATIENCE: Duration = Duration::from_secs(30);
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Where the programs are.
#[derive(Debug)]
pub struct Programs {
    /// The relay, built in release.
    pub relay: PathBuf,
    /// `block-chain-worker`.
    pub worker: PathBuf,
}

/// The relay and its worker.
pub(super) struct Host {
    relay: Program,
    worker: Worker,
    /// The last command to mine.
    mining: Option<Child>,
}

/// A worker that runs until it is dropped.
struct Worker {
    program: PathBuf,
    data: PathBuf,
    child: Child,
}

/// What a relay has open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Holds {
    pub(super) tasks: u64,
    pub(super) descriptors: u64,
}

impl Host {
    pub(super) fn start(programs: &Programs, data: &Path) -> Result<Self, LoadError> {
        let mut relay = Command::new(&programs.relay);
        relay
            .args(["--port", "0", "--log", "warn", "--data"])
            .arg(data.join("relay"))
            .args(QUICK)
            .args(["--connections-per-address", "100000"])
            .args(["--requests-per-address", "100000"]);
        let relay = Program::start(&mut relay, Says::Out, "listening on ")?;
        let worker = Worker::start(&programs.worker, data, relay.address)?;
        let host = Self {
            relay,
            worker,
            mining: None,
        };
        host.until("a worker that leads", || {
            Ok(host.metric("tabchain_members")? > 0)
        })?;
        Ok(host)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.relay.address
    }

    /// Has the worker mine a block, unless it is at the last one still.
    pub(super) fn mine(&mut self) -> Result<(), LoadError> {
        if let Some(before) = &mut self.mining
            && matches!(before.try_wait(), Ok(None))
        {
            return Ok(());
        }
        let mine = self.worker.command(&["mine_block"]).spawn();
        self.mining = Some(mine.map_err(LoadError::io("a command to mine"))?);
        Ok(())
    }

    pub(super) fn resident_bytes(&self) -> Result<u64, LoadError> {
        self.relay.resident_bytes()
    }

    pub(super) fn height(&self) -> Result<u64, LoadError> {
        self.metric("tabchain_chain_height")
    }

    /// What the relay has open, this question's connection included.
    pub(super) fn holds(&self) -> Result<Holds, LoadError> {
        Ok(Holds {
            tasks: self.metric("tabchain_tasks")?,
            descriptors: u64::try_from(self.relay.descriptors()?).unwrap_or(u64::MAX),
        })
    }

    /// What the relay still has open beyond what it had, once it has forgotten all that it will.
    pub(super) fn keeps_beyond(
        &self,
        before: Holds,
        patience: Duration,
    ) -> Result<Holds, LoadError> {
        let deadline = Instant::now() + patience;
        loop {
            let now = self.holds()?;
            let kept = Holds {
                tasks: now.tasks.saturating_sub(before.tasks),
                descriptors: now.descriptors.saturating_sub(before.descriptors),
            };
            if (kept.tasks, kept.descriptors) == (0, 0) || Instant::now() > deadline {
                return Ok(kept);
            }
            std::thread::sleep(POLL_INTERVAL);
        }
    }

    fn until(
        &self,
        what: &'static str,
        is_so: impl Fn() -> Result<bool, LoadError>,
    ) -> Result<(), LoadError> {
        let deadline = Instant::now() + PATIENCE;
        while !is_so()? {
            if Instant::now() > deadline {
                return Err(LoadError::Silence(what));
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// A gauge of the relay's, by the beginning of its line.
    fn metric(&self, name: &str) -> Result<u64, LoadError> {
        let page = get(self.relay.address, "/metrics")?;
        let line = page.lines().find(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with([' ', '{']))
        });
        let value = line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        value.ok_or_else(|| LoadError::unexpected("a metric", name))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        if let Some(mining) = &mut self.mining {
            // It may have ended.
            let _ = mining.kill();
            let _ = mining.wait();
        }
    }
}

impl Worker {
    fn start(program: &Path, data: &Path, relay: SocketAddr) -> Result<Self, LoadError> {
        let folder = data.join("worker");
        let server = format!("http://{relay}");
        let failed = LoadError::io("the worker");
        let log =
            File::create(data.join("worker.log")).map_err(LoadError::io("the worker's log"))?;
        let registered = command(program, &folder, &["register", "--server", &server]).status();
        if !registered.map_err(failed)?.success() {
            return Err(LoadError::Start {
                program: "block-chain-worker".to_owned(),
                why: format!("it did not register at {server}"),
            });
        }
        let child = command(program, &folder, &["run"])
            .stdout(log)
            .spawn()
            .map_err(LoadError::io("the worker"))?;
        Ok(Self {
            program: program.to_owned(),
            data: folder,
            child,
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        command(&self.program, &self.data, arguments)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(program: &Path, data: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .arg("--data-dir")
        .arg(data)
        .args(["--threads", "1"])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}

/// The answer to a request, head included.
fn get(server: SocketAddr, path: &str) -> Result<String, LoadError> {
    let mut answer = String::new();
    let mut exchange = || {
        let mut stream = TcpStream::connect(server)?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        stream.read_to_string(&mut answer)
    };
    exchange().map_err(LoadError::io("a request"))?;
    Ok(answer)
}
