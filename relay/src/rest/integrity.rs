//! Whether the stored blocks are those of the chain.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use axum::Json;
use serde::{Deserialize, Serialize};
use shared::block::{Body, SealedHeader};
use shared::encoding::decode;
use shared::hash::BlockHash;
use shared::replica::query_rows;
use shared::store::{Table, key_number};
use utoipa::{IntoParams, ToSchema};

use super::heavy::Reads;
use super::problem::{PROBLEM_JSON, Problem};
use super::query::{Network, NetworkPath, Parameters};
use super::stored::rows;
use crate::limits::{BLOCKS_PER_CHECK_READ_MAX, CHECKED_BLOCKS_MAX};
use crate::network::{NetworkHandle, Unanswered};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Range {
    /// The first height to be checked.
    #[serde(default)]
    from: u64,
    /// How many blocks at most.
    count: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Integrity)]
pub(crate) struct IntegrityJson {
    /// Whether every block that was checked is what it should be.
    valid: bool,
    from: u64,
    /// The last height that was checked.
    to: u64,
    /// The `from` of the next range, where there is one.
    next: Option<u64>,
    first_bad: Option<BadBlockJson>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = BadBlock)]
struct BadBlockJson {
    height: u64,
    reason: String,
}

/// Reads stored headers and bodies, and computes hashes and roots anew from the bytes as they are on
/// disk. The first block that is not the chain's is named.
#[utoipa::path(
    get,
    path = "/blocks/valid",
    tag = "blocks",
    operation_id = "blocks_valid",
    params(NetworkPath, Range),
    responses(
        (status = 200, description = "What was found in this range", body = IntegrityJson),
        (status = 400, description = "`bad-parameter`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn check(
    Network(network): Network,
    Parameters(range): Parameters<Range>,
    reads: Reads,
) -> Result<Json<IntegrityJson>, Problem> {
    let count = range.count.unwrap_or(CHECKED_BLOCKS_MAX);
    let count = u64::from(count.clamp(1, CHECKED_BLOCKS_MAX));
    let tip = network.view().await?.chain.height;
    let from = range.from.min(tip);
    let to = from.saturating_add(count - 1).min(tip);
    let _read = reads.blocks(to - from + 1).await?;
    // The genesis block is computed from the network's parameters, and not stored.
    let mut next = from.max(1);
    while next <= to {
        let last = to.min(next.saturating_add(BLOCKS_PER_CHECK_READ_MAX - 1));
        let Some(portion) = Portion::read(&network, next..=last).await? else {
            // A reorganisation has taken it away meanwhile.
            break;
        };
        if let Some((height, reason)) = portion.first_fault() {
            return Ok(Json(IntegrityJson {
                valid: false,
                from,
                to: height,
                next: None,
                first_bad: Some(BadBlockJson { height, reason }),
            }));
        }
        next = last + 1;
    }
    Ok(Json(IntegrityJson {
        valid: true,
        from,
        to,
        next: (to < tip).then(|| to + 1),
        first_bad: None,
    }))
}

/// Some blocks as they are on disk, and their hashes in the chain.
struct Portion {
    hashes: Vec<(u64, BlockHash)>,
    headers: HashMap<u64, Vec<u8>>,
    bodies: HashMap<u64, Vec<u8>>,
}

impl Portion {
    /// Reads blocks; nothing where the chain changed there meanwhile.
    async fn read(
        network: &NetworkHandle,
        heights: RangeInclusive<u64>,
    ) -> Result<Option<Self>, Problem> {
        let before = hashes(network, heights.clone()).await?;
        let headers = by_height(network, Table::Headers, heights.clone()).await?;
        let bodies = by_height(network, Table::Bodies, heights.clone()).await?;
        let hashes = hashes(network, heights).await?;
        Ok((hashes == before).then_some(Self {
            hashes,
            headers,
            bodies,
        }))
    }

    fn first_fault(&self) -> Option<(u64, String)> {
        let mut faults = self.hashes.iter().map(|(height, hash)| {
            let header = self.headers.get(height).map(Vec::as_slice);
            let body = self.bodies.get(height).map(Vec::as_slice);
            (*height, fault(hash, header, body))
        });
        faults.find_map(|(height, fault)| Some((height, fault.err()?)))
    }
}

/// The chain's hashes at these heights.
async fn hashes(
    network: &NetworkHandle,
    heights: RangeInclusive<u64>,
) -> Result<Vec<(u64, BlockHash)>, Unanswered> {
    let hashes = network.look(move |core| {
        let chain = core.replica().chain();
        let hash = |height| Some((height, chain.hash_at(height)?));
        heights.filter_map(hash).collect()
    });
    hashes.await
}

async fn by_height(
    network: &NetworkHandle,
    table: Table,
    heights: RangeInclusive<u64>,
) -> Result<HashMap<u64, Vec<u8>>, Problem> {
    let rows = rows(network, query_rows(table, heights)).await?.into_iter();
    Ok(rows
        .filter_map(|row| Some((key_number(&row.key)?, row.value)))
        .collect())
}

/// Why the rows of a block are not those of the chain's block with this hash.
fn fault(expected: &BlockHash, header: Option<&[u8]>, body: Option<&[u8]>) -> Result<(), String> {
    let header = header.ok_or("its stored header is missing")?;
    let sealed: SealedHeader =
        decode("header", header).map_err(|error| format!("its stored header: {error}"))?;
    let came = sealed.header.hash();
    if came != *expected {
        return Err(format!(
            "its stored header has the hash {came}, the chain has {expected}"
        ));
    }
    let body = body.ok_or("its stored transactions are missing")?;
    let body: Body =
        decode("body", body).map_err(|error| format!("its stored transactions: {error}"))?;
    let (came, expected) = (body.root(), sealed.header.tx_root);
    if came != expected {
        return Err(format!(
            "its stored transactions have the root {came}, its header says {expected}"
        ));
    }
    Ok(())
}
