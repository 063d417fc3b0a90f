//! The bounded queue of frames between a network's core and one socket.
//!
//! Queueing never waits: a socket that reads too slowly overflows its own queue, is closed, and
//! costs nobody else anything.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use shared::message::ErrorCode;

use crate::limits::{SOCKET_BATCH_BYTES, SOCKET_QUEUE_BYTES_MAX, SOCKET_QUEUE_FRAMES_MAX};

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
pub(crate) struct Outbox(Arc<Mutex<Queue>>);

/// The socket's end of the queue.
#[derive(Debug)]
pub(crate) struct OutboxReader(Arc<Mutex<Queue>>);

/// Locked for some instructions at a time.
#[derive(Debug, Default)]
struct Queue {
    /// Each with the time at which it was queued.
    frames: VecDeque<(Instant, Bytes)>,
    bytes: usize,
    /// How it ends, behind the last frame.
    end: Option<Closing>,
    /// The end overtakes what is queued.
    is_cut: bool,
    /// The socket has ended: nothing is queued any more.
    is_abandoned: bool,
    /// The socket, while it waits for something to send.
    idle: Option<Waker>,
    /// The socket, while it is sending.
    busy: Option<Waker>,
}

/// An empty queue.
#[must_use]
pub(crate) fn outbox() -> (Outbox, OutboxReader) {
    let queue = Arc::new(Mutex::default());
    (Outbox(Arc::clone(&queue)), OutboxReader(queue))
}

impl Outbox {
    /// How many frames wait, and how many bytes they have.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let queue = lock(&self.0);
        (queue.frames.len(), queue.bytes)
    }

    /// Queues a frame.
    pub(crate) fn send(&self, frame: Bytes, now: Instant) -> Result<(), Full> {
        let mut queue = lock(&self.0);
        // A socket that has ended reports that by itself.
        if queue.is_abandoned || queue.end.is_some() {
            return Ok(());
        }
        let bytes = queue.bytes + frame.len();
        if bytes > SOCKET_QUEUE_BYTES_MAX || queue.frames.len() >= SOCKET_QUEUE_FRAMES_MAX {
            return Err(Full);
        }
        queue.bytes = bytes;
        queue.frames.push_back((now, frame));
        let idle = queue.idle.take();
        drop(queue);
        if let Some(idle) = idle {
            idle.wake();
        }
        Ok(())
    }

    /// Closes the socket once what is queued has been sent. The second of two changes nothing.
    pub(crate) fn close(&self, closing: Closing) {
        self.end(closing, false);
    }

    /// Closes the socket without sending what is queued.
    pub(crate) fn cut(&self, closing: Closing) {
        self.end(closing, true);
    }

    fn end(&self, closing: Closing, is_cut: bool) {
        let mut queue = lock(&self.0);
        if is_cut {
            queue.drain();
            queue.is_cut = true;
            queue.end = Some(closing);
        } else {
            queue.end.get_or_insert(closing);
        }
        let waiting = [queue.idle.take(), queue.busy.take()];
        drop(queue);
        waiting.into_iter().flatten().for_each(Waker::wake);
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        // Of a core that has ended; else the end was told before.
        self.close(Closing::shutting_down());
    }
}

