//! Answers to peers that synchronise: headers, bodies.

use std::collections::HashMap;

use super::{Replica, query_rows};
use crate::block::Body;
use crate::encoding::{List, decode, encode};
use crate::hash::BlockHash;
use crate::limits::{BODIES_ANSWER_BYTES_MAX, HEADERS_PER_MESSAGE_MAX};
use crate::message::Message;
use crate::store::{Query, Row, Table, key_number};

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
