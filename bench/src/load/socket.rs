//! A socket in a loop of many, which neither reading nor writing ever holds up.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream as BlockingStream;

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::LoadError;

/// A socket that has joined.
#[derive(Debug)]
pub struct Socket {
    stream: TcpStream,
    /// What the system did not take yet.
    unsent: Vec<u8>,
}

/// What reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadEnd {
    /// More will come.
    Open,
    /// The server has closed, or the connection broke.
    Closed,
}

impl Socket {
    /// Takes a connection over into a loop that polls.
    pub fn register(
        stream: BlockingStream,
        registry: &Registry,
        token: Token,
    ) -> Result<Self, LoadError> {
        let what = LoadError::io("a socket in a loop");
        let register = || {
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
            Ok(stream)
        };
        Ok(Self {
            stream: register().map_err(what)?,
            unsent: Vec::new(),
        })
    }

    /// Reads what has come, by way of `buffer`.
    pub fn read(&mut self, buffer: &mut [u8], mut on_bytes: impl FnMut(&[u8])) -> ReadEnd {
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return ReadEnd::Closed,
                Ok(count) => {
                    on_bytes(buffer.get(..count).unwrap_or_default());
                    // epoll(7): one that gives less than was asked for has no more.
                    if count < buffer.len() {
                        return ReadEnd::Open;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return ReadEnd::Open,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return ReadEnd::Closed,
            }
        }
    }

    /// Sends, behind what waits already. A broken connection is noticed by its reader.
    pub fn send(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if self.unsent.is_empty() {
            let sent = self.stream.write(bytes).unwrap_or(0);
            rest = bytes.get(sent..).unwrap_or_default();
        }
        self.unsent.extend_from_slice(rest);
    }

    /// Sends what waits, when the system takes more.
    pub fn flush(&mut self) {
        if !self.unsent.is_empty() {
            let sent = self.stream.write(&self.unsent).unwrap_or(0);
            self.unsent.drain(..sent.min(self.unsent.len()));
        }
    }
}
