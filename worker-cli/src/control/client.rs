//! The end of a command.

use std::path::Path;

use shared::node::interface::{Answer, Command};
use tokio::net::UnixStream;

use super::{Ask, ControlError, Told, VERSION, receive, send};
use crate::commands::Progress;
use crate::failure::Failure;
use crate::node::Seen;

/// Speaks to a running worker.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
}

impl Client {
    /// Connects to the worker that listens at `path`; nothing where none does.
    pub async fn connect(path: &Path) -> Result<Option<Self>, Failure> {
        // A file that is left of a worker that was killed answers nobody.
        let Ok(stream) = UnixStream::connect(path).await else {
            return Ok(None);
        };
        let mut client = Self { stream };
        let hello = Ask::Hello {
            version: VERSION.to_owned(),
        };
        match client.ask(&hello).await? {
            Told::Welcome { version } if version == VERSION => Ok(Some(client)),
            Told::Welcome { version: running } => Err(ControlError::Version { running }.into()),
            other => Err(unexpected(&other)),
        }
    }

    /// Has the node do something.
    pub async fn command(&mut self, command: Command) -> Result<Answer, Failure> {
        match self.ask(&Ask::Do(command)).await? {
            Told::Answer(answer) => Ok(*answer),
            other => Err(unexpected(&other)),
        }
    }

    /// Waits for the first view that is newer than this version; 0 is older than any.
    pub async fn see(&mut self, after: u64) -> Result<Seen, Failure> {
        match self.ask(&Ask::See(after)).await? {
            Told::Seen(seen) => Ok(*seen),
            other => Err(unexpected(&other)),
        }
    }

    /// Has the worker dump into the database of this URL.
    pub async fn start_dump(&mut self, url: String) -> Result<Progress, Failure> {
        self.ask_of_dump(&Ask::StartDump { url }).await
    }

    /// Has the worker dump no more; when this returns, nothing more is written.
    pub async fn stop_dump(&mut self) -> Result<Progress, Failure> {
        self.ask_of_dump(&Ask::StopDump).await
    }

    /// How far the worker's dump is, or why it has halted.
    pub async fn dump_status(&mut self) -> Result<Progress, Failure> {
        self.ask_of_dump(&Ask::DumpStatus).await
    }

    async fn ask_of_dump(&mut self, ask: &Ask) -> Result<Progress, Failure> {
        match self.ask(ask).await? {
            Told::Dump(progress) => Ok(progress),
            other => Err(unexpected(&other)),
        }
    }

    /// Has the worker leave the network and end; returns when it has.
    pub async fn leave(mut self) -> Result<(), Failure> {
        match self.ask(&Ask::Leave).await? {
            Told::Leaving => {}
            other => return Err(unexpected(&other)),
        }
        // Its end closes the socket.
        while receive::<Told>(&mut self.stream).await.is_ok() {}
        Ok(())
    }

    async fn ask(&mut self, ask: &Ask) -> Result<Told, Failure> {
        send(&mut self.stream, ask).await?;
        match receive(&mut self.stream).await? {
            Told::Failed { class, message } => Err(Failure::new(class, message)),
            told => Ok(told),
        }
    }
}

fn unexpected(told: &Told) -> Failure {
    ControlError::Malformed(format!("{told:?} is no answer to that")).into()
}
