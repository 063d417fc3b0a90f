//! Transactions that wait for a block.

use axum::Json;
use serde::{Deserialize, Serialize};
use shared::node::interface::{Answer, Command};
use utoipa::{IntoParams, ToSchema};

use super::blocks::unexpected;
use super::encoding::TransactionJson;
use super::heavy::Reads;
use super::problem::{PROBLEM_JSON, Problem};
use super::query::{Network, NetworkPath, Parameters};
use crate::limits::PENDING_PER_PAGE_MAX;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    #[serde(default)]
    skip: u32,
    count: Option<u32>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Mempool)]
pub(crate) struct MempoolJson {
    transactions: Vec<PendingJson>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Pending)]
struct PendingJson {
    id: String,
    /// The sender's number, if it is present.
    sender_id: Option<u64>,
    #[serde(flatten)]
    transaction: TransactionJson,
}

/// `GET /api/v1/mempool?skip=&count=`: pending transactions, in the order in which they would be
/// included.
#[utoipa::path(
    get,
    path = "/mempool",
    tag = "transactions",
    operation_id = "pending",
    params(NetworkPath, Page),
    responses(
        (status = 200, description = "Pending transactions in the order in which they would be included", body = MempoolJson),
        (status = 400, description = "`bad-parameter`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn list(
    Network(network): Network,
    Parameters(page): Parameters<Page>,
    reads: Reads,
) -> Result<Json<MempoolJson>, Problem> {
    let count = page.count.unwrap_or(PENDING_PER_PAGE_MAX);
    let count = count.clamp(1, PENDING_PER_PAGE_MAX);
    let skip = page.skip;
    let pending = network.look(|core| core.replica().mempool().len()).await?;
    let left = u64::try_from(pending)
        .unwrap_or(u64::MAX)
        .saturating_sub(u64::from(skip));
    reads.count(left.min(u64::from(count)))?;
    let command = Command::Pending { skip, count };
    match network.ask(command).await? {
        Answer::Pending(pending) => Ok(Json(MempoolJson {
            transactions: pending
                .iter()
                .map(|pending| PendingJson {
                    id: pending.id.to_string(),
                    sender_id: pending.sender,
                    transaction: TransactionJson::from(&pending.signed),
                })
                .collect(),
        })),
        other => Err(unexpected(other)),
    }
}
