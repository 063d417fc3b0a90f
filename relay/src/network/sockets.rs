//! The sockets of a network: what is on its way to them, and how it gets there.

use std::collections::HashMap;
use std::num::NonZero;
use std::ops::BitOr;
use std::thread::available_parallelism;
use std::time::Instant;

use shared::relay::interface::{ConnectionId, Urgency};
use tokio::task::JoinSet;

use super::gathering::{Gathered, Gathering, Share};
use super::line::Membership;
use super::outgoing::{Due, Outgoing};
use crate::limits::{SOCKETS_PER_WRITER_MIN, WRITERS_MAX};
use crate::metrics;
use crate::outbox::{Closing, Flusher, Frame, Full, Outbox};

/// All sockets of a network.
pub(super) struct Sockets {
    open: HashMap<ConnectionId, Socket>,
    /// Messages to many that are not in the sockets' own queues yet.
    gathering: Gathering,
    outgoing: Outgoing,
    processors: usize,
    /// Threads that write to a large network what was flushed last.
    writers: JoinSet<()>,
}

struct Socket {
    outbox: Outbox,
    membership: Membership,
    /// The core has closed it: frames that still come in are not for it any more.
    is_closing: bool,
}

/// Sockets that read too slowly, and were cut off.
pub(super) type Slow = Vec<ConnectionId>;

impl Sockets {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            open: HashMap::new(),
            gathering: Gathering::default(),
            outgoing: Outgoing::default(),
            processors: available_parallelism().map_or(1, NonZero::get),
            writers: JoinSet::new(),
        }
    }

    pub(super) fn insert(
        &mut self,
        connection: ConnectionId,
        outbox: Outbox,
        membership: Membership,
    ) {
        let socket = Socket {
            outbox,
            membership,
            is_closing: false,
        };
        self.open.insert(connection, socket);
    }

    /// Forgets a socket that has ended; says whether it was there.
    pub(super) fn remove(&mut self, connection: ConnectionId) -> bool {
        self.open.remove(&connection).is_some()
    }

    pub(super) fn count(&self) -> usize {
        self.open.len()
    }

    /// Whether the core wants to hear what comes from it.
    pub(super) fn is_open(&self, connection: ConnectionId) -> bool {
        let socket = self.open.get(&connection);
        socket.is_some_and(|socket| !socket.is_closing)
    }

    /// Tells a socket's task that its node has registered.
    pub(super) fn grant_membership(&self, connection: ConnectionId) {
        if let Some(socket) = self.open.get(&connection) {
            socket.membership.grant();
        }
    }

    /// How many frames wait in the queues of all, and how many bytes they have.
    pub(super) fn queued(&self) -> (usize, usize) {
        let queued = self.open.values().map(|socket| socket.outbox.queued());
        queued.fold((0, 0), |(frames, bytes), next| {
            (frames + next.0, bytes + next.1)
        })
    }

    /// Queues a message for a socket, or gathers it with others for many.
    pub(super) fn send(
        &mut self,
        connections: Vec<ConnectionId>,
        message: &[u8],
        urgency: Urgency,
    ) -> Slow {
        let frame = Frame::new(message);
        let now = Instant::now();
        self.outgoing.queued(&connections, urgency, now);
        if let [connection] = connections[..] {
            return self.send_one(connection, frame, now);
        }
        self.gathering.add(connections, frame);
        if self.gathering.is_full() {
            return self.hand_out(now);
        }
        Slow::new()
    }

    /// Queues a frame behind those that were gathered for the same socket before.
    fn send_one(&mut self, connection: ConnectionId, frame: Frame, now: Instant) -> Slow {
        let mut frames = self.gathering.take_of(connection);
        frames.push(frame);
        match self.open.get(&connection) {
            Some(socket) if socket.queue_all(&frames, now).is_err() => self.cut(vec![connection]),
            _ => Slow::new(),
        }
    }

    /// Queues what was gathered for each of its receivers.
    fn hand_out(&mut self, now: Instant) -> Slow {
        let Some(gathered) = self.gathering.take() else {
            return Slow::new();
        };
        let sockets = self.open.iter();
        let slow = sockets.filter(|(connection, socket)| {
            let queued = socket.queue_share(&gathered, **connection, now);
            queued.is_err()
        });
        let slow = slow.map(|(connection, _)| *connection).collect();
        self.cut(slow)
    }

    /// Those that have no room are cut off on the spot.
    fn cut(&mut self, slow: Slow) -> Slow {
        for connection in &slow {
            if let Some(socket) = self.open.remove(connection) {
                socket.outbox.cut(Closing::too_slow());
            }
        }
        slow
    }

    /// Closes a socket behind what it is to get before.
    pub(super) fn close(&mut self, connection: ConnectionId, closing: Closing) {
        let Some(socket) = self.open.get_mut(&connection) else {
            return;
        };
        let frames = self.gathering.take_of(connection);
        // What has no room is lost with the connection.
        let _ = socket.queue_all(&frames, Instant::now());
        socket.is_closing = true;
        socket.outbox.close(closing);
    }

    /// Closes all of them.
    pub(super) fn close_all(&mut self, closing: &Closing) {
        let open: Vec<_> = self.open.keys().copied().collect();
        for connection in open {
            self.close(connection, closing.clone());
        }
    }

    /// Has sent what is due of what was queued. `is_free` says that there is nothing else to do,
    /// or that there was enough of it.
    pub(super) fn flush(&mut self, is_free: bool) -> Slow {
        let now = Instant::now();
        let sockets = self.open.len();
        let are_writing = self.are_writing();
        let due = self.outgoing.take_due(now, is_free, are_writing, sockets);
        match due {
            None => Slow::new(),
            Some((Due::These(connections), since)) => {
                let open = connections
                    .iter()
                    .filter_map(|connection| self.open.get(connection));
                flush(open.map(|socket| socket.outbox.flusher()), since);
                Slow::new()
            }
            Some((Due::All, since)) => {
                let slow = self.hand_out(now);
                self.flush_all(since);
                slow
            }
        }
    }

    fn flush_all(&mut self, since: Instant) {
        let flushers = self.open.values().map(|socket| socket.outbox.flusher());
        let threads = writing_threads(self.open.len(), self.processors);
        if threads == 1 || self.are_writing() {
            return flush(flushers, since);
        }
        let flushers: Vec<_> = flushers.collect();
        for share in flushers.chunks(flushers.len().div_ceil(threads)) {
            let share = share.to_vec();
            self.writers.spawn_blocking(move || flush(share, since));
        }
    }

    /// When something is to be flushed that nothing but time holds back.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.outgoing.deadline(self.are_writing())
    }

    fn are_writing(&self) -> bool {
        !self.writers.is_empty()
    }

    /// Waits for one of the threads that write; none is left when there is nothing to wait for.
    pub(super) async fn written(&mut self) -> Option<()> {
        self.writers.join_next().await.map(drop)
    }
}

