//! Answers to peers that synchronise: headers, bodies, the log.

use std::collections::HashMap;

use super::{Replica, query_rows};
use crate::block::Body;
use crate::encoding::{List, decode, encode};
use crate::hash::BlockHash;
use crate::limits::{
    BODIES_ANSWER_BYTES_MAX, HEADERS_PER_MESSAGE_MAX, LOG_ENTRIES_PER_MESSAGE_MAX,
};
use crate::message::Message;
use crate::store::{Query, Row, Table, key_number, number_key};

impl Replica {
    /// The headers after the last block that a peer shares.
    #[must_use]
    pub fn answer_headers(&self, locator: &[BlockHash]) -> Message {
        let headers = self.chain().headers_after(locator, HEADERS_PER_MESSAGE_MAX);
        Message::Headers(List::truncated(headers))
    }

    /// The rows that must be read to answer a question for bodies.
    #[must_use]
    pub fn bodies_query(&self, hashes: &[BlockHash]) -> Query {
        let stored = hashes
            .iter()
            .filter(|hash| self.chain().body(hash).is_none())
            .filter_map(|hash| self.chain().height_of(hash));
        query_rows(Table::Bodies, stored)
    }

    /// The bodies that were asked for, from memory and from the rows, as many as fit.
    #[must_use]
    pub fn answer_bodies(&self, hashes: &[BlockHash], rows: &[Row]) -> Message {
        let stored: HashMap<u64, &Row> = rows
            .iter()
            .filter_map(|row| Some((key_number(&row.key)?, row)))
            .collect();
        let mut bytes = 0;
        let bodies = hashes
            .iter()
            .filter_map(|hash| Some((*hash, self.body_of(hash, &stored)?)))
            .take_while(|(_, body)| {
                bytes += encode(body).len();
                bytes <= BODIES_ANSWER_BYTES_MAX
            });
        Message::Bodies(List::truncated(bodies))
    }

    fn body_of(&self, hash: &BlockHash, stored: &HashMap<u64, &Row>) -> Option<Body> {
        if let Some(body) = self.chain().body(hash) {
            return Some(body.clone());
        }
        let row = stored.get(&self.chain().height_of(hash)?)?;
        decode("body", &row.value).ok()
    }
}

/// The rows of the log that a peer asks for. They are read from the store, never taken from memory:
/// what is served is durable.
pub(crate) fn log_query(from: u64) -> Query {
    Query::Range {
        table: Table::Log,
        from: number_key(from),
        to: number_key(u64::MAX),
        rows_max: u32::try_from(LOG_ENTRIES_PER_MESSAGE_MAX).unwrap_or(u32::MAX),
        newest_first: false,
    }
}

/// The entries of these rows.
pub(crate) fn answer_log(rows: &[Row]) -> Message {
    let entries = rows
        .iter()
        .filter_map(|row| decode("log entry", &row.value).ok());
    Message::Log(List::truncated(entries))
}
