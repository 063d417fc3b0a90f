//! Members' questions for bodies and log entries, whose answers are read from the store.

use super::interface::ConnectionId;
use super::{Loading, Relay};
use crate::hash::BlockHash;
use crate::limits::{BODIES_QUESTIONS_READ_MAX, LOG_QUESTIONS_READ_MAX};
use crate::questions::Questions;
use crate::replica::{answer_log, log_query};
use crate::store::Row;

/// What members have asked for.
#[derive(Debug)]
pub(super) struct Serving {
    bodies: Questions<ConnectionId, Vec<BlockHash>>,
    /// From which index on.
    log: Questions<ConnectionId, u64>,
}

impl Default for Serving {
    fn default() -> Self {
        Self {
            bodies: Questions::new(BODIES_QUESTIONS_READ_MAX),
            log: Questions::new(LOG_QUESTIONS_READ_MAX),
        }
    }
}

impl Serving {
    /// Forgets what a connection that has ended is waiting for.
    pub(super) fn forget(&mut self, connection: ConnectionId) {
        self.bodies.forget(connection);
        self.log.forget(connection);
    }
}

impl Relay {
    pub(super) fn asked_for_bodies(&mut self, from: ConnectionId, hashes: Vec<BlockHash>) {
        self.serving.bodies.ask(from, hashes);
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
        self.serving.bodies.read(connection);
        self.read_bodies();
    }

    fn read_bodies(&mut self) {
        while let Some((from, hashes)) = self.serving.bodies.next() {
            let query = self.replica.bodies_query(&hashes);
            self.load(query, Loading::ServedBodies(from, hashes));
        }
    }

    pub(super) fn asked_for_log(&mut self, from: ConnectionId, index: u64) {
        self.serving.log.ask(from, index);
        self.read_log();
    }

    pub(super) fn serve_loaded_log(&mut self, connection: ConnectionId, rows: &[Row]) {
        self.send(connection, &answer_log(rows));
        self.log_was_read(connection);
    }

    /// The store has answered a question of this connection, or has failed to.
    pub(super) fn log_was_read(&mut self, connection: ConnectionId) {
        self.serving.log.read(connection);
        self.read_log();
    }

    fn read_log(&mut self) {
        while let Some((from, index)) = self.serving.log.next() {
            self.load(log_query(index), Loading::ServedLog(from));
        }
    }
}
