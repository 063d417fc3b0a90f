//! Servers that live and end together: the first that ends, or a signal, ends all.

use std::{
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    process::{Child, Command, ExitCode, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::process::{ProcessError, start_error};

/// How often children and signals are looked at.
const POLL: Duration = Duration::from_millis(50);
/// What a child gets to end by itself after it was asked to.
const GRACE: Duration = Duration::from_secs(10);

/// Why servers could not be started or waited for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SupervisorError {
    /// A program could not be started.
    #[error(transparent)]
    Start(#[from] ProcessError),
    /// The system refused a signal handler or a wait.
    #[error("child processes could not be watched: {0}")]
    Watch(#[from] std::io::Error),
}

/// Running children, in process groups of their own: only this process gets the terminal's Ctrl-C.
#[derive(Debug)]
pub(crate) struct Supervisor {
    children: Vec<Child>,
    signals: Signals,
}

impl Supervisor {
    /// Starts all commands in order; when one fails to start, those before it are ended.
    pub(crate) fn start(
        commands: impl IntoIterator<Item = Command>,
    ) -> Result<Self, SupervisorError> {
        let mut supervisor = Self {
            children: Vec::new(),
            signals: Signals::new([SIGINT, SIGTERM, SIGHUP])?,
        };
        for mut command in commands {
            match command.process_group(0).spawn() {
                Ok(child) => supervisor.children.push(child),
                Err(source) => {
                    supervisor.stop()?;
                    return Err(start_error(&command, source).into());
                }
            }
        }
        Ok(supervisor)
    }

    /// Waits until the first child ends, ends the others, and passes on how it ended.
    pub(crate) fn wait(mut self) -> Result<ExitCode, SupervisorError> {
        loop {
            for signal in self.signals.pending() {
                if let Some(signal) = Signal::from_named_raw(signal) {
                    self.send(signal);
                }
            }
            for child in &mut self.children {
                if let Some(status) = child.try_wait()? {
                    self.stop()?;
                    return Ok(exit_code(status));
                }
            }
            thread::sleep(POLL);
        }
    }

    /// Asks every child to end, waits, and kills what is still there after [`GRACE`].
    fn stop(&mut self) -> Result<(), SupervisorError> {
        self.send(Signal::TERM);
        let asked = Instant::now();
        for child in &mut self.children {
            while child.try_wait()?.is_none() {
                if asked.elapsed() > GRACE {
                    child.kill()?;
                }
                thread::sleep(POLL);
            }
        }
        Ok(())
    }

    /// Sends `signal` to each child that has not ended.
    fn send(&mut self, signal: Signal) {
        for child in &mut self.children {
            let running = matches!(child.try_wait(), Ok(None));
            let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
            if let (true, Some(pid)) = (running, pid) {
                // It may have ended by itself in between: nothing to tell anybody then.
                let _ = kill_process(pid, signal);
            }
        }
    }
}

/// A shell's convention: 128 and the signal's number for a process that a signal ended.
fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::command;

    fn shell(script: &str) -> Command {
        let mut shell = command("sh");
        shell.args(["-c", script]);
        shell
    }

    #[test]
    fn the_first_end_ends_all_and_gives_the_code() {
        let started = Instant::now();
        let supervisor = Supervisor::start([shell("exec sleep 600"), shell("exit 7")]).unwrap();
        assert_eq!(supervisor.wait().unwrap(), ExitCode::from(7));
        assert!(started.elapsed() < GRACE);
    }

    #[test]
    fn a_signal_is_told_as_shells_do() {
        let supervisor = Supervisor::start([shell("kill -TERM $$")]).unwrap();
        assert_eq!(supervisor.wait().unwrap(), ExitCode::from(143));
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Supervisor::start([command("/nonexistent/relay")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("/nonexistent/relay"), "{error}");
    }
}
