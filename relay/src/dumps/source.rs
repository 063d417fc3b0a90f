//! A network of this relay as what a dump follows.

use dump::limits::{BATCH_LOG_ENTRIES_MAX, BLOCKS_PER_ANSWER_MAX};
use dump::{Position, Source, SourceError, blocks_of};
use shared::block::Block;
use shared::encoding::decode;
use shared::finality::LogEntry;
use shared::hash::BlockHash;
use shared::network::NetworkParameters;
use shared::replica::query_rows;
use shared::store::{Query, Table, number_key};
use tokio::sync::watch;

use crate::network::{NetworkHandle, Unanswered};

/// Reads blocks and log from a network's store: what is there is durable.
#[derive(Debug)]
pub(crate) struct NetworkSource {
    network: NetworkHandle,
    positions: watch::Receiver<Position>,
}

impl NetworkSource {
    pub(crate) async fn open(network: NetworkHandle) -> Result<Self, Unanswered> {
        let positions = network.follow().await?;
        Ok(Self { network, positions })
    }
}

impl Source for NetworkSource {
    fn network(&self) -> &NetworkParameters {
        self.network.parameters()
    }

    fn positions(&self) -> watch::Receiver<Position> {
        self.positions.clone()
    }

    async fn blocks_after(&self, locator: &[BlockHash]) -> Result<Vec<Block>, SourceError> {
        let locator = locator.to_vec();
        let headers = self.network.look(move |core| {
            let chain = core.replica().chain();
            chain.headers_after(&locator, BLOCKS_PER_ANSWER_MAX)
        });
        let headers = headers.await.map_err(unanswered)?;
        let heights = headers.iter().map(|sealed| sealed.header.height);
        let rows = self.network.read(query_rows(Table::Bodies, heights));
        let rows = rows
            .await
            .map_err(unanswered)?
            .map_err(SourceError::Failed)?;
        Ok(blocks_of(headers, &rows))
    }

    async fn log_from(&self, index: u64) -> Result<Vec<LogEntry>, SourceError> {
        let query = Query::Range {
            table: Table::Log,
            from: number_key(index),
            to: number_key(u64::MAX),
            rows_max: u32::try_from(BATCH_LOG_ENTRIES_MAX).unwrap_or(u32::MAX),
            newest_first: false,
        };
        let rows = self.network.read(query).await;
        let rows = rows.map_err(unanswered)?.map_err(SourceError::Failed)?;
        rows.iter()
            .map(|row| {
                decode("log entry", &row.value)
                    .map_err(|error| SourceError::Failed(error.to_string()))
            })
            .collect()
    }
}

fn unanswered(error: Unanswered) -> SourceError {
    SourceError::Failed(error.to_string())
}
