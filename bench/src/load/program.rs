//! Servers as processes, and what `proc(5)` tells of them. Linux only.

use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::LoadError;

/// `USER_HZ`, which is 100 on every architecture that Rust knows.
const TICKS_PER_S: f64 = 100.0;
/// The size of a page on the machines that this is run on.
const PAGE_BYTES: u64 = 4096;
/// Lines of output before the one with the port.
const LINES_MAX: usize = 100;

/// Where a server writes on which port it listens.
#[derive(Clone, Copy, Debug)]
pub enum Says {
    /// On its standard output.
    Out,
    /// On its standard error.
    Error,
}

/// A server, killed when dropped.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Program {
    /// Starts a server and waits until it writes a line with `announcement` in it and ends that
    /// with its port.
    pub fn start(command: &mut Command, says: Says, announcement: &str) -> Result<Self, LoadError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let failed = |why: String| LoadError::Start {
            program: program.clone(),
            why,
        };
        match says {
            Says::Out => command.stdout(Stdio::piped()),
            Says::Error => command.stdout(Stdio::null()).stderr(Stdio::piped()),
        };
        let mut child = command
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let out: Option<Box<dyn Read + Send>> = match says {
            Says::Out => child.stdout.take().map(|out| Box::new(out) as _),
            Says::Error => child.stderr.take().map(|error| Box::new(error) as _),
        };
        let mut started = Self {
            child,
            address: (Ipv4Addr::LOCALHOST, 0).into(),
        };
        let mut lines = BufReader::new(out.ok_or_else(|| failed("no output".to_owned()))?).lines();
        let mut said = Vec::new();
        for line in lines.by_ref().take(LINES_MAX).map_while(Result::ok) {
            if line.contains(announcement) {
                let port = line.trim_end().rsplit(':').next();
                let port = port.and_then(|port| port.parse().ok());
                let port = port.ok_or_else(|| failed(format!("no port in {line:?}")))?;
                started.address.set_port(port);
                // A program whose output nobody takes may stop.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(started);
            }
            said.push(line);
        }
        Err(failed(format!("it said: {}", said.join(" / "))))
    }

    /// Processor time that it has used, in user and kernel mode.
    pub fn cpu(&self) -> Result<Duration, LoadError> {
        cpu_of(&self.child.id().to_string())
    }

    /// Memory that it holds.
    pub fn resident_bytes(&self) -> Result<u64, LoadError> {
        let path = format!("/proc/{}/statm", self.child.id());
        let statm = fs::read_to_string(path).map_err(LoadError::io("the server's memory"))?;
        let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse().ok());
        let pages: u64 = pages.ok_or_else(|| LoadError::unexpected("numbers of pages", &statm))?;
        Ok(pages * PAGE_BYTES)
    }

    /// File descriptors that it has open.
    pub fn descriptors(&self) -> Result<usize, LoadError> {
        let path = format!("/proc/{}/fd", self.child.id());
        let open = fs::read_dir(path).map_err(LoadError::io("the server's descriptors"))?;
        Ok(open.count())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended by itself needs not be killed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processor time that this process has used.
pub fn own_cpu() -> Result<Duration, LoadError> {
    cpu_of("self")
}

fn cpu_of(process: &str) -> Result<Duration, LoadError> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))
        .map_err(LoadError::io("a process's processor time"))?;
    // The second field, the program's name, may have spaces; it ends with the last parenthesis.
    let fields = stat.rsplit(')').next().unwrap_or_default();
    let ticks: f64 = fields
        .split_ascii_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum();
    Ok(Duration::from_secs_f64(ticks / TICKS_PER_S))
}
