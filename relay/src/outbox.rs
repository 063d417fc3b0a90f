//! The bounded queue of frames between a network's core and one socket.
//!
//! Queueing never waits: a socket that reads too slowly overflows its own queue, is closed, and
//! costs nobody else anything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use shared::message::ErrorCode;
use tokio::sync::{mpsc, watch};

use crate::limits::{SOCKET_QUEUE_BYTES_MAX, SOCKET_QUEUE_FRAMES_MAX};

/// Why a socket is closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Closing {
    /// Gives the close code.
    pub code: ErrorCode,
    /// The same in words.
    pub reason: String,
}

/// The queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "more than {SOCKET_QUEUE_FRAMES_MAX} frames or {SOCKET_QUEUE_BYTES_MAX} bytes wait for this socket"
)]
pub(crate) struct Full;

/// The core's end of the queue.
#[derive(Debug)]
pub(crate) struct Outbox {
    queue: mpsc::Sender<(Instant, Outgoing)>,
    queued_bytes: Arc<AtomicUsize>,
    cut: watch::Sender<Option<Closing>>,
}

/// The socket's end of the queue.
#[derive(Debug)]
pub(crate) struct OutboxReader {
    queue: mpsc::Receiver<(Instant, Outgoing)>,
    /// When what was taken last had been queued.
    taken_from: Option<Instant>,
    queued_bytes: Arc<AtomicUsize>,
    cut: watch::Receiver<Option<Closing>>,
}

/// What a socket has to do next.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// Send this frame.
    Frame(Bytes),
    /// Close.
    Close(Closing),
}

/// An empty queue.
#[must_use]
pub(crate) fn outbox() -> (Outbox, OutboxReader) {
    // One place more than frames may take: for the close frame.
    let (sender, receiver) = mpsc::channel(SOCKET_QUEUE_FRAMES_MAX + 1);
    let (cut, cut_receiver) = watch::channel(None);
    let queued_bytes = Arc::new(AtomicUsize::new(0));
    let outbox = Outbox {
        queue: sender,
        queued_bytes: Arc::clone(&queued_bytes),
        cut,
    };
    let reader = OutboxReader {
        queue: receiver,
        taken_from: None,
        queued_bytes,
        cut: cut_receiver,
    };
    (outbox, reader)
}

impl Outbox {
    /// How many frames wait, and how many bytes they have.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let frames = self.queue.max_capacity() - self.queue.capacity();
        (frames, self.queued_bytes.load(Ordering::Relaxed))
    }

    /// Queues a frame.
    pub(crate) fn send(&self, frame: Bytes) -> Result<(), Full> {
        let bytes = frame.len();
        let queued = self.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        let has_room = queued + bytes <= SOCKET_QUEUE_BYTES_MAX && self.queue.capacity() > 1;
        if !has_room {
            self.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Full);
        }
        // A socket that has ended reports that by itself.
        let _ = self
            .queue
            .try_send((Instant::now(), Outgoing::Frame(frame)));
        Ok(())
    }

    /// Closes the socket once what is queued has been sent.
    pub(crate) fn close(&self, closing: Closing) {
        // The place for it is kept free; the second of two changes nothing.
        let _ = self
            .queue
            .try_send((Instant::now(), Outgoing::Close(closing)));
    }

    /// Closes the socket without sending what is queued.
    pub(crate) fn cut(&self, closing: Closing) {
        self.cut.send_replace(Some(closing));
    }
}

impl OutboxReader {
    /// The next thing to do; a close once the core has dropped its end.
    pub(crate) async fn next(&mut self) -> Outgoing {
        tokio::select! {
            biased;
            closing = cut(&mut self.cut) => Outgoing::Close(closing),
            queued = self.queue.recv() => self.taken(queued),
        }
    }

    /// The next thing to do, if something waits.
    pub(crate) fn try_next(&mut self) -> Option<Outgoing> {
        let queued = self.queue.try_recv().ok();
        queued.map(|queued| self.taken(Some(queued)))
    }

    /// Completes when what is queued is not to be sent any more.
    pub(crate) async fn cut(&mut self) -> Closing {
        cut(&mut self.cut).await
    }

