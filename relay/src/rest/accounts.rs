//! What the state knows of a public key; what a program must know before it signs a transaction.

use axum::Json;
use serde::{Deserialize, Serialize};
use shared::keys::PublicKey;
use utoipa::{IntoParams, ToSchema};

use super::problem::{PROBLEM_JSON, Problem};
use super::query::{Network, NetworkPath, Segment, parsed};

#[derive(Serialize, ToSchema)]
#[schema(as = Account)]
pub(crate) struct AccountJson {
    key: String,
    balance: String,
    /// The sequence that its next transaction in a block must have.
    sequence: String,
    /// The first sequence that none of its pending transactions has: the one to sign next.
    next_sequence: String,
    /// Bytes of keys and values that it was the last to write.
    state_bytes: String,
    /// The height as of which this holds.
    height: u64,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct AccountPath {
    /// The public key, as `tab1…`.
    pub(super) key: String,
}

/// `GET …/accounts/{key}`: an account. One that never wrote, received or produced has zeros.
#[utoipa::path(
    get,
    path = "/accounts/{key}",
    tag = "accounts",
    operation_id = "account",
    params(NetworkPath, AccountPath),
    responses(
        (status = 200, description = "The account; zeros where the chain does not know the key", body = AccountJson),
        (status = 400, description = "`bad-parameter`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn one(
    Network(network): Network,
    Segment(AccountPath { key }): Segment<AccountPath>,
) -> Result<Json<AccountJson>, Problem> {
    let key: PublicKey = parsed("key", &key)?;
    let account = network.look(move |core| {
        let chain = core.replica().chain();
        let account = chain.state().account(&key);
        let mempool = core.replica().mempool();
        AccountJson {
            key: key.to_string(),
            balance: account.balance.to_string(),
            sequence: account.next_sequence.to_string(),
            next_sequence: mempool.next_sequence(&key, chain.state()).to_string(),
            state_bytes: account.state_bytes.to_string(),
            height: chain.height(),
        }
    });
    Ok(Json(account.await?))
}
