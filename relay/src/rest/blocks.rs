//! Blocks of the relay's replica.

use axum::Json;
use serde::{Deserialize, Serialize};
use shared::block::Header;
use shared::hash::BlockHash;
use shared::node::interface::{Answer, BlockDetail, BlockSummary, Command, CommandError};
use utoipa::{IntoParams, ToSchema};

use super::caching::{Known, Version, Versioned};
use super::encoding::{OutcomeJson, TransactionJson};
use super::heavy::Reads;
use super::problem::{Kind, PROBLEM_JSON, Problem};
use super::query::{Network, NetworkPath, Parameters, Segment};
use crate::limits::BLOCKS_PER_PAGE_MAX;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// The highest height wanted; the tip where it is left out.
    from: Option<u64>,
    /// How many at most.
    count: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Blocks)]
pub(crate) struct BlocksJson {
    /// Highest first.
    blocks: Vec<BlockJson>,
    /// The `from` of the next page, where there is one.
    next: Option<u64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Block)]
struct BlockJson {
    #[serde(flatten)]
    header: HeaderJson,
    transaction_count: u32,
    is_final: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Header)]
pub(super) struct HeaderJson {
    height: u64,
    hash: String,
    /// The low 16 bits are the version of the rules, the high ones the miner's choice.
    version: u32,
    timestamp_ms: u64,
    previous: String,
    tx_root: String,
    state_root: String,
    producer: String,
    bits: String,
    nonce: String,
}

/// `GET /api/v1/blocks?from=&count=`: blocks downwards from a height.
#[utoipa::path(
    get,
    path = "/blocks",
    tag = "blocks",
    operation_id = "blocks",
    params(NetworkPath, Page),
    responses(
        (status = 200, description = "Blocks downwards from a height", body = BlocksJson),
        (status = 400, description = "`bad-parameter`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn list(
    Network(network): Network,
    Parameters(page): Parameters<Page>,
    reads: Reads,
) -> Result<Json<BlocksJson>, Problem> {
    let count = page.count.unwrap_or(BLOCKS_PER_PAGE_MAX);
    let count = count.clamp(1, BLOCKS_PER_PAGE_MAX);
    let height = network.look(|core| core.replica().chain().height()).await?;
    let from = page.from.unwrap_or(u64::MAX).min(height);
    let blocks = from.saturating_add(1).min(u64::from(count));
    let _read = reads.blocks(blocks).await?;
    let command = Command::Blocks { from, count };
    match network.ask(command).await? {
        Answer::Blocks(blocks) => {
            let lowest = blocks.last().map(|block| block.header.height);
            Ok(Json(BlocksJson {
                blocks: blocks.iter().map(BlockJson::from).collect(),
                next: lowest.and_then(|height| height.checked_sub(1)),
            }))
        }
        other => Err(unexpected(other)),
    }
}

impl From<&BlockSummary> for BlockJson {
    fn from(block: &BlockSummary) -> Self {
        Self {
            header: HeaderJson::from(&block.header),
            transaction_count: block.transactions,
            is_final: block.is_final,
        }
    }
}

impl From<&Header> for HeaderJson {
    fn from(header: &Header) -> Self {
        Self {
            height: header.height,
            hash: header.hash().to_string(),
            version: header.version,
            timestamp_ms: header.timestamp_ms,
            previous: header.previous.to_string(),
            tx_root: header.tx_root.to_string(),
            state_root: header.state_root.to_string(),
            producer: header.producer.to_string(),
            bits: format!("{:#010x}", header.bits),
            nonce: header.nonce.to_string(),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = BlockDetail)]
pub(crate) struct BlockDetailJson {
    #[serde(flatten)]
    block: BlockJson,
    transactions: Vec<IncludedJson>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Included)]
struct IncludedJson {
    id: String,
    #[serde(flatten)]
    transaction: TransactionJson,
    outcome: OutcomeJson,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct BlockPath {
    height: u64,
}

/// `GET /api/v1/blocks/{height}`: one block with its transactions.
#[utoipa::path(
    get,
    path = "/blocks/{height}",
    tag = "blocks",
    operation_id = "block",
    params(NetworkPath, BlockPath),
    responses(
        (status = 200, description = "The block with its transactions", body = BlockDetailJson),
        (status = 400, description = "`bad-parameter`", body = Problem, content_type = PROBLEM_JSON),
        (status = 404, description = "`no-such-block`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn one(
    Network(network): Network,
    Segment(BlockPath { height }): Segment<BlockPath>,
    known: Known,
) -> Result<Versioned<Json<BlockDetailJson>>, Problem> {
    let version = |hash: BlockHash, is_final: bool| Version::of((hash, is_final));
    let present = network.look(move |core| {
        let hash = core.replica().chain().hash_at(height)?;
        Some(version(hash, height <= core.final_height()))
    });
    if let Some(version) = present.await?.filter(|version| known.has(version)) {
        return Ok(Versioned::Unchanged(version));
    }
    match network.ask(Command::Block { height }).await? {
        Answer::Block(Some(detail)) => Ok(Versioned::Of(
            version(detail.summary.hash, detail.summary.is_final),
            Json(BlockDetailJson::from(detail.as_ref())),
        )),
        Answer::Block(None) | Answer::Failed(CommandError::NoBlock(_)) => Err(Problem::new(
            Kind::NoSuchBlock,
            CommandError::NoBlock(height).to_string(),
        )),
        other => Err(unexpected(other)),
    }
}

impl From<&BlockDetail> for BlockDetailJson {
    fn from(detail: &BlockDetail) -> Self {
        let transactions = detail.transactions.iter();
        Self {
            block: BlockJson::from(&detail.summary),
            transactions: transactions
                .map(|(id, signed, outcome)| IncludedJson {
                    id: id.to_string(),
                    transaction: TransactionJson::from(signed),
                    outcome: OutcomeJson::from(*outcome),
                })
                .collect(),
        }
    }
}

/// An answer that a core gives when it cannot do what was asked.
pub(super) fn unexpected(answer: Answer) -> Problem {
    let detail = match answer {
        Answer::Failed(error) => error.to_string(),
        _ => "the network gave another answer than was asked for".to_owned(),
    };
    Problem::new(Kind::Unavailable, detail)
}
