//! The network itself: whether it is well, what it is, who is in it.

use axum::Json;
use serde::{Deserialize, Serialize};
use shared::message::{Leader, Member, PROTOCOL_VERSION};
use shared::network::{Admission, Consensus, Holder, NetworkParameters};
use utoipa::ToSchema;

use super::heavy::Reads;
use super::problem::Problem;
use super::query::{Network, NetworkPath};

#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(crate) struct HealthJson {
    status: &'static str,
    version: &'static str,
    protocol: u8,
    network: NetworkName,
    height: u64,
    final_height: u64,
    members: usize,
    pending: usize,
}

#[derive(Serialize, ToSchema)]
#[schema(as = NetworkName)]
struct NetworkName {
    id: String,
    name: String,
}

/// `GET /api/v1/health`: answers 200 as long as the network's core does.
#[utoipa::path(
    get,
    path = "/health",
    tag = "network",
    params(NetworkPath),
    responses(
        (status = 200, description = "The core of the network answers", body = HealthJson),
    )
)]
pub(crate) async fn health(Network(network): Network) -> Result<Json<HealthJson>, Problem> {
    let view = network.view().await?;
    Ok(Json(HealthJson {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        protocol: PROTOCOL_VERSION,
        network: NetworkName {
            id: network.id().to_string(),
            name: network.parameters().name.to_string(),
        },
        height: view.chain.height,
        final_height: view.chain.final_height,
        members: view.members.len(),
        pending: view.pending,
    }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Ready)]
pub(crate) struct ReadyJson {
    status: &'static str,
}

/// `GET /api/v1/ready`: answers 200 when members can be served.
#[utoipa::path(
    get,
    path = "/ready",
    tag = "network",
    params(NetworkPath),
    responses(
        (status = 200, description = "Members can be served", body = ReadyJson),
    )
)]
pub(crate) async fn ready(Network(network): Network) -> Result<Json<ReadyJson>, Problem> {
    network.view().await?;
    Ok(Json(ReadyJson { status: "ready" }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = Parameters)]
pub(crate) struct ParametersJson {
    id: String,
    name: String,
    relay: String,
    consensus: ConsensusJson,
    admission: AdmissionJson,
    created_at_ms: u64,
    salt: String,
    block_reward: String,
    transaction_work_bits: u8,
    state_bytes_per_account_max: String,
    forced_changes_allowed: bool,
    genesis: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Consensus)]
#[serde(rename_all = "snake_case")]
enum ConsensusJson {
    Work {
        spacing_ms: u64,
        first_bits: String,
        easiest_bits: String,
    },
    Stake {
        slot_ms: u64,
        epoch_slots: u64,
        holders: Vec<HolderJson>,
    },
}

#[derive(Serialize, ToSchema)]
#[schema(as = Holder)]
struct HolderJson {
    key: String,
    stake: String,
}

/// Who may join.
#[derive(Clone, Copy, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = Admission)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AdmissionJson {
    /// Anyone.
    #[default]
    Open,
    /// Whoever shows an invitation.
    InviteOnly,
}

impl From<Admission> for AdmissionJson {
    fn from(admission: Admission) -> Self {
        match admission {
            Admission::Open => Self::Open,
            Admission::InviteOnly => Self::InviteOnly,
        }
    }
}

/// `GET /api/v1/network`: everything that members agreed on before the first block.
#[utoipa::path(
    get,
    path = "/networks/{network}",
    tag = "network",
    operation_id = "network",
    params(NetworkPath),
    responses(
        (status = 200, description = "What members agreed on before the first block", body = ParametersJson),
    )
)]
pub(crate) async fn parameters(Network(network): Network) -> Json<ParametersJson> {
    Json(ParametersJson::from(network.parameters()))
}

