//! Transactions of the chain by their sender.
//!
//! No index says where they are: blocks are looked through from the newest on, so many for each
//! request, and until the sender's first transaction is found.

use axum::Json;
use serde::{Deserialize, Serialize};
use shared::keys::PublicKey;
use shared::store::Place;
use utoipa::{IntoParams, ToSchema};

use super::accounts::AccountPath;
use super::caching::{Known, Versioned};
use super::encoding::{OutcomeJson, TransactionJson};
use super::heavy::Reads;
use super::problem::{PROBLEM_JSON, Problem};
use super::query::{At, Network, NetworkPath, Parameters, Segment, parsed};
use super::stored::{bodies, timestamps_ms};
use crate::limits::{SENT_BLOCKS_SEARCHED_MAX, SENT_PER_PAGE_MAX};
use crate::network::NetworkHandle;

/// Blocks that are in memory at a time.
const BLOCKS_PER_READ: usize = 20;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// Only transactions before this place, written HEIGHT.INDEX.
    before: Option<String>,
    /// How many at most.
    count: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SentTransactions)]
pub(crate) struct SentJson {
    /// Newest first. A page may have fewer than were asked for, or none, and be followed by another.
    transactions: Vec<SentTransactionJson>,
    /// The `before` of the next page, where there is one.
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SentTransaction)]
struct SentTransactionJson {
    id: String,
    height: u64,
    /// The position among the block's transactions, from 0.
    index: u32,
    timestamp_ms: u64,
    outcome: OutcomeJson,
    #[serde(flatten)]
    transaction: TransactionJson,
}

/// `GET …/accounts/{key}/transactions`: what a key has sent.
#[utoipa::path(
    get,
    path = "/accounts/{key}/transactions",
    tag = "accounts",
    operation_id = "sent",
    params(NetworkPath, AccountPath, Page),
    responses(
        (status = 200, description = "Transactions of the key that are in blocks, newest first", body = SentJson),
        (status = 400, description = "`bad-parameter`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn list(
    Network(network): Network,
    Segment(AccountPath { key }): Segment<AccountPath>,
    Parameters(page): Parameters<Page>,
    reads: Reads,
    known: Known,
) -> Result<Versioned<Json<SentJson>>, Problem> {
    let sender: PublicKey = parsed("key", &key)?;
    let before = page.before.map(|before| parsed("before", &before));
    let At(before) = before.unwrap_or(Ok(At::END))?;
    let count = page.count.unwrap_or(SENT_PER_PAGE_MAX);
    let count = usize::try_from(count.clamp(1, SENT_PER_PAGE_MAX)).unwrap_or(usize::MAX);
    let search = Search {
        sender,
        before,
        count,
    };
    let page = async { search.page(&network, &reads).await.map(Json) };
    Versioned::by_chain(&network, &known, page).await
}

/// What is looked for.
struct Search {
    sender: PublicKey,
    before: Place,
    count: usize,
}

impl Search {
    async fn page(&self, network: &NetworkHandle, reads: &Reads) -> Result<SentJson, Problem> {
        let sender = self.sender;
        // Nothing is to be searched where it has sent nothing.
        let tip = network
            .look(move |core| {
                let chain = core.replica().chain();
                let has_sent = chain.state().account(&sender).next_sequence > 0;
                if has_sent { chain.height() } else { 0 }
            })
            .await?;
        let heights = (1..=self.before.height.min(tip)).rev();
        let heights: Vec<_> = heights.take(SENT_BLOCKS_SEARCHED_MAX).collect();
        let _read = reads.blocks(heights.len()).await?;
        let mut transactions = Vec::new();
        for heights in heights.chunks(BLOCKS_PER_READ) {
            let is_complete = self.through(network, heights, &mut transactions).await?;
            if is_complete {
                return Ok(SentJson {
                    transactions,
                    next: None,
                });
            }
            if let (true, Some(last)) = (transactions.len() == self.count, transactions.last()) {
                let next = Some(format!("{}.{}", last.height, last.index));
                return Ok(SentJson { transactions, next });
            }
        }
        let next = heights.last().filter(|height| **height > 1);
        let next = next.map(|height| format!("{height}.0"));
        Ok(SentJson { transactions, next })
    }

    /// Adds what the blocks at these heights, highest first, have; returns whether the sender's
    /// first transaction is among it.
    async fn through(
        &self,
        network: &NetworkHandle,
        heights: &[u64],
        found: &mut Vec<SentTransactionJson>,
    ) -> Result<bool, Problem> {
        let bodies = bodies(network, heights.iter().copied()).await?;
        let timestamps = timestamps_ms(network, heights.to_vec()).await?;
        for height in heights {
            let (Some(body), Some(timestamp_ms)) = (bodies.get(height), timestamps.get(height))
            else {
                continue;
            };
            let all = body.transactions.iter().zip(body.outcomes.iter());
            for (index, (signed, outcome)) in all.enumerate().rev() {
                let index = u32::try_from(index).unwrap_or(u32::MAX);
                let is_before = (*height, index) < (self.before.height, self.before.index);
                if signed.transaction.sender != self.sender || !is_before {
                    continue;
                }
                if found.len() == self.count {
                    return Ok(false);
                }
                found.push(SentTransactionJson {
                    id: signed.transaction.id().to_string(),
                    height: *height,
                    index,
                    timestamp_ms: *timestamp_ms,
                    outcome: OutcomeJson::from(*outcome),
                    transaction: TransactionJson::from(signed),
                });
                if signed.transaction.sequence == 0 {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