impl OutboxReader {
    /// Waits for something to send, and takes up to [`SOCKET_BATCH_BYTES`] of it, one frame at
    /// least; returns how long the oldest had waited. Or the end, when everything was taken.
    pub(crate) async fn next(&mut self, batch: &mut Vec<Bytes>) -> Result<Duration, Closing> {
        poll_fn(|context| {
            let mut queue = lock(&self.0);
            if let Some((queued, _)) = queue.frames.front() {
                let waited = queued.elapsed();
                queue.take(batch);
                Poll::Ready(Ok(waited))
            } else if let Some(closing) = &queue.end {
                Poll::Ready(Err(closing.clone()))
            } else {
                queue.idle = Some(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }

    /// Completes when what is queued, or was taken, is not to be sent any more.
    pub(crate) async fn cut(&mut self) -> Closing {
        poll_fn(|context| {
            let mut queue = lock(&self.0);
            match &queue.end {
                Some(closing) if queue.is_cut => Poll::Ready(closing.clone()),
                _ => {
                    queue.busy = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Drop for OutboxReader {
    fn drop(&mut self) {
        let mut queue = lock(&self.0);
        queue.is_abandoned = true;
        queue.drain();
    }
}

impl Queue {
    fn take(&mut self, batch: &mut Vec<Bytes>) {
        let mut taken = 0;
        while taken < SOCKET_BATCH_BYTES
            && let Some((_, frame)) = self.frames.pop_front()
        {
            taken += frame.len();
            batch.push(frame);
        }
        self.bytes -= taken;
    }

    fn drain(&mut self) {
        self.frames = VecDeque::new();
        self.bytes = 0;
    }
}

/// Nothing that is done under the lock can panic.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
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
    use std::pin::pin;
    use std::task::Context;

    use super::*;

    fn send(outbox: &Outbox, frame: &'static [u8]) -> Result<(), Full> {
        outbox.send(Bytes::from_static(frame), Instant::now())
    }

    /// What is taken until the end.
    async fn all(reader: &mut OutboxReader) -> (Vec<Bytes>, Closing) {
        let mut frames = Vec::new();
        loop {
            if let Err(closing) = reader.next(&mut frames).await {
                return (frames, closing);
            }
        }
    }

    #[tokio::test]
    async fn frames_come_out_in_order_and_the_first_close_last() {
        let (outbox, mut reader) = outbox();
        send(&outbox, b"one").unwrap();
        send(&outbox, b"two").unwrap();
        outbox.close(Closing::too_slow());
        outbox.close(Closing::shutting_down());
        send(&outbox, b"never sent").unwrap();
        let expected = (vec!["one".into(), "two".into()], Closing::too_slow());
        assert_eq!(all(&mut reader).await, expected);
    }

    #[tokio::test]
    async fn frames_are_bounded_and_a_close_still_fits() {
        let (outbox, mut reader) = outbox();
        for _ in 0..SOCKET_QUEUE_FRAMES_MAX {
            send(&outbox, b"x").unwrap();
        }
        assert_eq!(send(&outbox, b"x"), Err(Full));
        outbox.close(Closing::too_slow());
        let (frames, _) = all(&mut reader).await;
        assert_eq!(frames.len(), SOCKET_QUEUE_FRAMES_MAX);
    }

    #[tokio::test]
    async fn bytes_are_bounded_and_given_back() {
        let (outbox, mut reader) = outbox();
        let half = Bytes::from(vec![0; SOCKET_QUEUE_BYTES_MAX / 2]);
        let now = Instant::now();
        outbox.send(half.clone(), now).unwrap();
        outbox.send(half.clone(), now).unwrap();
        assert_eq!(send(&outbox, b"x"), Err(Full));
        let mut batch = Vec::new();
        reader.next(&mut batch).await.unwrap();
        assert_eq!(batch.len(), 1, "more than a batch was taken");
        assert_eq!(outbox.queued(), (1, half.len()));
        outbox.send(half, now).unwrap();
    }

    #[tokio::test]
    async fn a_cut_overtakes_what_is_queued_and_what_is_being_sent() {
        let (outbox, mut reader) = outbox();
        let mut context = Context::from_waker(Waker::noop());
        assert!(pin!(reader.cut()).poll(&mut context).is_pending());
        send(&outbox, b"never sent").unwrap();
        outbox.cut(Closing::too_slow());
        assert_eq!(reader.cut().await, Closing::too_slow());
        assert_eq!(all(&mut reader).await, (vec![], Closing::too_slow()));
    }

    #[tokio::test]
    async fn a_core_that_is_gone_closes_after_the_last_frame() {
        let (outbox, mut reader) = outbox();
        send(&outbox, b"last").unwrap();
        drop(outbox);
        let expected = (vec!["last".into()], Closing::shutting_down());
        assert_eq!(all(&mut reader).await, expected);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_by_frames_closes_and_cuts() {
        for happens in [
            |outbox: &Outbox| send(outbox, b"frame").unwrap(),
            |outbox: &Outbox| outbox.close(Closing::shutting_down()),
            |outbox: &Outbox| outbox.cut(Closing::too_slow()),
        ] {
            let (outbox, mut reader) = outbox();
            let reading = tokio::spawn(async move { reader.next(&mut Vec::new()).await });
            while lock(&outbox.0).idle.is_none() {
                tokio::task::yield_now().await;
            }
            happens(&outbox);
            // It completes, or the test does not.
            let _ = reading.await.unwrap();
        }
    }

    #[test]
    fn nothing_is_kept_for_a_socket_that_has_ended() {
        let (outbox, reader) = outbox();
        send(&outbox, b"waits").unwrap();
        drop(reader);
        send(&outbox, b"comes late").unwrap();
        assert_eq!(outbox.queued(), (0, 0));
    }
}
