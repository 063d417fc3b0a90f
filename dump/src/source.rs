//! Where the blocks come from: the replica that is dumped.

use std::collections::HashMap;
use std::future::Future;

use shared::block::{Block, Body, SealedHeader};
use shared::encoding::decode;
use shared::finality::LogEntry;
use shared::hash::BlockHash;
use shared::network::NetworkParameters;
use shared::store::{Row, key_number};
use tokio::sync::watch;

/// Where a replica stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Height of its best block.
    pub height: u64,
    /// Hash of that block.
    pub tip: BlockHash,
    /// Entries of its decision log.
    pub log_length: u64,
}

/// A verified replica of one network.
///
/// Signatures of transactions are not checked again; proof of work, roots and state are. What a
/// source hands over must be durable in the replica: a dump does not forget it.
pub trait Source: Send + Sync + 'static {
    /// What the network was made with.
    fn network(&self) -> &NetworkParameters;

    /// Where the replica stands; changes with each block, reorganisation and log entry, and closes
    /// when the replica ends.
    fn positions(&self) -> watch::Receiver<Position>;

    /// The blocks of the best chain after the first one of `locator` that is on it, lowest first,
    /// of one moment; at most [`BLOCKS_PER_ANSWER_MAX`](crate::limits::BLOCKS_PER_ANSWER_MAX).
    /// The last of a locator is always the genesis block.
    fn blocks_after(
        &self,
        locator: &[BlockHash],
    ) -> impl Future<Output = Result<Vec<Block>, SourceError>> + Send;

    /// The entries of the decision log from an index on; at most
    /// [`BATCH_LOG_ENTRIES_MAX`](crate::limits::BATCH_LOG_ENTRIES_MAX).
    fn log_from(
        &self,
        index: u64,
    ) -> impl Future<Output = Result<Vec<LogEntry>, SourceError>> + Send;
}

/// The replica could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// It has ended: there will be nothing more.
    #[error("the replica that is dumped has ended")]
    Ended,
    /// It could not answer now.
    #[error("the replica that is dumped could not be read: {0}")]
    Failed(String),
}

/// The blocks of these headers, with bodies from rows of `shared::store::Table::Bodies`; up to the
/// first whose body is not there. A row may belong to another block of that height, where a
/// reorganisation came between reading headers and rows: it counts as not there.
#[must_use]
pub fn blocks_of(headers: Vec<SealedHeader>, bodies: &[Row]) -> Vec<Block> {
    let by_height: HashMap<u64, &Row> = bodies
        .iter()
        .filter_map(|row| Some((key_number(&row.key)?, row)))
        .collect();
    headers
        .into_iter()
        .map_while(|sealed| {
            let row = by_height.get(&sealed.header.height)?;
            let body: Body = decode("body", &row.value).ok()?;
            (body.root() == sealed.header.tx_root).then_some(Block { sealed, body })
        })
        .collect()
}
