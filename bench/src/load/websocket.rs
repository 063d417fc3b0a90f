//! The client's side of RFC 6455, as cheap as it goes: one buffer for all sockets, no copies
//! where a message comes whole, and a mask of zeros.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::LoadError;

const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x8;
const MASKED: u8 = 0x80;
/// How long a server may take to answer while a socket joins.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of the answer to a handshake.
const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// Opens a blocking connection and upgrades it.
pub fn connect(server: SocketAddr, path: &str, headers: &str) -> Result<TcpStream, LoadError> {
    let mut stream = TcpStream::connect(server).map_err(LoadError::io("a connection"))?;
    stream
        .set_nodelay(true)
        .and_then(|()| stream.set_read_timeout(Some(ANSWER_TIMEOUT)))
        .map_err(LoadError::io("a connection"))?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {server}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .map_err(LoadError::io("a handshake"))?;
    let mut answer = Vec::new();
    let mut byte = [0];
    // What follows the handshake at once belongs to the frames: read no further.
    while !answer.ends_with(b"\r\n\r\n") && answer.len() < ANSWER_BYTES_MAX {
        stream
            .read_exact(&mut byte)
            .map_err(LoadError::io("the answer to a handshake"))?;
        answer.extend_from_slice(&byte);
    }
    if answer.starts_with(b"HTTP/1.1 101 ") {
        Ok(stream)
    } else {
        let answer = String::from_utf8_lossy(&answer).into_owned();
        Err(LoadError::unexpected("an upgrade", answer))
    }
}

/// A binary frame from a client. Masking by zeros changes nothing, and costs a server as much as
/// any other mask.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(payload.len() + 14);
    frame.push(BINARY);
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(length @ ..126), _) => frame.push(MASKED | length),
        (_, Ok(length)) => {
            frame.push(MASKED | 126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            frame.push(MASKED | 127);
            let length = u64::try_from(payload.len()).unwrap_or(u64::MAX);
            frame.extend_from_slice(&length.to_be_bytes());
        }
    }
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(payload);
    frame
}

/// Finds a server's frames in a stream of bytes, however it is cut.
#[derive(Debug, Default)]
pub struct FrameReader {
    header: Vec<u8>,
    /// Bytes of the payload that are still to come.
    left: usize,
    is_closed: bool,
}

impl FrameReader {
    /// Takes in bytes; hands on parts of payloads, and whether each is the last of its frame.
    pub fn read(&mut self, mut bytes: &[u8], mut on_part: impl FnMut(&[u8], bool)) {
        while !bytes.is_empty() {
            if self.left == 0 {
                let Some((byte, rest)) = bytes.split_first() else {
                    return;
                };
                self.header.push(*byte);
                bytes = rest;
                let Some((opcode, length)) = header(&self.header) else {
                    continue;
                };
                self.header.clear();
                self.is_closed |= opcode == CLOSE;
                self.left = length;
                if length == 0 {
                    on_part(&[], true);
                }
            } else {
                let (part, rest) = bytes.split_at(self.left.min(bytes.len()));
                self.left -= part.len();
                bytes = rest;
                if !self.is_closed {
                    on_part(part, self.left == 0);
                }
            }
        }
    }

    /// Whether the server has said that it closes.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }
}

/// Opcode and length of a frame, once its header is complete. Servers do not mask.
fn header(bytes: &[u8]) -> Option<(u8, usize)> {
    let (first, second) = (bytes.first()?, bytes.get(1)?);
    let length = match second {
        126 => u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?).into(),
        127 => u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?),
        length => u64::from(*length),
    };
    Some((first & 0xf, usize::try_from(length).ok()?))
}

/// Puts parts together to messages, without copying those that come whole.
#[derive(Debug, Default)]
pub struct Joiner(Vec<u8>);

impl Joiner {
    /// Takes a part in; hands the message on with its last part.
    pub fn join(&mut self, part: &[u8], is_last: bool, on_message: impl FnOnce(&[u8])) {
        if is_last && self.0.is_empty() {
            return on_message(part);
        }
        self.0.extend_from_slice(part);
        if is_last {
            on_message(&self.0);
            self.0.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as servers send it.
    fn unmasked(payload: &[u8]) -> Vec<u8> {
        let mut frame = frame(payload);
        frame[1] &= !MASKED;
        let mask = frame.len() - payload.len() - 4;
        frame.drain(mask..mask + 4);
        frame
    }

    #[test]
    fn messages_are_found_however_the_stream_is_cut() {
        let messages = [vec![], vec![1; 125], vec![2; 126], vec![3; 70_000], vec![4]];
        let stream: Vec<u8> = messages
            .iter()
            .flat_map(|message| unmasked(message))
            .collect();
        for cut in [1, 2, 3, 127, 4096, stream.len()] {
            let (mut reader, mut joiner) = (FrameReader::default(), Joiner::default());
            let mut found = Vec::new();
            for bytes in stream.chunks(cut) {
                reader.read(bytes, |part, is_last| {
                    joiner.join(part, is_last, |message| found.push(message.to_vec()));
                });
            }
            assert_eq!(found, messages, "cut every {cut} bytes");
        }
    }

    #[test]
    fn a_close_ends_the_messages() {
        let mut reader = FrameReader::default();
        reader.read(&[0x88, 2, 3, 0xf5], |_, _| panic!("no message"));
        assert!(reader.is_closed());
    }
}
