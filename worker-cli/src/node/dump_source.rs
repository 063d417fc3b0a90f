//! The replica as the source of a dump into PostgreSQL: what is durable in its store.

use dump::limits::{BATCH_LOG_ENTRIES_MAX, BLOCKS_PER_ANSWER_MAX};
use dump::{Position, Source, SourceError, blocks_of};
use shared::block::{Block, SealedHeader};
use shared::encoding::decode;
use shared::finality::LogEntry;
use shared::hash::BlockHash;
use shared::network::NetworkParameters;
use shared::store::{Query, Row, Table, number_key};
use sqlite_store::{Completion, ReplicaStore, RequestId};
use tokio::sync::{Mutex, mpsc, watch};

use super::NodeHandle;

/// Reads the replica's store beside the node.
#[derive(Debug)]
pub struct DumpSource {
    pub(super) network: NetworkParameters,
    pub(super) positions: watch::Receiver<Position>,
    pub(super) node: NodeHandle,
    pub(super) reader: Mutex<Reader>,
}

#[derive(Debug)]
pub(super) struct Reader {
    pub(super) store: ReplicaStore,
    pub(super) completions: mpsc::UnboundedReceiver<Completion>,
    pub(super) last_request: RequestId,
}

impl DumpSource {
    async fn rows(&self, table: Table, from: u64, count: usize) -> Result<Vec<Row>, SourceError> {
        let rows_max = u32::try_from(count).unwrap_or(u32::MAX);
        let query = Query::Range {
            table,
            from: number_key(from),
            to: number_key(from.saturating_add(u64::from(rows_max))),
            rows_max,
            newest_first: false,
        };
        self.reader.lock().await.load(query).await
    }
}

impl Reader {
    async fn load(&mut self, query: Query) -> Result<Vec<Row>, SourceError> {
        self.last_request += 1;
        self.store.load(self.last_request, query).await;
        // What a reading that was given up has asked for may come first.
        while let Some(completion) = self.completions.recv().await {
            match completion {
                Completion::Loaded(request, rows) if request == self.last_request => {
                    return Ok(rows);
                }
                Completion::LoadFailed(request, reason) if request == self.last_request => {
                    return Err(SourceError::Failed(reason));
                }
                _ => {}
            }
        }
        Err(SourceError::Ended)
    }
}

impl Source for DumpSource {
    fn network(&self) -> &NetworkParameters {
        &self.network
    }

    fn positions(&self) -> watch::Receiver<Position> {
        self.positions.clone()
    }

    async fn blocks_after(&self, locator: &[BlockHash]) -> Result<Vec<Block>, SourceError> {
        let (height, hash) = self
            .node
            .find(locator.to_vec())
            .await
            .map_err(|_| SourceError::Ended)?
            .ok_or_else(|| SourceError::Failed("no block of the dump is in it".to_owned()))?;
        let first = height + 1;
        let headers = self.rows(Table::Headers, first, BLOCKS_PER_ANSWER_MAX);
        let headers = decoded::<SealedHeader>("header", &headers.await?)?;
        let is_next = |next: &SealedHeader| next.header.previous == hash;
        if !headers.first().is_none_or(is_next) {
            // A reorganisation came between: its position is announced, and asked for anew.
            return Ok(Vec::new());
        }
        let bodies = self.rows(Table::Bodies, first, headers.len()).await?;
        Ok(blocks_of(headers, &bodies))
    }

    async fn log_from(&self, index: u64) -> Result<Vec<LogEntry>, SourceError> {
        let rows = self.rows(Table::Log, index, BATCH_LOG_ENTRIES_MAX).await?;
        decoded("log entry", &rows)
    }
}

fn decoded<T: borsh::BorshDeserialize>(
    what: &'static str,
    rows: &[Row],
) -> Result<Vec<T>, SourceError> {
    rows.iter()
        .map(|row| decode(what, &row.value))
        .collect::<Result<_, _>>()
        .map_err(|error| SourceError::Failed(error.to_string()))
}
