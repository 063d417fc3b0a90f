//! Questions of peers whose answers are read from the store: a few at a time, one of each peer.
//!
//! What one question reads may be sixty times as much as its answer holds, and questions are short:
//! who asked for the longest answers without waiting for them would fill a replica's memory.

use std::collections::{BTreeSet, VecDeque};

/// Questions of one kind: whose are being read for, and whose wait.
#[derive(Debug)]
pub(crate) struct Questions<P, Q> {
    read_max: usize,
    under_way: BTreeSet<P>,
    /// One of each peer, the one that has waited longest first.
    waiting: VecDeque<(P, Q)>,
}

impl<P: Copy + Ord, Q> Questions<P, Q> {
    /// None so far; at most `read_max` are read for at a time.
    pub(crate) fn new(read_max: usize) -> Self {
        Self {
            read_max,
            under_way: BTreeSet::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Of what a peer asks while it waits for an answer, the last counts.
    pub(crate) fn ask(&mut self, from: P, question: Q) {
        let mut waiting = self.waiting.iter_mut();
        match waiting.find(|(peer, _)| *peer == from) {
            Some((_, earlier)) => *earlier = question,
            None => self.waiting.push_back((from, question)),
        }
    }

    /// The next question to be read for, if one may be. It is under way until it is
    /// [`read`](Self::read).
    pub(crate) fn next(&mut self) -> Option<(P, Q)> {
        if self.under_way.len() >= self.read_max {
            return None;
        }
        let is_free = |(from, _): &(P, _)| !self.under_way.contains(from);
        let next = self.waiting.iter().position(is_free)?;
        let (from, question) = self.waiting.remove(next)?;
        self.under_way.insert(from);
        Some((from, question))
    }

    /// The store has answered the question of this peer that was under way, or has failed to.
    pub(crate) fn read(&mut self, from: P) {
        self.under_way.remove(&from);
    }

    /// Forgets what a peer that has gone is waiting for.
    pub(crate) fn forget(&mut self, from: P) {
        self.waiting.retain(|(peer, _)| *peer != from);
    }
}
