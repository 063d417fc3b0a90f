//! Questions for bodies, whose answers are read from the store: a few at a time, one of each member.
//!
//! What one question reads may be sixty times as much as its answer holds, and questions are short:
//! who asked for the longest bodies without waiting for them would fill the relay's memory.

use std::collections::{BTreeSet, VecDeque};

use super::interface::ConnectionId;
use super::{Loading, Relay};
use crate::hash::BlockHash;
use crate::limits::BODIES_QUESTIONS_READ_MAX;
use crate::store::Row;

/// Whose questions are being read for, and whose wait.
#[derive(Debug, Default)]
pub(super) struct Serving {
    under_way: BTreeSet<ConnectionId>,
    /// One of each connection, the one that has waited longest first.
    waiting: VecDeque<(ConnectionId, Vec<BlockHash>)>,
}

impl Serving {
    /// Of what a member asks while it waits for an answer, the last counts.
    fn ask(&mut self, from: ConnectionId, hashes: Vec<BlockHash>) {
        let mut waiting = self.waiting.iter_mut();
        match waiting.find(|(connection, _)| *connection == from) {
            Some((_, earlier)) => *earlier = hashes,
            None => self.waiting.push_back((from, hashes)),
        }
    }

    /// The next question to be read for, if one may be.
    fn next(&mut self) -> Option<(ConnectionId, Vec<BlockHash>)> {
        if self.under_way.len() >= BODIES_QUESTIONS_READ_MAX {
            return None;
        }
        let is_free = |(from, _): &(ConnectionId, _)| !self.under_way.contains(from);
        let next = self.waiting.iter().position(is_free)?;
        let (from, hashes) = self.waiting.remove(next)?;
        self.under_way.insert(from);
        Some((from, hashes))
    }

    /// Forgets what a connection that has ended is waiting for.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.waiting.retain(|(from, _)| *from != connection);
    }
}

impl Relay {
    pub(super) fn asked_for_bodies(&mut self, from: ConnectionId, hashes: Vec<BlockHash>) {
        self.serving.ask(from, hashes);
        self.read_bodies();
    }

    pub(super) fn serve_loaded_bodies(
        &mut self,
        connection: ConnectionId,
        hashes: &[BlockHash],
        rows: &[Row],
    ) {
        let answer = self.replica.answer_bodies(hashes, rows);
        self.send(connection, &answer);
        self.bodies_were_read(connection);
    }

    /// The store has answered a question of this connection, or has failed to.
    pub(super) fn bodies_were_read(&mut self, connection: ConnectionId) {
        self.serving.under_way.remove(&connection);
        self.read_bodies();
    }

    fn read_bodies(&mut self) {
        while let Some((from, hashes)) = self.serving.next() {
            let query = self.replica.bodies_query(&hashes);
            self.load(query, Loading::ServedBodies(from, hashes));
        }
    }
}