impl Socket {
    fn queue_all<'a>(
        &self,
        frames: impl IntoIterator<Item = &'a Frame>,
        now: Instant,
    ) -> Result<(), Full> {
        if self.is_closing {
            return Ok(());
        }
        let mut frames = frames.into_iter();
        frames.try_for_each(|frame| self.outbox.send(frame, now))
    }

    fn queue_share(
        &self,
        gathered: &Gathered,
        connection: ConnectionId,
        now: Instant,
    ) -> Result<(), Full> {
        match gathered.share_of(connection) {
            Share::All(joined) if !self.is_closing => self.outbox.send_joined(joined, now),
            Share::All(_) | Share::Nothing => Ok(()),
            Share::These(frames) => self.queue_all(frames, now),
        }
    }
}

/// Has sent what is queued, the oldest of it since then.
fn flush(flushers: impl IntoIterator<Item = Flusher>, since: Instant) {
    let flushed = flushers.into_iter().map(|flusher| flusher.flush());
    if flushed.fold(false, BitOr::bitor) {
        metrics::delivered_after(since.elapsed());
    }
}

/// How many threads write to so many sockets.
fn writing_threads(sockets: usize, processors: usize) -> usize {
    let useful = sockets / SOCKETS_PER_WRITER_MIN;
    useful.min(processors).clamp(1, WRITERS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_networks_are_written_to_by_several_threads() {
        let threads = |sockets| writing_threads(sockets, 16);
        assert_eq!([0, 1, 127, 128].map(threads), [1, 1, 1, 2]);
        assert_eq!(threads(100_000), WRITERS_MAX);
        assert_eq!(writing_threads(100_000, 1), 1);
    }
}
