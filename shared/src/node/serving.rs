//! The relay's questions for bodies and log entries, whose answers are read from the store: one of
//! each kind at a time, whatever the relay sends.

use super::{Loading, Node};
use crate::hash::BlockHash;
use crate::questions::Questions;
use crate::replica::{answer_log, log_query};
use crate::store::Row;

/// What the relay has asked for.
#[derive(Debug)]
pub(super) struct Serving {
    bodies: Questions<(), Vec<BlockHash>>,
    /// From which index on.
    log: Questions<(), u64>,
}

impl Default for Serving {
    fn default() -> Self {
        Self {
            bodies: Questions::new(1),
            log: Questions::new(1),
        }
    }
}

impl Node {
    pub(super) fn asked_for_bodies(&mut self, hashes: Vec<BlockHash>) {
        self.serving.bodies.ask((), hashes);
        self.read_bodies();
    }

    pub(super) fn serve_loaded_bodies(&mut self, hashes: &[BlockHash], rows: &[Row]) {
        if let Some(ledger) = &self.ledger {
            let answer = ledger.replica.answer_bodies(hashes, rows);
            self.send(&answer);
        }
        self.bodies_were_read();
    }

    /// The store has answered a question, or has failed to.
    pub(super) fn bodies_were_read(&mut self) {
        self.serving.bodies.read(());
        self.read_bodies();
    }

    fn read_bodies(&mut self) {
        if let Some(ledger) = &self.ledger
            && let Some(((), hashes)) = self.serving.bodies.next()
        {
            let query = ledger.replica.bodies_query(&hashes);
            self.load(query, Loading::ServedBodies(hashes));
        }
    }

    pub(super) fn asked_for_log(&mut self, index: u64) {
        self.serving.log.ask((), index);
        self.read_log();
    }

    pub(super) fn serve_loaded_log(&mut self, rows: &[Row]) {
        self.send(&answer_log(rows));
        self.log_was_read();
    }

    /// The store has answered a question, or has failed to.
    pub(super) fn log_was_read(&mut self) {
        self.serving.log.read(());
        self.read_log();
    }

    fn read_log(&mut self) {
        if let Some(((), index)) = self.serving.log.next() {
            self.load(log_query(index), Loading::ServedLog);
        }
    }
}
