//! Dumps of a network into the databases that the operator named.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use dump::{DumpError, ErrorClass};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::authority::Administrator;
use super::problem::{Kind, PROBLEM_JSON, Problem};
use super::query::{Network, NetworkPath, Segment};
use crate::context::Context;
use crate::dumps::{DumpRefused, TargetStatus};

#[derive(Serialize, ToSchema)]
#[schema(as = Dumps)]
pub(crate) struct DumpsJson {
    /// By name.
    dumps: Vec<DumpJson>,
}

/// A target, and how the dump into it is. Neither the address of the database nor the words of an
/// error are for everyone: the relay's log has them.
#[derive(Serialize, ToSchema)]
#[schema(as = Dump)]
pub(crate) struct DumpJson {
    target: String,
    /// `off` where none was started.
    state: &'static str,
    height: Option<u64>,
    final_height: Option<u64>,
    lag_blocks: Option<u64>,
    rows: u64,
    rows_per_second: f64,
    /// What kind of error came last, until something was written again.
    error: Option<&'static str>,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct DumpPath {
    target: String,
}

/// `GET …/dumps`: all targets, with the dumps of this network into them.
#[utoipa::path(
    get,
    path = "/dumps",
    tag = "dumps",
    operation_id = "dumps",
    params(NetworkPath),
    responses(
        (status = 200, description = "All targets, with the dumps of this network into them", body = DumpsJson),
    )
)]
pub(crate) async fn list(
    State(context): State<Context>,
    Network(network): Network,
) -> Json<DumpsJson> {
    let dumps = context.dumps().of_network(network.id());
    Json(DumpsJson {
        dumps: dumps.into_iter().map(DumpJson::from).collect(),
    })
}

/// `GET …/dumps/{target}`: one of them.
#[utoipa::path(
    get,
    path = "/dumps/{target}",
    tag = "dumps",
    operation_id = "dump",
    params(NetworkPath, DumpPath),
    responses(
        (status = 200, description = "How the dump is", body = DumpJson),
        (status = 404, description = "`no-such-target`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn one(
    State(context): State<Context>,
    Network(network): Network,
    Segment(path): Segment<DumpPath>,
) -> Result<Json<DumpJson>, Problem> {
    let dump = context.dumps().one(network.id(), &path.target)?;
    Ok(Json(dump.into()))
}

/// `POST …/dumps/{target}`: starts a dump; one that runs goes on. Answered once the tables are
/// there.
#[utoipa::path(
    post,
    path = "/dumps/{target}",
    tag = "dumps",
    operation_id = "start_dump",
    params(NetworkPath, DumpPath),
    security(("token" = [])),
    responses(
        (status = 202, description = "It runs, and the tables are there", body = DumpJson),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = PROBLEM_JSON),
        (status = 404, description = "`no-such-target`", body = Problem, content_type = PROBLEM_JSON),
        (status = 409, description = "`dump-busy`", body = Problem, content_type = PROBLEM_JSON),
        (status = 502, description = "`dump-failed`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn start(
    State(context): State<Context>,
    Administrator(network): Administrator,
    Segment(path): Segment<DumpPath>,
) -> Result<(StatusCode, Json<DumpJson>), Problem> {
    let dump = context.dumps().start(&network, &path.target).await?;
    Ok((StatusCode::ACCEPTED, Json(dump.into())))
}

/// `DELETE …/dumps/{target}`: stops a dump. Once this is answered, nothing more is written.
#[utoipa::path(
    delete,
    path = "/dumps/{target}",
    tag = "dumps",
    operation_id = "stop_dump",
    params(NetworkPath, DumpPath),
    security(("token" = [])),
    responses(
        (status = 204, description = "Nothing more is written"),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = PROBLEM_JSON),
        (status = 404, description = "`no-such-target`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn stop(
    State(context): State<Context>,
    Administrator(network): Administrator,
    Segment(path): Segment<DumpPath>,
) -> Result<StatusCode, Problem> {
    context.dumps().stop(network.id(), &path.target).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<TargetStatus> for DumpJson {
    fn from(TargetStatus { target, status }: TargetStatus) -> Self {
        let status = status.as_ref();
        let error = status.and_then(|status| status.last_error.as_deref());
        Self {
            target,
            state: status.map_or("off", |status| status.state.name()),
            height: status.and_then(|status| status.height),
            final_height: status.and_then(|status| status.final_height),
            lag_blocks: status.and_then(|status| status.lag_blocks),
            rows: status.map_or(0, |status| status.rows),
            rows_per_second: status.map_or(0.0, |status| status.rows_per_second),
            error: error.map(|error| class_name(error.class())),
        }
    }
}

fn class_name(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::Usage => "usage",
        ErrorClass::Denied => "denied",
        ErrorClass::Unavailable => "unavailable",
        ErrorClass::Unsuitable => "unsuitable",
        ErrorClass::Data => "data",
    }
}

impl From<DumpRefused> for Problem {
    fn from(refused: DumpRefused) -> Self {
        let kind = match &refused {
            DumpRefused::NoSuchTarget(_) => Kind::NoSuchTarget,
            DumpRefused::Dump(DumpError::Busy { .. }) => Kind::DumpBusy,
            DumpRefused::Dump(_) => Kind::DumpFailed,
            DumpRefused::Store(_) | DumpRefused::Unanswered | DumpRefused::Stopping => {
                Kind::Unavailable
            }
        };
        Self::new(kind, refused.to_string())
    }
}
