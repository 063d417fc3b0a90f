//! Invitations into a network that is not open to all: issued, listed, revoked.

use axum::Json;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::encoding::Text;
use shared::hash::Hash;
use shared::invitation::Invitation;
use shared::relay::interface::{InvitationError, IssuedInvitation, NewInvitation};
use utoipa::{IntoParams, ToSchema};

use super::authority::Administrator;
use super::problem::{Kind, PROBLEM_JSON, Problem};
use super::query::{Body, NetworkPath, Segment};
use crate::clock::random;
use crate::limits::INVITATION_USES_MAX;

#[derive(Serialize, ToSchema)]
#[schema(as = Invitations)]
pub(crate) struct InvitationsJson {
    /// Oldest first.
    invitations: Vec<IssuedJson>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Issued)]
struct IssuedJson {
    /// A hash of the invitation, which nobody can use.
    id: String,
    label: String,
    issued_ms: u64,
    uses_max: u32,
    uses: u32,
}

/// `GET …/invitations`: those that hold. The invitations themselves are not known any more.
#[utoipa::path(
    get,
    path = "/invitations",
    tag = "invitations",
    operation_id = "invitations",
    params(NetworkPath),
    security(("token" = [])),
    responses(
        (status = 200, description = "Those that hold", body = InvitationsJson),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn list(
    Administrator(network): Administrator,
) -> Result<Json<InvitationsJson>, Problem> {
    let mut issued: Vec<_> = network
        .look(|core| core.invitations().cloned().collect())
        .await?;
    issued.sort_by_key(|issued| (issued.issued_ms, issued.id));
    Ok(Json(InvitationsJson {
        invitations: issued.iter().map(IssuedJson::from).collect(),
    }))
}

impl From<&IssuedInvitation> for IssuedJson {
    fn from(issued: &IssuedInvitation) -> Self {
        Self {
            id: issued.id.to_string(),
            label: issued.label.to_string(),
            issued_ms: issued.issued_ms,
            uses_max: issued.uses_max,
            uses: issued.uses,
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewInvitation)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewInvitationJson {
    /// For people: whom it is for.
    #[serde(default)]
    label: String,
    /// How many keys may join with it.
    #[serde(default = "once")]
    uses_max: u32,
}

fn once() -> u32 {
    1
}

#[derive(Serialize, ToSchema)]
#[schema(as = Invited)]
pub(crate) struct InvitedJson {
    id: String,
    /// Shown this once.
    invitation: String,
    /// Opens the page with it, on this relay.
    page: String,
}

/// `POST …/invitations`: issues one. Answered once it is durably stored.
#[utoipa::path(
    post,
    path = "/invitations",
    tag = "invitations",
    operation_id = "invite",
    params(NetworkPath),
    request_body(content = NewInvitationJson),
    security(("token" = [])),
    responses(
        (status = 201, description = "It is durably stored", body = InvitedJson),
        (status = 400, description = "`bad-body`, `bad-parameter`", body = Problem, content_type = PROBLEM_JSON),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = PROBLEM_JSON),
        (status = 409, description = "`open-network`, `too-many`", body = Problem, content_type = PROBLEM_JSON),
        (status = 413, description = "`body-too-large`", body = Problem, content_type = PROBLEM_JSON),
        (status = 415, description = "`unsupported-media-type`", body = Problem, content_type = PROBLEM_JSON),
        (status = 422, description = "`bad-body`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn issue(
    Administrator(network): Administrator,
    Body(json): Body<NewInvitationJson>,
) -> Result<(StatusCode, Json<InvitedJson>), Problem> {
    let refused = |reason: String| Problem::new(Kind::BadParameter, reason);
    if !(1..=INVITATION_USES_MAX).contains(&json.uses_max) {
        let expected = format!("`uses_max` is 1 to {INVITATION_USES_MAX}");
        return Err(refused(format!("{expected}, {} came", json.uses_max)));
    }
    let invitation = Invitation::from_bytes(
        random().map_err(|error| Problem::new(Kind::Unavailable, error.to_string()))?,
    );
    let id = invitation.id();
    let invite = NewInvitation {
        id,
        label: Text::new(json.label).map_err(|error| refused(format!("`label`: {error}")))?,
        uses_max: json.uses_max,
    };
    network.invite(invite).await??;
    let invited = InvitedJson {
        id: id.to_string(),
        page: format!("/?network={}&invite={invitation}", network.id()),
        invitation: invitation.to_string(),
    };
    Ok((StatusCode::CREATED, Json(invited)))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct InvitationPath {
    id: String,
}

/// `DELETE …/invitations/{id}`: nobody joins by it any more; who has joined stays.
#[utoipa::path(
    delete,
    path = "/invitations/{id}",
    tag = "invitations",
    operation_id = "revoke_invitation",
    params(NetworkPath, InvitationPath),
    security(("token" = [])),
    responses(
        (status = 204, description = "Nobody joins by it any more"),
        (status = 400, description = "`bad-parameter`", body = Problem, content_type = PROBLEM_JSON),
        (status = 401, description = "`unauthorized`", body = Problem, content_type = PROBLEM_JSON),
        (status = 404, description = "`no-such-invitation`", body = Problem, content_type = PROBLEM_JSON),
    )
)]
pub(crate) async fn revoke(
    Administrator(network): Administrator,
    Segment(path): Segment<InvitationPath>,
) -> Result<StatusCode, Problem> {
    let id = path.id.parse::<Hash>().map_err(|error| {
        Problem::new(Kind::BadParameter, format!("the invitation's id: {error}"))
    })?;
    network.revoke(id).await??;
    Ok(StatusCode::NO_CONTENT)
}

impl From<InvitationError> for Problem {
    fn from(error: InvitationError) -> Self {
        let kind = match error {
            InvitationError::OpenNetwork => Kind::OpenNetwork,
            InvitationError::TooMany => Kind::TooMany,
            InvitationError::Unknown(_) => Kind::NoSuchInvitation,
        };
        Self::new(kind, error.to_string())
    }
}
