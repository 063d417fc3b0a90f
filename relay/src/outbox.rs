//! The bounded queue of frames between a network's core and one socket.
//!
//! Queueing never waits: a socket that reads too slowly overflows its own queue, is closed, and
//! costs nobody else anything. What was queued in one go is flushed in one go: onto the socket's
//! [`Wire`] where it has one, or by waking the socket.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use shared::message::ErrorCode;

use crate::limits::{SOCKET_BATCH_BYTES, SOCKET_QUEUE_BYTES_MAX, SOCKET_QUEUE_FRAMES_MAX};
use crate::wire::Wire;

/// A message as it goes to all its receivers; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// As a server sends it (RFC 6455, section 5.2).
    bytes: Bytes,
    header_bytes: usize,
}

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

/// Flushes the queue, on any thread.
#[derive(Clone, Debug)]
pub(crate) struct Flusher(Arc<Mutex<Queue>>);

/// The socket's end of the queue.
#[derive(Debug)]
pub(crate) struct OutboxReader(Arc<Mutex<Queue>>);

/// Locked for some instructions, or one call to the system that does not wait, at a time.
#[derive(Debug, Default)]
struct Queue {
    /// Onto which frames are written at once; none where they need be encrypted, or put into JSON.
    wire: Option<Wire>,
    /// The wire took no more: the socket waits until it does.
    is_full: bool,
    /// Each with the time at which it was queued.
    frames: VecDeque<(Instant, Frame)>,
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

/// An empty queue, onto a wire or for a socket that takes frames itself.
#[must_use]
pub(crate) fn outbox(wire: Option<Wire>) -> (Outbox, OutboxReader) {
    let queue = Arc::new(Mutex::new(Queue {
        wire,
        ..Queue::default()
    }));
    (Outbox(Arc::clone(&queue)), OutboxReader(queue))
}

impl Frame {
    /// A binary frame that carries a message.
    #[must_use]
    pub(crate) fn new(message: &[u8]) -> Self {
        const BINARY: u8 = 0x82;
        let mut bytes = Vec::with_capacity(message.len() + 10);
        bytes.push(BINARY);
        match (u8::try_from(message.len()), u16::try_from(message.len())) {
            (Ok(length @ ..126), _) => bytes.push(length),
            (_, Ok(length)) => {
                bytes.push(126);
                bytes.extend(length.to_be_bytes());
            }
            _ => {
                bytes.push(127);
                let length = u64::try_from(message.len()).unwrap_or(u64::MAX);
                bytes.extend(length.to_be_bytes());
            }
        }
        let header_bytes = bytes.len();
        bytes.extend_from_slice(message);
        Self {
            bytes: bytes.into(),
            header_bytes,
        }
    }

    /// The message.
    #[must_use]
    pub(crate) fn message(&self) -> Bytes {
        self.bytes.slice(self.header_bytes..)
    }
}

impl Outbox {
    /// How many frames wait, and how many bytes they have.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let queue = lock(&self.0);
        (queue.frames.len(), queue.bytes)
    }

    /// Queues a frame, which goes out when the queue is flushed, or before.
    pub(crate) fn send(&self, frame: Frame, now: Instant) -> Result<(), Full> {
        let mut queue = lock(&self.0);
        // A socket that has ended reports that by itself.
        if queue.is_abandoned || queue.end.is_some() {
            return Ok(());
        }
        if !queue.has_room_for(&frame) {
            queue.flush();
        }
        if !queue.has_room_for(&frame) {
            return Err(Full);
        }
        queue.bytes += frame.bytes.len();
        queue.frames.push_back((now, frame));
        if queue.bytes >= SOCKET_BATCH_BYTES {
            queue.flush();
        }
        Ok(())
    }

    /// What it is flushed by.
    pub(crate) fn flusher(&self) -> Flusher {
        Flusher(Arc::clone(&self.0))
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

impl Flusher {
    /// Has everything sent that was queued; returns whether that was done at once.
    pub(crate) fn flush(&self) -> bool {
        let mut queue = lock(&self.0);
        queue.flush();
        queue.wire.is_some() && queue.frames.is_empty()
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
    pub(crate) async fn next(&mut self, batch: &mut Vec<Frame>) -> Result<Duration, Closing> {
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

    /// Waits until something is left that the wire did not take. Or the end, when everything was.
    pub(crate) async fn behind(&mut self) -> Result<(), Closing> {
        poll_fn(|context| {
            let mut queue = lock(&self.0);
            if queue.is_full || (queue.end.is_some() && !queue.frames.is_empty()) {
                Poll::Ready(Ok(()))
            } else if let Some(closing) = &queue.end {
                Poll::Ready(Err(closing.clone()))
            } else {
                queue.idle = Some(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }

    /// Writes onto the wire again, which takes more by now; returns how long the oldest waited.
    pub(crate) fn catch_up(&mut self) -> Duration {
        let mut queue = lock(&self.0);
        let oldest = queue.frames.front().map(|(queued, _)| queued.elapsed());
        queue.is_full = false;
        queue.write();
        oldest.unwrap_or_default()
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
        lock(&self.0).abandon();
    }
}

impl Queue {
    fn has_room_for(&self, frame: &Frame) -> bool {
        self.frames.len() < SOCKET_QUEUE_FRAMES_MAX
            && self.bytes + frame.bytes.len() <= SOCKET_QUEUE_BYTES_MAX
    }

    /// Writes what the wire takes; without one, or where that is not all, wakes the socket.
    fn flush(&mut self) {
        if self.frames.is_empty() {
            return;
        }
        if !self.is_full {
            self.write();
        }
        if (self.wire.is_none() || self.is_full)
            && let Some(idle) = self.idle.take()
        {
            idle.wake();
        }
    }

    /// Writes what the wire takes, what it holds of the frame before it first.
    fn write(&mut self) {
        while let Some(wire) = self.wire.clone() {
            let frames = self.frames.iter().map(|(_, frame)| &frame.bytes);
            match wire.write(frames) {
                Ok(taken) => {
                    self.is_full = taken.is_full;
                    for (_, frame) in self.frames.drain(..taken.frames) {
                        self.bytes -= frame.bytes.len();
                    }
                }
                // The socket's reader learns of it too, and ends.
                Err(_) => self.abandon(),
            }
            if self.is_full || self.frames.is_empty() {
                return;
            }
        }
    }

    fn take(&mut self, batch: &mut Vec<Frame>) {
        let mut taken = 0;
        while taken < SOCKET_BATCH_BYTES
            && let Some((_, frame)) = self.frames.pop_front()
        {
            taken += frame.bytes.len();
            batch.push(frame);
        }
        self.bytes -= taken;
    }

    fn abandon(&mut self) {
        self.is_abandoned = true;
        self.wire = None;
        self.drain();
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
mod tests;
