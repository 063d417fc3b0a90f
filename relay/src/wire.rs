//! A plain TCP connection that serves HTTP and then a WebSocket, and on which the network's task
//! writes frames without waking anyone ([ADR 0062](../../docs/adr/0062-frames-without-wakeups.md)).
//!
//! Whoever has frames writes them by [`Wire::write`] as far as the system takes them. The
//! WebSocket layer, which answers pings and closes, writes by its [`WireStream`]. Both write in
//! whole frames: what the system did not take of one goes out before anything else.

use std::future::{Ready, poll_fn, ready};
use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use axum::Extension;
use axum::middleware::AddExtension;
use axum_server::accept::Accept;
use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tower_layer::Layer;

use crate::limits::PIECES_PER_WRITE_MAX;

/// Writes on a connection.
#[derive(Clone, Debug)]
pub(crate) struct Wire(Arc<Mutex<Writer>>);

/// Locked for one call to the system at a time, which never waits.
#[derive(Debug)]
struct Writer {
    half: OwnedWriteHalf,
    /// It is a WebSocket by now: frames go out in one piece.
    has_frames: bool,
    /// What the system did not take of a piece.
    rest: Bytes,
}

/// How far a write went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Those that are not to be handed in again.
    pub pieces: usize,
    /// The system takes no more at present.
    pub is_full: bool,
}

impl Wire {
    /// The reading and the writing end of a connection.
    fn new(stream: TcpStream) -> (WireStream, Self) {
        let (reader, half) = stream.into_split();
        let wire = Self(Arc::new(Mutex::new(Writer {
            half,
            has_frames: false,
            rest: Bytes::new(),
        })));
        let writer = wire.clone();
        (WireStream { reader, writer }, wire)
    }

    /// From now on whatever is written is whole frames.
    pub(crate) fn begin_frames(&self) {
        self.lock().has_frames = true;
    }

    /// Writes pieces of whole frames, [`PIECES_PER_WRITE_MAX`] of them at most, as far as the system
    /// takes them.
    pub(crate) fn write<'a>(
        &self,
        pieces: impl Iterator<Item = &'a Bytes> + Clone,
    ) -> io::Result<Taken> {
        let mut writer = self.lock();
        if !writer.write_rest()? {
            return Ok(Taken {
                pieces: 0,
                is_full: true,
            });
        }
        let mut slices = [IoSlice::new(&[]); PIECES_PER_WRITE_MAX];
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(pieces.clone()) {
            *slice = IoSlice::new(piece);
            count += 1;
        }
        let written = match slices.get(..count).unwrap_or_default() {
            // The usual one, for which the system has less to do.
            [piece] => writer.half.try_write(piece),
            pieces => writer.half.try_write_vectored(pieces),
        };
        let mut written = taken(written)?;
        let mut taken = 0;
        for piece in pieces.take(count) {
            if written == 0 {
                break;
            }
            taken += 1;
            if piece.len() > written {
                writer.rest = piece.slice(written..);
                break;
            }
            written -= piece.len();
        }
        Ok(Taken {
            pieces: taken,
            is_full: taken < count || !writer.rest.is_empty(),
        })
    }

    /// Waits until the system takes more.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        poll_fn(|context| self.lock().half.as_ref().poll_write_ready(context)).await
    }

    /// Nothing that is done under the lock can panic.
    fn lock(&self) -> MutexGuard<'_, Writer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Whether nothing is left of the piece before.
    fn write_rest(&mut self) -> io::Result<bool> {
        if !self.rest.is_empty() {
            let written = taken(self.half.try_write(&self.rest))?;
            self.rest.advance(written);
        }
        Ok(self.rest.is_empty())
    }

    fn poll_rest(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.rest.is_empty() {
            let written = ready!(Pin::new(&mut self.half).poll_write(context, &self.rest))?;
            if written == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.rest.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

/// Bytes that the system took.
fn taken(written: io::Result<usize>) -> io::Result<usize> {
    match written {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        written => written,
    }
}

/// The connection as HTTP and the WebSocket layer see it.
#[derive(Debug)]
pub(crate) struct WireStream {
    reader: OwnedReadHalf,
    writer: Wire,
}

impl AsyncRead for WireStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.reader).poll_read(context, buffer)
    }
}

impl AsyncWrite for WireStream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut writer = self.writer.lock();
        ready!(writer.poll_rest(context))?;
        let written = ready!(Pin::new(&mut writer.half).poll_write_vectored(context, slices))?;
        if !writer.has_frames || written == 0 {
            return Poll::Ready(Ok(written));
        }
        // Another's frame must not come in between.
        let all: Vec<u8> = slices
            .iter()
            .flat_map(|slice| slice.iter().copied())
            .collect();
        writer.rest = Bytes::copy_from_slice(all.get(written..).unwrap_or_default());
        Poll::Ready(Ok(all.len()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.lock().poll_rest(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut writer = self.writer.lock();
        ready!(writer.poll_rest(context))?;
        Pin::new(&mut writer.half).poll_shutdown(context)
    }
}

/// Makes a [`Wire`] of each connection, and hands it to requests as an extension.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WireAcceptor;

impl<S> Accept<TcpStream, S> for WireAcceptor {
    type Stream = WireStream;
    type Service = AddExtension<S, Wire>;
    type Future = Ready<io::Result<(Self::Stream, Self::Service)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        ready(stream.set_nodelay(true).map(|()| {
            let (stream, wire) = Wire::new(stream);
            (stream, Extension(wire).layer(service))
        }))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// The three ends of a connection.
    pub(crate) async fn connection() -> (WireStream, Wire, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (client, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (stream, wire) = Wire::new(accepted.unwrap().0);
        (stream, wire, client.unwrap())
    }

    #[tokio::test]
    async fn frames_of_two_writers_stay_whole_when_the_reader_is_slow() {
        const FRAME_BYTES: usize = 100_000;
        let (mut stream, wire, mut client) = connection().await;
        wire.begin_frames();
        let frame = Bytes::from(vec![b'n'; FRAME_BYTES]);
        let mut sent = 0;
        while !wire.write([&frame].into_iter()).unwrap().is_full {
            sent += 1;
        }
        // The last one may be on its way in part.
        sent += usize::from(!wire.lock().rest.is_empty());
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            client.read_to_end(&mut all).await.unwrap();
            all
        });
        let other = vec![b'w'; FRAME_BYTES];
        stream.write_all(&other).await.unwrap();
        wire.writable().await.unwrap();
        sent += wire.write([&frame, &frame].into_iter()).unwrap().pieces;
        stream.shutdown().await.unwrap();

        let all = reading.await.unwrap();
        let whole = all.chunk_by(|one, next| one == next);
        let runs: Vec<_> = whole.map(|run| (run[0], run.len())).collect();
        let before = runs[0].1;
        assert_eq!(runs[1], (b'w', FRAME_BYTES));
        assert_eq!(before % FRAME_BYTES, 0, "a frame was cut in two");
        assert_eq!(all.len(), (sent + 1) * FRAME_BYTES);
    }

    #[tokio::test]
    async fn what_comes_before_frames_is_written_as_far_as_it_goes() {
        let (mut stream, wire, mut client) = connection().await;
        stream.write_all(b"HTTP").await.unwrap();
        assert!(wire.lock().rest.is_empty());
        let mut read = [0; 4];
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"HTTP");
    }
}
