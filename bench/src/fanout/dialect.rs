//! The three servers: how they are started, joined, sent to and read.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use shared::hash::NetworkId;
use shared::message::Message;

use super::messages::{Kind, Messages, SENDERS, Shape, secret};
use crate::load::LoadError;
use crate::load::member::{self, pong, status};
use crate::load::program::{Program, Says};
use crate::load::websocket::{self, FrameReader, Joiner};

const NATS_SUBJECT: &str = "fan";
/// NATS' commands in front of a message have below fifty bytes.
const NATS_LINE_BYTES_MAX: usize = 4096;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Server {
    /// The relay, in full: members register, transactions are verified and stored.
    Relay,
    /// `nats-server` over its WebSocket.
    Nats,
    /// A dozen lines over the npm package `ws`.
    Ws,
}

/// Where the programs are.
#[derive(Debug)]
pub struct Programs {
    /// The relay, built in release.
    pub relay: PathBuf,
    /// `nats-server`.
    pub nats: PathBuf,
    /// The script for Node.js.
    pub ws: PathBuf,
}

/// A connection to a server, on its way into a loop.
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) reader: Reader,
    /// What the connection belongs to; the relay's is another one at each start.
    pub(super) network: NetworkId,
}

/// Finds a server's messages in a stream of bytes.
#[derive(Debug)]
pub(super) struct Reader {
    frames: FrameReader,
    joiner: Joiner,
    /// For NATS, whose messages are a stream within frames.
    nats: Option<Nats>,
}

/// Where a stream of NATS' protocol stands.
#[derive(Debug, Default)]
struct Nats {
    line: Vec<u8>,
    /// Bytes of the present message that are still to come, its line end included.
    left: usize,
}

impl Server {
    pub(super) const ALL: [Self; 3] = [Self::Relay, Self::Nats, Self::Ws];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Nats => "nats-server",
            Self::Ws => "ws",
        }
    }

    /// Starts the server with an empty data folder.
    pub(super) fn start(self, programs: &Programs, data: &Path) -> Result<Program, LoadError> {
        match self {
            Self::Relay => {
                let mut relay = Command::new(&programs.relay);
                relay
                    .args(["--port", "0", "--log", "warn", "--data"])
                    .arg(data)
                    .args(["--connections-per-address", "100000"])
                    .args(["--requests-per-address", "100000"])
                    .args(["--messages-per-member", "100000000"]);
                Program::start(&mut relay, Says::Out, "listening on ")
            }
            Self::Nats => {
                let config = data.join("nats.conf");
                fs::write(
                    &config,
                    "listen: \"127.0.0.1:-1\"\nwebsocket { listen: \"127.0.0.1:-1\", no_tls: true }\n",
                )
                .map_err(LoadError::io("nats-server's settings"))?;
                let mut nats = Command::new(&programs.nats);
                nats.arg("--config").arg(config);
                Program::start(&mut nats, Says::Error, "websocket clients on")
            }
            Self::Ws => {
                let mut node = Command::new("node");
                node.arg(&programs.ws).stderr(Stdio::inherit());
                Program::start(&mut node, Says::Out, "listening on ")
            }
        }
    }

    /// Connects a member of the room and waits until messages will reach it.
    pub(super) fn join(self, program: &Program, member: usize) -> Result<Connection, LoadError> {
        let mut connection = Connection {
            stream: match self {
                Self::Relay => return join_relay(program, member),
                Self::Nats | Self::Ws => websocket::connect(program.address, "/", "")?,
            },
            reader: Reader::new(self == Self::Nats),
            network: NetworkId::default(),
        };
        if self == Self::Nats {
            let hello = format!(
                "CONNECT {{\"verbose\":false,\"pedantic\":false,\"echo\":false,\"protocol\":1}}\r\n\
                 SUB {NATS_SUBJECT} 1\r\nPING\r\n"
            );
            connection
                .stream
                .write_all(&websocket::frame(hello.as_bytes()))
                .map_err(LoadError::io("a subscription"))?;
            connection.wait_for(b"PONG\r\n")?;
        }
        Ok(connection)
    }

    /// The frame that carries a message to the server.
    pub(super) fn frame(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Relay | Self::Ws => websocket::frame(message),
            Self::Nats => {
                let mut command = format!("PUB {NATS_SUBJECT} {}\r\n", message.len()).into_bytes();
                command.extend_from_slice(message);
                command.extend_from_slice(b"\r\n");
                websocket::frame(&command)
            }
        }
    }

    /// The shape in which the server delivers a message.
    pub(super) fn shape(self, messages: &Messages) -> Shape {
        match self {
            Self::Relay => messages.delivered,
            Self::Nats | Self::Ws => messages.as_sent(),
        }
    }

    /// What a member answers to something that is none of the room's messages.
    pub(super) fn answer(self, message: &[u8], member: usize) -> Option<Vec<u8>> {
        match self {
            Self::Relay => match Message::from_frame(message) {
                Ok(Message::Ping { sequence, .. }) => {
                    Some(websocket::frame(&pong(sequence, leads(member)).to_frame()))
                }
                _ => None,
            },
            Self::Nats => (message == b"PING").then(|| websocket::frame(b"PONG\r\n")),
            Self::Ws => None,
        }
    }

    /// Which kinds of messages the server tells apart.
    pub(super) fn kinds(self) -> &'static [Kind] {
        match self {
            Self::Relay => &[Kind::Report, Kind::Transaction],
            Self::Nats | Self::Ws => &[Kind::Report],
        }
    }
}

