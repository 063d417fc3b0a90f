//! The networks of the relay: listed, made, and removed.

use axum::Json;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use serde::{Deserialize, Serialize};
use shared::keys::PublicKey;
use shared::network::Holder;
use utoipa::ToSchema;

use super::authority::{Administrator, Creator};
use super::network::{AdmissionJson, ParametersJson};
use super::problem::{Kind, PROBLEM_JSON, Problem};
use super::query::{Body, NetworkPath};
use crate::context::Context;
use crate::network::{Made, NotMade, NotRemoved};
use crate::settings::{NetworkKind, NetworkSettings};

#[derive(Serialize, ToSchema)]
#[schema(as = Networks)]
pub(crate) struct NetworksJson {
    /// Oldest first.
    networks: Vec<ListedJson>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Listed)]
struct ListedJson {
    id: String,
    name: String,
    kind: KindJson,
    admission: AdmissionJson,
    created_at_ms: u64,
    /// Whether it is meant where none is named.
    is_default: bool,
}

/// Who may produce blocks.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = Kind)]
#[serde(rename_all = "snake_case")]
enum KindJson {
    /// Whoever finds a nonce.
    #[default]
    Work,
    /// Whoever holds stake, in slots that are drawn.
    Stake,
}

/// Who holds stake before the first block.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewHolder)]
#[serde(deny_unknown_fields)]
struct NewHolderJson {
    key: String,
    /// A number, as text.
    stake: String,
}

/// `GET /api/v1/networks`: all networks of the relay.
#[utoipa::path(
    get,
    path = "/networks",
    tag = "relay",
    operation_id = "networks",
    responses(
        (status = 200, description = "All networks of the relay, oldest first", body = NetworksJson),
    )
)]
pub(crate) async fn list(State(context): State<Context>) -> Json<NetworksJson> {
    let default = context.networks().default_one().id();
    let networks = context.networks().all();
    Json(NetworksJson {
        networks: networks
            .iter()
            .map(|network| ListedJson {
                id: network.id().to_string(),
                name: network.parameters().name.to_string(),
                kind: match NetworkKind::of(network.parameters()) {
                    NetworkKind::Work => KindJson::Work,
                    NetworkKind::Stake => KindJson::Stake,
                },
                admission: network.parameters().admission.into(),
                created_at_ms: network.parameters().created_at_ms,
                is_default: network.id() == default,
            })
            .collect(),
    })
}

/// A network to be made. What is left out is as at the relay's start without options.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewNetwork)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewNetworkJson {
    name: String,
    #[serde(default)]
    kind: KindJson,
    #[serde(default)]
    admission: AdmissionJson,
    /// Of proof of stake: at least one.
    #[serde(default)]
    holders: Vec<NewHolderJson>,
    /// Length of a slot of proof of stake.
    slot_ms: Option<u64>,
    /// Slots of an epoch of proof of stake.
    epoch_slots: Option<u64>,
    /// Time between blocks that the difficulty of proof of work aims at.
    spacing_ms: Option<u64>,
    /// Hashes that the first block costs, as a power of two.
    first_hashes_log2: Option<u8>,
    /// Hashes that a block costs at least, as a power of two.
    easiest_hashes_log2: Option<u8>,
    /// What the producer of a block is credited.
    block_reward: Option<u64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Made)]
pub(crate) struct MadeJson {
    network: ParametersJson,
    /// Administers the network: it makes and revokes invitations. It is shown this once.
    administrator_token: String,
}

