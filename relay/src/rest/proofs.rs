//! Proofs against what is signed: of what the state holds under a key, and that one history
//! continues another.

use axum::Json;
use serde::{Deserialize, Serialize};
use shared::encoding::encode;
use shared::node::interface::{Answer, Command};
use shared::replica::KeyProof;
use shared::state::tree::ProofEnd;
use utoipa::{IntoParams, ToSchema};

use super::blocks::{HeaderJson, unexpected};
use super::keys::{EntryJson, KeyPath, ledger_key};
use super::problem::{Kind, PROBLEM_JSON, Problem};
use super::query::{Network, NetworkPath, Parameters, Segment};

#[derive(Serialize, ToSchema)]
#[schema(as = KeyProof)]
pub(crate) struct KeyProofJson {
    key: String,
    /// What the key holds; nothing where it was never written, or no write took effect.
    entry: Option<EntryJson>,
    /// The block whose `state_root` the proof leads to: the relay's tip.
    block: HeaderJson,
    /// The hashes beside the way down the state tree, from the root.
    siblings: Vec<String>,
    /// What stands where the way ends.
    end: ProofEndJson,
    /// Sealed header, entry and proof, encoded: what a verifier hashes.
    encoded: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ProofEnd)]
#[serde(rename_all = "snake_case")]
enum ProofEndJson {
    Empty,
    Leaf { path: String, value: String },
}

/// `GET …/proofs/keys/{key}`: what the state at the tip holds under a key, or that it holds
/// nothing, with the proof.
#[utoipa::path(
    get,
    path = "/proofs/keys/{*key}",
    tag = "proofs",
    operation_id = "key_proof",
    params(NetworkPath, KeyPath),
    responses(
        (status = 200, description = "The entry under the key, or none, with its proof against the tip's `state_root` (section 8.2 of the protocol)", body = KeyProofJson),
        (status = 400, description = "`bad-parameter`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn key(
    Network(network): Network,
    Segment(KeyPath { key: text }): Segment<KeyPath>,
) -> Result<Json<KeyProofJson>, Problem> {
    let key = ledger_key(&text)?;
    match network.ask(Command::KeyProof { key }).await? {
        Answer::KeyProof(proof) => Ok(Json(KeyProofJson::new(text, &proof))),
        other => Err(unexpected(other)),
    }
}

impl KeyProofJson {
    fn new(key: String, proof: &KeyProof) -> Self {
        let siblings = proof.proof.siblings.iter();
        Self {
            key,
            entry: proof.entry.as_ref().map(EntryJson::from),
            block: HeaderJson::from(&proof.sealed.header),
            siblings: siblings.map(ToString::to_string).collect(),
            end: match &proof.proof.end {
                ProofEnd::Empty => ProofEndJson::Empty,
                ProofEnd::Leaf(path, value) => ProofEndJson::Leaf {
                    path: path.to_string(),
                    value: value.to_string(),
                },
            },
            encoded: hex::encode(encode(proof)),
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Heights {
    /// The last height of the older history.
    from: u64,
    /// The last height of the newer one; the last final height where it is left out.
    to: Option<u64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HistoryProof)]
pub(crate) struct HistoryProofJson {
    from: HistoryJson,
    to: HistoryJson,
    /// The consistency proof of RFC 6962, section 2.1.2, between trees of `from.height + 1` and
    /// `to.height + 1` leaves.
    proof: Vec<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = History)]
struct HistoryJson {
    height: u64,
    /// The history root to this height, as a decision for it has signed it.
    root: String,
}

/// `GET …/proofs/history?from=&to=`: that the history to one height continues that to a lower one.
#[utoipa::path(
    get,
    path = "/proofs/history",
    tag = "proofs",
    operation_id = "history_proof",
    params(NetworkPath, Heights),
    responses(
        (status = 200, description = "Both history roots, with the proof that the newer history begins with the older", body = HistoryProofJson),
        (status = 400, description = "`bad-parameter`", body = Problem, content_type = PROBLEM_JSON),
        (status = 404, description = "`no-such-block`: the chain does not reach so far", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn history(
    Network(network): Network,
    Parameters(Heights { from, to }): Parameters<Heights>,
) -> Result<Json<HistoryProofJson>, Problem> {
    let proof = network.look(move |core| {
        let chain = core.replica().chain();
        let to = to.unwrap_or_else(|| core.final_height());
        if from > to {
            let detail = format!("`from` is {from}, above `to`, which is {to}: exchange them");
            return Err(Problem::new(Kind::BadParameter, detail));
        }
        let history = |height: u64| {
            let size = usize::try_from(height).ok()?.checked_add(1)?;
            let root = chain.history().root_at(size)?.to_string();
            Some((size, HistoryJson { height, root }))
        };
        let proof = history(from).zip(history(to)).and_then(|(from, to)| {
            let proof = chain.history().consistency_proof(from.0, to.0)?;
            Some(HistoryProofJson {
                from: from.1,
                to: to.1,
                proof: proof.iter().map(ToString::to_string).collect(),
            })
        });
        proof.ok_or_else(|| {
            let height = chain.height();
            let detail = format!("the chain reaches height {height}, {to} was asked for");
            Problem::new(Kind::NoSuchBlock, detail)
        })
    });
    proof.await?.map(Json)
}
