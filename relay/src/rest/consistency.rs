//! Consistency checks: whether the members have stored what was decided.

use axum::Json;
use axum::http::StatusCode;
use serde::Serialize;
use shared::message::CheckReport;
use utoipa::ToSchema;

use super::authority::Administrator;
use super::problem::{Kind, PROBLEM_JSON, Problem};
use super::query::{Network, NetworkPath};
use crate::clock::now_ms;

#[derive(Serialize, ToSchema)]
#[schema(as = Consistency)]
pub(crate) struct ConsistencyJson {
    /// The last report since the relay's start; nothing where there was none.
    report: Option<ReportJson>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ConsistencyReport)]
struct ReportJson {
    /// When it came.
    at_ms: u64,
    /// The decided height up to which replicas were compared.
    height: u64,
    /// Numbers of members whose replica is the certified one.
    agree: Vec<u64>,
    /// Members whose replica differs.
    differ: Vec<DifferJson>,
    /// Members who did not answer.
    silent: Vec<u64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Differs)]
struct DifferJson {
    member: u64,
    /// The first height at which its replica differs.
    height: u64,
}

/// `GET …/consistency`: what the last check found.
#[utoipa::path(
    get,
    path = "/consistency",
    tag = "consistency",
    operation_id = "consistency",
    params(NetworkPath),
    responses(
        (status = 200, description = "What the last check found", body = ConsistencyJson),
    )
)]
pub(crate) async fn last(Network(network): Network) -> Result<Json<ConsistencyJson>, Problem> {
    let report = network.look(|core| core.last_check().map(ReportJson::from));
    Ok(Json(ConsistencyJson {
        report: report.await?,
    }))
}

impl From<&(u64, CheckReport)> for ReportJson {
    fn from((at_ms, report): &(u64, CheckReport)) -> Self {
        let differ = report.differ.iter();
        Self {
            at_ms: *at_ms,
            height: report.height,
            agree: report.agree.to_vec(),
            differ: differ
                .map(|&(member, height)| DifferJson { member, height })
                .collect(),
            silent: report.silent.to_vec(),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Checking)]
pub(crate) struct CheckingJson {
    /// The report of this check will have an `at_ms` that is not below this.
    asked_at_ms: u64,
}

/// `POST …/consistency`: has the leader compare the members' replicas. The report comes within
/// seconds.
#[utoipa::path(
    post,
    path = "/consistency",
    tag = "consistency",
    operation_id = "check_consistency",
    params(NetworkPath),
    security(("token" = [])),
    responses(
        (status = 202, description = "The leader was asked; `GET` has the report within seconds", body = CheckingJson),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = PROBLEM_JSON),
        (status = 409, description = "`no-leader`: nobody is here who would compare", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn check(
    Administrator(network): Administrator,
) -> Result<(StatusCode, Json<CheckingJson>), Problem> {
    let asked_at_ms = now_ms();
    if !network.check().await? {
        let detail = "no member leads at the moment, and the leader compares: open a tab, and try again in a few seconds";
        return Err(Problem::new(Kind::NoLeader, detail));
    }
    Ok((StatusCode::ACCEPTED, Json(CheckingJson { asked_at_ms })))
}
