//! Whether the stored blocks are those of the chain.

use axum::Json;
use serde::{Deserialize, Serialize};
use shared::node::interface::{Answer, BlockDetail, Command};
use utoipa::{IntoParams, ToSchema};

use super::blocks::unexpected;
use super::problem::{PROBLEM_JSON, Problem};
use super::query::{Network, NetworkPath, Parameters};
use crate::limits::CHECKED_BLOCKS_MAX;

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

/// Reads stored blocks and computes their transactions' roots anew, from the bytes as they are on
/// disk. The first that is not what its header says is named.
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
) -> Result<Json<IntegrityJson>, Problem> {
    let count = range.count.unwrap_or(CHECKED_BLOCKS_MAX);
    let count = u64::from(count.clamp(1, CHECKED_BLOCKS_MAX));
    let tip = network.view().await?.chain.height;
    let from = range.from.min(tip);
    let to = from.saturating_add(count - 1).min(tip);
    let mut before: Option<BlockDetail> = None;
    for height in from..=to {
        let block = match network.ask(Command::Block { height }).await? {
            Answer::Block(Some(block)) => *block,
            // A reorganisation has taken it away meanwhile.
            Answer::Block(None) => break,
            other => return Err(unexpected(other)),
        };
        if let Some(reason) = fault(&block, before.as_ref()) {
            return Ok(Json(IntegrityJson {
                valid: false,
                from,
                to: height,
                next: None,
                first_bad: Some(BadBlockJson { height, reason }),
            }));
        }
        before = Some(block);
    }
    Ok(Json(IntegrityJson {
        valid: true,
        from,
        to,
        next: (to < tip).then(|| to + 1),
        first_bad: None,
    }))
}

/// What is wrong with a block after the one before it.
fn fault(block: &BlockDetail, before: Option<&BlockDetail>) -> Option<String> {
    let header = &block.summary.header;
    if before.is_some_and(|before| before.summary.hash != header.previous) {
        return Some("it does not follow the block before it".to_owned());
    }
    (block.tx_root != header.tx_root).then(|| {
        format!(
            "its stored transactions have the root {}, its header says {}",
            block.tx_root, header.tx_root
        )
    })
}