    /// How long what was taken last had waited.
    pub(crate) fn waited(&self) -> Option<Duration> {
        self.taken_from.map(|queued| queued.elapsed())
    }

    fn taken(&mut self, queued: Option<(Instant, Outgoing)>) -> Outgoing {
        self.taken_from = queued.as_ref().map(|(at, _)| *at);
        match queued.map(|(_, outgoing)| outgoing) {
            Some(Outgoing::Frame(frame)) => {
                self.queued_bytes.fetch_sub(frame.len(), Ordering::Relaxed);
                Outgoing::Frame(frame)
            }
            Some(close) => close,
            None => Outgoing::Close(Closing::shutting_down()),
        }
    }
}

async fn cut(cut: &mut watch::Receiver<Option<Closing>>) -> Closing {
    let closing = cut.wait_for(Option::is_some).await;
    match closing.map(|closing| closing.clone()) {
        Ok(Some(closing)) => closing,
        // The core's end is gone: the queue says so after its last frame.
        _ => core::future::pending().await,
    }
}

impl Closing {
    /// The relay is being stopped.
    #[must_use]
    pub(crate) fn shutting_down() -> Self {
        Self {
            code: ErrorCode::ShuttingDown,
            reason: "the relay is being stopped: come back in a moment".to_owned(),
        }
    }

    /// The socket's queue is full.
    #[must_use]
    pub(crate) fn too_slow() -> Self {
        Self {
            code: ErrorCode::TooSlow,
            reason: "you read too slowly: connect again and ask for what you missed".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn frames_come_out_in_order_and_the_close_last() {
        let (outbox, mut reader) = outbox();
        outbox.send(Bytes::from_static(b"one")).unwrap();
        outbox.send(Bytes::from_static(b"two")).unwrap();
        outbox.close(Closing::shutting_down());

        assert!(matches!(reader.next().await, Outgoing::Frame(frame) if frame == "one"));
        assert!(matches!(reader.next().await, Outgoing::Frame(frame) if frame == "two"));
        assert!(matches!(reader.next().await, Outgoing::Close(_)));
    }

    #[tokio::test]
    async fn frames_are_bounded_and_a_close_still_fits() {
        let (outbox, mut reader) = outbox();
        for _ in 0..SOCKET_QUEUE_FRAMES_MAX {
            outbox.send(Bytes::from_static(b"x")).unwrap();
        }
        assert_eq!(outbox.send(Bytes::from_static(b"x")), Err(Full));
        outbox.close(Closing::too_slow());
        for _ in 0..SOCKET_QUEUE_FRAMES_MAX {
            assert!(matches!(reader.next().await, Outgoing::Frame(_)));
        }
        assert!(matches!(reader.next().await, Outgoing::Close(_)));
    }

    #[tokio::test]
    async fn bytes_are_bounded_and_given_back() {
        let (outbox, mut reader) = outbox();
        let half = Bytes::from(vec![0; SOCKET_QUEUE_BYTES_MAX / 2]);
        outbox.send(half.clone()).unwrap();
        outbox.send(half.clone()).unwrap();
        assert_eq!(outbox.send(Bytes::from_static(b"x")), Err(Full));
        reader.next().await;
        outbox.send(half).unwrap();
    }

    #[tokio::test]
    async fn a_cut_overtakes_what_is_queued() {
        let (outbox, mut reader) = outbox();
        outbox.send(Bytes::from_static(b"never sent")).unwrap();
        outbox.cut(Closing::too_slow());
        assert!(matches!(
            reader.next().await,
            Outgoing::Close(closing) if closing == Closing::too_slow()
        ));
    }

    #[tokio::test]
    async fn a_core_that_is_gone_closes_after_the_last_frame() {
        let (outbox, mut reader) = outbox();
        outbox.send(Bytes::from_static(b"last")).unwrap();
        drop(outbox);
        assert!(matches!(reader.next().await, Outgoing::Frame(_)));
        assert!(matches!(reader.next().await, Outgoing::Close(_)));
    }
}
