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

/// A message as a server sends it (RFC 6455, section 5.2), to all its receivers; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame(Bytes);

/// Frames that follow upon each other for many receivers, in one piece; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Joined {
    bytes: Bytes,
    frames: Vec<Frame>,
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
    pieces: VecDeque<Piece>,
    /// Of all pieces.
    frames: usize,
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

/// What was queued in one go: one frame, or on a wire several that were joined.
#[derive(Debug)]
struct Piece {
    queued: Instant,
    bytes: Bytes,
    frames: usize,
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
        bytes.extend_from_slice(message);
        Self(bytes.into())
    }

    /// The message.
    #[must_use]
    pub(crate) fn message(&self) -> Bytes {
        let header_bytes = match self.0.get(1) {
            Some(126) => 4,
            Some(127) => 10,
            _ => 2,
        };
        self.0.slice(header_bytes..)
    }

    /// How long it is, its header included.
    pub(crate) fn bytes(&self) -> usize {
        self.0.len()
    }
}

impl Joined {
    /// Puts frames together.
    #[must_use]
    pub(crate) fn new(frames: Vec<Frame>) -> Self {
        let bytes = match frames.as_slice() {
            [frame] => frame.0.clone(),
            frames => {
                let parts: Vec<_> = frames.iter().map(|frame| &*frame.0).collect();
                parts.concat().into()
            }
        };
        Self { bytes, frames }
    }

    /// What was put together.
    pub(crate) fn frames(&self) -> &[Frame] {
        &self.frames
    }
}

impl Outbox {
    /// How many frames wait, and how many bytes they have.
    pub(crate) fn queued(&self) -> (usize, usize) {
        let queue = lock(&self.0);
        (queue.frames, queue.bytes)
    }

    /// Queues a frame, which goes out when the queue is flushed, or before.
    pub(crate) fn send(&self, frame: &Frame, now: Instant) -> Result<(), Full> {
        let mut queue = lock(&self.0);
        queue.push(&frame.0, 1, now)?;
        if queue.bytes >= SOCKET_BATCH_BYTES {
            queue.flush();
        }
        Ok(())
    }

    /// Queues frames that others get as well, and which go out when the queue is flushed.
    pub(crate) fn send_joined(&self, joined: &Joined, now: Instant) -> Result<(), Full> {
        let mut queue = lock(&self.0);
        if queue.wire.is_some() {
            return queue.push(&joined.bytes, joined.frames().len(), now);
        }
        let mut frames = joined.frames().iter();
        frames.try_for_each(|frame| queue.push(&frame.0, 1, now))
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
        queue.wire.is_some() && queue.pieces.is_empty()
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
            if let Some(oldest) = queue.pieces.front() {
                let waited = oldest.queued.elapsed();
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
            if queue.is_full || (queue.end.is_some() && !queue.pieces.is_empty()) {
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
        let oldest = queue.pieces.front().map(|oldest| oldest.queued.elapsed());
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
    fn push(&mut self, bytes: &Bytes, frames: usize, now: Instant) -> Result<(), Full> {
        // A socket that has ended reports that by itself.
        if self.is_abandoned || self.end.is_some() {
            return Ok(());
        }
        if !self.has_room_for(bytes, frames) {
            self.flush();
        }
        if !self.has_room_for(bytes, frames) {
            return Err(Full);
        }
        self.frames += frames;
        self.bytes += bytes.len();
        self.pieces.push_back(Piece {
            queued: now,
            bytes: bytes.clone(),
            frames,
        });
        Ok(())
    }

    fn has_room_for(&self, bytes: &Bytes, frames: usize) -> bool {
        self.frames + frames <= SOCKET_QUEUE_FRAMES_MAX
            && self.bytes + bytes.len() <= SOCKET_QUEUE_BYTES_MAX
    }

    /// Writes what the wire takes; without one, or where that is not all, wakes the socket.
    fn flush(&mut self) {
        if self.pieces.is_empty() {
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

    /// Writes what the wire takes, what it holds of the piece before it first.
    fn write(&mut self) {
        while let Some(wire) = self.wire.clone() {
            match wire.write(self.pieces.iter().map(|piece| &piece.bytes)) {
                Ok(taken) => {
                    self.is_full = taken.is_full;
                    for _ in 0..taken.pieces {
                        self.pop();
                    }
                }
                // The socket's reader learns of it too, and ends.
                Err(_) => self.abandon(),
            }
            if self.is_full || self.pieces.is_empty() {
                return;
            }
        }
    }

    fn take(&mut self, batch: &mut Vec<Frame>) {
        let mut taken = 0;
        while taken < SOCKET_BATCH_BYTES
            && let Some(bytes) = self.pop()
        {
            taken += bytes.len();
            batch.push(Frame(bytes));
        }
    }

    fn pop(&mut self) -> Option<Bytes> {
        let piece = self.pieces.pop_front()?;
        self.frames -= piece.frames;
        self.bytes -= piece.bytes.len();
        Some(piece.bytes)
    }

    fn abandon(&mut self) {
        self.is_abandoned = true;
        self.wire = None;
        self.drain();
    }

    fn drain(&mut self) {
        self.pieces = VecDeque::new();
        self.frames = 0;
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