/// `POST /api/v1/networks`: makes a network. Answered once it is durably stored.
#[utoipa::path(
    post,
    path = "/networks",
    tag = "relay",
    operation_id = "make_network",
    request_body(content = NewNetworkJson),
    security(("token" = [])),
    responses(
        (status = 201, description = "The network is durably stored and served", body = MadeJson, headers(("location" = String, description = "Where the network is"))),
        (status = 400, description = "`bad-body`", body = Problem, content_type = PROBLEM_JSON),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = PROBLEM_JSON),
        (status = 409, description = "`name-taken`, `too-many`", body = Problem, content_type = PROBLEM_JSON),
        (status = 413, description = "`body-too-large`", body = Problem, content_type = PROBLEM_JSON),
        (status = 415, description = "`unsupported-media-type`", body = Problem, content_type = PROBLEM_JSON),
        (status = 422, description = "`refused-network`: no chain can be run with these parameters", body = Problem, content_type = PROBLEM_JSON),
        (status = 429, description = "`too-fast`: your address has made many of late", body = Problem, content_type = PROBLEM_JSON),
        (status = 503, description = "`unavailable`: the network did not answer in time", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn make(
    State(context): State<Context>,
    _: Creator,
    Body(json): Body<NewNetworkJson>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<MadeJson>), Problem> {
    let settings = NetworkSettings {
        network_name: Some(json.name),
        kind: Some(match json.kind {
            KindJson::Work => NetworkKind::Work,
            KindJson::Stake => NetworkKind::Stake,
        }),
        holders: json.holders.iter().map(holder).collect::<Result<_, _>>()?,
        slot_ms: json.slot_ms,
        epoch_slots: json.epoch_slots,
        spacing_ms: json.spacing_ms,
        first_hashes_log2: json.first_hashes_log2,
        easiest_hashes_log2: json.easiest_hashes_log2,
        invite_only: matches!(json.admission, AdmissionJson::InviteOnly),
        block_reward: json.block_reward,
    };
    let Made {
        network,
        administrator,
    } = context.networks().make(settings).await?;
    let location = [(LOCATION, format!("/api/v1/networks/{}", network.id()))];
    let made = MadeJson {
        network: ParametersJson::from(network.parameters()),
        administrator_token: administrator.as_str().to_owned(),
    };
    Ok((StatusCode::CREATED, location, Json(made)))
}

/// `DELETE …`: removes a network. Its members are sent away; its name is free again.
#[utoipa::path(
    delete,
    path = "/networks/{network}",
    tag = "relay",
    operation_id = "remove_network",
    params(NetworkPath),
    security(("token" = [])),
    responses(
        (status = 204, description = "It is not served any more. What is stored of it goes with the next `relay prune`"),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = PROBLEM_JSON),
        (status = 409, description = "`default-network`: it is the one that is meant where none is named", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn remove(
    State(context): State<Context>,
    Administrator(network): Administrator,
) -> Result<StatusCode, Problem> {
    let id = network.id();
    context.networks().remove(id).await?;
    // Their source has ended with the network.
    context.dumps().forget(id).await;
    Ok(StatusCode::NO_CONTENT)
}

fn holder(json: &NewHolderJson) -> Result<Holder, Problem> {
    let key: Result<PublicKey, _> = json.key.parse();
    let stake: Result<u64, _> = json.stake.parse();
    match (key, stake) {
        (Ok(key), Ok(stake)) => Ok(Holder { key, stake }),
        (Err(error), _) => Err(Problem::new(Kind::BadBody, error.to_string())),
        (_, Err(error)) => Err(Problem::new(
            Kind::BadBody,
            format!("the stake of {}: {error}", json.key),
        )),
    }
}

impl From<NotRemoved> for Problem {
    fn from(error: NotRemoved) -> Self {
        let kind = match &error {
            NotRemoved::Default => Kind::DefaultNetwork,
            NotRemoved::Store(_) | NotRemoved::Unanswered(_) => Kind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<NotMade> for Problem {
    fn from(error: NotMade) -> Self {
        let kind = match &error {
            NotMade::NameTaken(_) => Kind::NameTaken,
            NotMade::TooMany => Kind::TooMany,
            NotMade::Creation(_) => Kind::RefusedNetwork,
            NotMade::Restore(_)
            | NotMade::Store(_)
            | NotMade::Randomness(_)
            | NotMade::Unanswered(_) => Kind::Unavailable,
        };
        Self::new(kind, error.to_string())
    }
}
