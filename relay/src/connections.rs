//! TCP connections before anything is asked on them: how many one address may have, and how long
//! one may say nothing, or take nothing of what it is sent.
//!
//! Only HTTP/1.1 is spoken, whose first line says so at once. The library would wait without end
//! for the rest of a preface of HTTP/2.

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use axum_server::accept::Accept;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

use crate::addresses::Place;
use crate::context::Context;
use crate::limits::{REQUEST_HEADERS_TIMEOUT, WRITE_TIMEOUT};

/// What HTTP/2 begins with (RFC 9113, section 3.4), as far as it takes to tell it from a request.
const HTTP_2: &[u8] = b"PRI ";

/// Takes connections by another acceptor, as many as their address may have.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionAcceptor<A> {
    inner: A,
    context: Context,
}

impl<A> ConnectionAcceptor<A> {
    pub(crate) fn new(inner: A, context: Context) -> Self {
        Self { inner, context }
    }
}

impl<A, S> Accept<TcpStream, S> for ConnectionAcceptor<A>
where
    A: Accept<TcpStream, S>,
    A::Future: Send + 'static,
    A::Stream: Unpin,
{
    type Stream = Patient<A::Stream>;
    type Service = A::Service;
    type Future =
        Pin<Box<dyn Future<Output = io::Result<(Self::Stream, Self::Service)>> + Send + 'static>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let place = stream.peer_addr().and_then(|peer| {
            let claimed = self.context.addresses().claim_connection(peer.ip());
            claimed.map_err(io::Error::other)
        });
        match place {
            Ok(place) => {
                let accepted = self.inner.accept(stream, service);
                Box::pin(async move {
                    let (stream, service) = accepted.await?;
                    let stream =
                        Patient::new(stream, place, REQUEST_HEADERS_TIMEOUT, WRITE_TIMEOUT);
                    Ok((stream, service))
                })
            }
            Err(refused) => Box::pin(async { Err(refused) }),
        }
    }
}

/// A connection that fails where its other end is silent from the start, or takes nothing.
#[derive(Debug)]
pub(crate) struct Patient<S> {
    stream: S,
    beginning: Option<Beginning>,
    write_timeout: Duration,
    /// When what waits to be written has waited too long.
    write_by: Option<Pin<Box<Sleep>>>,
    _place: Option<Place>,
}

/// A connection on which less has come than it takes to know what is spoken.
#[derive(Debug)]
struct Beginning {
    read: usize,
    by: Pin<Box<Sleep>>,
}

impl<S: Unpin> Patient<S> {
    fn new(
        stream: S,
        place: Option<Place>,
        beginning_timeout: Duration,
        write_timeout: Duration,
    ) -> Self {
        Self {
            stream,
            beginning: Some(Beginning {
                read: 0,
                by: Box::pin(sleep(beginning_timeout)),
            }),
            write_timeout,
            write_by: None,
            _place: place,
        }
    }

    /// Passes on how a write went; fails where none has gone on for too long.
    fn written<T>(
        &mut self,
        context: &mut TaskContext<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.write_by = None;
            return written;
        }
        let timeout = self.write_timeout;
        let by = self
            .write_by
            .get_or_insert_with(|| Box::pin(sleep(timeout)));
        by.as_mut()
            .poll(context)
            .map(|()| Err(too_slow("takes nothing")))
    }
}

impl Beginning {
    /// Whether it is known by these bytes what is spoken; an error where it is not HTTP/1.1.
    fn goes_on(&mut self, bytes: &[u8]) -> io::Result<bool> {
        if bytes.is_empty() {
            // The other end has closed it.
            return Ok(true);
        }
        let expected = HTTP_2.get(self.read..).unwrap_or_default();
        let is_begun_by = expected.iter().zip(bytes).all(|(one, other)| one == other);
        self.read += bytes.len();
        if is_begun_by && self.read >= HTTP_2.len() {
            let reason = "HTTP/1.1 is spoken here, HTTP/2 came";
            return Err(io::Error::new(ErrorKind::InvalidData, reason));
        }
        Ok(!is_begun_by)
    }
}

fn too_slow(what: &str) -> io::Error {
    io::Error::new(ErrorKind::TimedOut, format!("the other end {what}"))
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = Pin::new(&mut this.stream).poll_read(context, buffer);
        let Some(beginning) = &mut this.beginning else {
            return read;
        };
        match read {
            Poll::Ready(Ok(())) => {
                let came = buffer.filled().get(before..).unwrap_or_default();
                match beginning.goes_on(came) {
                    Ok(true) => this.beginning = None,
                    Ok(false) => {}
                    Err(error) => {
                        buffer.set_filled(before);
                        return Poll::Ready(Err(error));
                    }
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => beginning
                .by
                .as_mut()
                .poll(context)
                .map(|()| Err(too_slow("says nothing"))),
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.written(context, flushed)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut TaskContext<'_>,
    ) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.written(context, shut)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    const PIPE_BYTES: usize = 1024;

    /// Its limits are short, and nothing that is tested here ends well only where they are not met.
    fn connection() -> (Patient<DuplexStream>, DuplexStream) {
        let (stream, client) = duplex(PIPE_BYTES);
        let timeout = Duration::from_millis(20);
        (Patient::new(stream, None, timeout, timeout), client)
    }

    #[tokio::test]
    async fn who_says_nothing_or_too_little_is_given_up() {
        for said in ["", "P", "PRI"] {
            let (mut stream, mut client) = connection();
            client.write_all(said.as_bytes()).await.unwrap();
            let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut, "{said:?}");
        }
    }

    #[tokio::test]
    async fn who_has_begun_a_request_is_left_to_what_times_those() {
        for said in ["G", "PUT", "PRO"] {
            let (mut stream, mut client) = connection();
            client.write_all(said.as_bytes()).await.unwrap();
            stream.read_exact(&mut vec![0; said.len()]).await.unwrap();
            assert!(stream.beginning.is_none(), "{said}");
        }
    }

    #[tokio::test]
    async fn http_2_is_not_spoken() {
        let (mut stream, mut client) = connection();
        client.write_all(b"PRI * HTTP/2.0").await.unwrap();
        let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn who_takes_nothing_is_given_up_and_who_takes_something_begins_anew() {
        let (mut stream, mut client) = connection();
        stream.write_all(&[0; PIPE_BYTES]).await.unwrap();
        assert!(stream.write_by.is_none());
        let error = stream.write_all(b"more").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(stream.write_by.is_some());
        client.read_exact(&mut [0; PIPE_BYTES]).await.unwrap();
        stream.write_all(b"more").await.unwrap();
        assert!(stream.write_by.is_none());
    }
}