impl From<&NetworkParameters> for ParametersJson {
    fn from(parameters: &NetworkParameters) -> Self {
        Self {
            id: parameters.id().to_string(),
            name: parameters.name.to_string(),
            relay: parameters.relay.to_string(),
            consensus: ConsensusJson::from(&parameters.consensus),
            admission: parameters.admission.into(),
            created_at_ms: parameters.created_at_ms,
            salt: hex::encode(parameters.salt),
            block_reward: parameters.block_reward.to_string(),
            transaction_work_bits: parameters.transaction_work_bits,
            state_bytes_per_account_max: parameters.state_bytes_per_account_max.to_string(),
            forced_changes_allowed: parameters.forced_changes_allowed,
            genesis: parameters.genesis().hash().to_string(),
        }
    }
}

impl From<&Consensus> for ConsensusJson {
    fn from(consensus: &Consensus) -> Self {
        match consensus {
            Consensus::Work(work) => Self::Work {
                spacing_ms: work.spacing_ms,
                first_bits: format!("{:#010x}", work.first_bits),
                easiest_bits: format!("{:#010x}", work.easiest_bits),
            },
            Consensus::Stake(stake) => Self::Stake {
                slot_ms: stake.slot_ms,
                epoch_slots: stake.epoch_slots,
                holders: stake.holders.iter().map(HolderJson::from).collect(),
            },
        }
    }
}

impl From<&Holder> for HolderJson {
    fn from(holder: &Holder) -> Self {
        Self {
            key: holder.key.to_string(),
            stake: holder.stake.to_string(),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Members)]
pub(crate) struct MembersJson {
    members: Vec<MemberJson>,
    leader: Option<LeaderJson>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Member)]
struct MemberJson {
    id: u64,
    key: String,
    agent: String,
    since_ms: u64,
    height: u64,
    tip: String,
    log_length: u64,
    log_head: String,
    synced: bool,
    visible: bool,
    hashes_per_second: u64,
}

/// `GET /api/v1/members`: everyone present, by number.
#[utoipa::path(
    get,
    path = "/members",
    tag = "network",
    params(NetworkPath),
    responses(
        (status = 200, description = "Everyone present, by number", body = MembersJson),
    )
)]
pub(crate) async fn members(
    Network(network): Network,
    reads: Reads,
) -> Result<Json<MembersJson>, Problem> {
    let view = network.view().await?;
    reads.count(view.members.len())?;
    Ok(Json(MembersJson {
        members: view.members.iter().map(MemberJson::from).collect(),
        leader: view.leader.as_ref().map(LeaderJson::from),
    }))
}

impl From<&Member> for MemberJson {
    fn from(member: &Member) -> Self {
        let status = &member.status;
        Self {
            id: member.id,
            key: member.key.to_string(),
            agent: member.agent.to_string(),
            since_ms: member.since_ms,
            height: status.tip.height,
            tip: status.tip.hash.to_string(),
            log_length: status.log_length,
            log_head: status.log_head.to_string(),
            synced: status.synced,
            visible: status.visible,
            hashes_per_second: status.hashes_per_second,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = LeaderAnswer)]
pub(crate) struct LeaderAnswerJson {
    leader: Option<LeaderJson>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Leader)]
struct LeaderJson {
    id: u64,
    key: String,
    term: u64,
}

/// `GET /api/v1/leader`: who leads, if anyone does.
#[utoipa::path(
    get,
    path = "/leader",
    tag = "network",
    params(NetworkPath),
    responses(
        (status = 200, description = "Who leads, if anyone does", body = LeaderAnswerJson),
    )
)]
pub(crate) async fn leader(Network(network): Network) -> Result<Json<LeaderAnswerJson>, Problem> {
    let view = network.view().await?;
    Ok(Json(LeaderAnswerJson {
        leader: view.leader.as_ref().map(LeaderJson::from),
    }))
}

impl From<&Leader> for LeaderJson {
    fn from(leader: &Leader) -> Self {
        Self {
            id: leader.id,
            key: leader.key.to_string(),
            term: leader.term,
        }
    }
}
