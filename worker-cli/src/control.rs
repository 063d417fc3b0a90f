//! How commands reach the worker that runs in a data folder: a Unix socket in it, with messages of
//! a length (u32, little-endian) and borsh.

mod client;
mod server;

use std::io;
use std::path::PathBuf;

use borsh::{BorshDeserialize, BorshSerialize};
use shared::encoding::{decode, encode};
use shared::node::interface::{Answer, Command};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

pub use client::Client;
pub use server::{DumpAnswer, Server, Wish};

use crate::commands::Progress;
use crate::failure::Class;
use crate::limits::CONTROL_MESSAGE_BYTES_MAX;
use crate::node::Seen;

/// Both ends must be of one version: the messages are no public interface.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a command asks of the running worker. Not for logs: a URL may hold a password.
#[derive(BorshSerialize, BorshDeserialize)]
enum Ask {
    /// Comes first.
    Hello { version: String },
    /// Has the node do something.
    Do(Command),
    /// The first view that is newer than this version.
    See(u64),
    /// Leave the network, and end.
    Leave,
    /// Begin to dump into the database of this URL.
    StartDump { url: String },
    /// Dump no more.
    StopDump,
    /// Tell how far the dump is.
    DumpStatus,
}

/// What the running worker answers.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
enum Told {
    Welcome { version: String },
    Answer(Box<Answer>),
    Seen(Box<Seen>),
    Leaving,
    Dump(Progress),
    Failed { class: Class, message: String },
}

/// Why the running worker was not reached, or did not answer as it should.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The socket cannot be made.
    #[error(
        "the control socket {path} cannot be made: {source}; name a shorter or another folder with --data-dir"
    )]
    Socket {
        /// The socket.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The other end is gone.
    #[error("the running worker has ended: try again")]
    Gone(#[from] io::Error),
    /// The other end is of another version.
    #[error("the running worker is of version {running}, this is {VERSION}: start it anew")]
    Version {
        /// The running one's.
        running: String,
    },
    /// A message that does not decode, is too long or comes out of turn.
    #[error("the running worker does not speak as it should ({0}): start it anew")]
    Malformed(String),
}

impl ControlError {
    /// Its class.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Socket { .. } => Class::Folder,
            Self::Gone(_) => Class::NotRunning,
            Self::Version { .. } | Self::Malformed(_) => Class::Defect,
        }
    }
}

async fn send<T: BorshSerialize>(stream: &mut UnixStream, message: &T) -> Result<(), ControlError> {
    let bytes = encode(message);
    let length = u32::try_from(bytes.len())
        .ok()
        .filter(|_| bytes.len() <= CONTROL_MESSAGE_BYTES_MAX)
        .ok_or_else(|| ControlError::Malformed(format!("a message has {} bytes", bytes.len())))?;
    stream.write_all(&length.to_le_bytes()).await?;
    stream.write_all(&bytes).await?;
    Ok(())
}

async fn receive<T: BorshDeserialize>(stream: &mut UnixStream) -> Result<T, ControlError> {
    let length = stream.read_u32_le().await?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > CONTROL_MESSAGE_BYTES_MAX {
        return Err(ControlError::Malformed(format!(
            "a message of {length} bytes"
        )));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).await?;
    decode("message", &bytes).map_err(|error| ControlError::Malformed(error.to_string()))
}
