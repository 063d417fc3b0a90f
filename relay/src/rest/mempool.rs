//! Transactions that wait for a block.

use axum::Json;
use serde::{Deserialize, Serialize};
use shared::node::interface::{Answer, Command};

use super::blocks::unexpected;
use super::encoding::TransactionJson;
use super::problem::Problem;
use super::query::{Network, Parameters};
use crate::limits::PENDING_PER_PAGE_MAX;

#[derive(Deserialize)]
pub(crate) struct Page {
    #[serde(default)]
    skip: u32,
    count: Option<u32>,
}

#[derive(Serialize)]
pub(crate) struct MempoolJson {
    transactions: Vec<PendingJson>,
}

#[derive(Serialize)]
struct PendingJson {
    id: String,
    /// The sender's number, if it is present.
    sender_id: Option<u64>,
    #[serde(flatten)]
    transaction: TransactionJson,
}

/// `GET /api/v1/mempool?skip=&count=`: pending transactions, in the order in which they would be
/// included.
pub(crate) async fn list(
    Network(network): Network,
    Parameters(page): Parameters<Page>,
) -> Result<Json<MempoolJson>, Problem> {
    let count = page.count.unwrap_or(PENDING_PER_PAGE_MAX);
    let command = Command::Pending {
        skip: page.skip,
        count: count.clamp(1, PENDING_PER_PAGE_MAX),
    };
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