/// The first member is in step and leads; what the leader reports is passed on.
fn leads(member: usize) -> bool {
    member == 0
}

fn join_relay(program: &Program, member: usize) -> Result<Connection, LoadError> {
    let mut joined = member::join(program.address, &secret(member))?;
    if leads(member) {
        joined.send(&Message::Status(status(true)))?;
        loop {
            if let Message::Presence(presence) = joined.receive()?
                && presence.leader.is_some_and(|leader| leader.id == joined.id)
            {
                break;
            }
        }
    }
    Ok(Connection {
        stream: joined.stream,
        reader: Reader {
            frames: joined.frames,
            joiner: joined.joiner,
            nats: None,
        },
        network: joined.network,
    })
}

impl Connection {
    /// Reads until the server has said this.
    fn wait_for(&mut self, words: &[u8]) -> Result<(), LoadError> {
        let mut said = Vec::new();
        let mut buffer = [0; 4096];
        while !said.windows(words.len()).any(|part| part == words) {
            let count = self
                .stream
                .read(&mut buffer)
                .map_err(LoadError::io("an answer to a subscription"))?;
            if count == 0 {
                return Err(LoadError::unexpected("an answer to a subscription", said));
            }
            let bytes = buffer.get(..count).unwrap_or_default();
            self.reader
                .frames
                .read(bytes, |part, _| said.extend_from_slice(part));
        }
        Ok(())
    }
}

impl Reader {
    fn new(is_nats: bool) -> Self {
        Self {
            frames: FrameReader::default(),
            joiner: Joiner::default(),
            nats: is_nats.then(Nats::default),
        }
    }

    /// Takes in bytes and hands on messages; of NATS' other commands, their lines.
    pub(super) fn read(&mut self, bytes: &[u8], mut on_message: impl FnMut(&[u8])) {
        let (joiner, nats) = (&mut self.joiner, &mut self.nats);
        self.frames.read(bytes, |part, is_last| match nats {
            None => joiner.join(part, is_last, &mut on_message),
            Some(nats) => nats.read(part, joiner, &mut on_message),
        });
    }
}

impl Nats {
    fn read(&mut self, mut bytes: &[u8], joiner: &mut Joiner, on_message: &mut impl FnMut(&[u8])) {
        while !bytes.is_empty() {
            if self.left == 0 {
                let end = bytes.iter().position(|byte| *byte == b'\n');
                let (line, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
                bytes = rest;
                self.line.extend_from_slice(line);
                if end.is_some() {
                    let line = self.line.trim_ascii_end();
                    match message_length(line) {
                        Some(length) => self.left = length + 2,
                        None => on_message(line),
                    }
                    self.line.clear();
                }
                self.line.truncate(NATS_LINE_BYTES_MAX);
            } else {
                let (part, rest) = bytes.split_at(self.left.min(bytes.len()));
                self.left -= part.len();
                bytes = rest;
                joiner.join(part, self.left == 0, |message| {
                    on_message(message.get(..message.len() - 2).unwrap_or_default());
                });
            }
        }
    }
}

/// Of `MSG subject sid length`.
fn message_length(line: &[u8]) -> Option<usize> {
    let length = line
        .strip_prefix(b"MSG ")?
        .rsplit(|byte| *byte == b' ')
        .next()?;
    core::str::from_utf8(length).ok()?.parse().ok()
}

/// The members that send; the others only listen.
pub(super) fn senders() -> core::ops::Range<usize> {
    0..SENDERS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_nats_are_found_however_the_stream_is_cut() {
        let stream = b"INFO {}\r\nMSG fan 1 5\r\nhello\r\nPING\r\nMSG fan 1 0\r\n\r\nMSG fan 1 2\r\n\r\n\r\n";
        for cut in 1..=stream.len() {
            let (mut nats, mut joiner) = (Nats::default(), Joiner::default());
            let mut found = Vec::new();
            for bytes in stream.chunks(cut) {
                nats.read(bytes, &mut joiner, &mut |message: &[u8]| {
                    found.push(message.to_vec())
                });
            }
            let expected: [&[u8]; 5] = [b"INFO {}", b"hello", b"PING", b"", b"\r\n"];
            assert_eq!(found, expected, "cut every {cut} bytes");
        }
    }
}
