//! Errors over REST: problem details (RFC 9457), each with a stable type.

use axum::Json;
use axum::extract::rejection::{
    BytesRejection, JsonRejection, PathRejection, QueryRejection, RawPathParamsRejection,
};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::metrics;
use crate::network::Unanswered;

/// The media type of problem documents.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// What kind of error it is: the stable part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    NotFound,
    MethodNotAllowed,
    NoSuchNetwork,
    NoSuchBlock,
    NoSuchKey,
    NoSuchTransaction,
    NotFinal,
    NoReceipt,
    NoLeader,
    NoSuchInvitation,
    NoSuchTarget,
    DumpBusy,
    DumpFailed,
    Unauthorized,
    NameTaken,
    TooMany,
    DefaultNetwork,
    RefusedNetwork,
    OpenNetwork,
    BadParameter,
    BadBody,
    BadTransaction,
    RefusedTransaction,
    BodyTooLarge,
    UnsupportedMediaType,
    NotAWebSocket,
    OtherSubprotocol,
    ForeignOrigin,
    ForeignHost,
    TooFast,
    TooSlow,
    Overloaded,
    Unavailable,
}

impl Kind {
    /// The last part of the type, the title, and the usual status.
    fn describe(self) -> (&'static str, &'static str, StatusCode) {
        match self {
            Self::NotFound => (
                "not-found",
                "There is no such resource",
                StatusCode::NOT_FOUND,
            ),
            Self::MethodNotAllowed => (
                "method-not-allowed",
                "The resource does not have this method",
                StatusCode::METHOD_NOT_ALLOWED,
            ),
            Self::NoSuchNetwork => (
                "no-such-network",
                "The relay does not serve this network",
                StatusCode::NOT_FOUND,
            ),
            Self::NoSuchBlock => (
                "no-such-block",
                "The chain has no block at this height",
                StatusCode::NOT_FOUND,
            ),
            Self::NoSuchKey => (
                "no-such-key",
                "The key was never written",
                StatusCode::NOT_FOUND,
            ),
            Self::NoSuchTransaction => (
                "no-such-transaction",
                "The relay does not know the transaction",
                StatusCode::NOT_FOUND,
            ),
            Self::NotFinal => (
                "not-final",
                "The transaction is not final yet",
                StatusCode::CONFLICT,
            ),
            Self::NoReceipt => (
                "no-receipt",
                "The transaction has no receipt",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            Self::NoLeader => (
                "no-leader",
                "No member leads the network",
                StatusCode::CONFLICT,
            ),
            Self::NoSuchInvitation => (
                "no-such-invitation",
                "The network has no such invitation",
                StatusCode::NOT_FOUND,
            ),
            Self::Unauthorized => (
                "unauthorized",
                "The request needs a token, and came without one that holds",
                StatusCode::UNAUTHORIZED,
            ),
            Self::NameTaken => (
                "name-taken",
                "The relay has a network of this name",
                StatusCode::CONFLICT,
            ),
            Self::TooMany => (
                "too-many",
                "There are as many as there may be",
                StatusCode::CONFLICT,
            ),
            Self::DefaultNetwork => (
                "default-network",
                "The network is the relay's default one",
                StatusCode::CONFLICT,
            ),
            Self::RefusedNetwork => (
                "refused-network",
                "No network can be made of this",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            Self::OpenNetwork => (
                "open-network",
                "The network needs no invitations",
                StatusCode::CONFLICT,
            ),
            Self::BadBody => (
                "bad-body",
                "The body of the request is not what it should be",
                StatusCode::BAD_REQUEST,
            ),
            Self::NoSuchTarget => (
                "no-such-target",
                "The operator named no such database",
                StatusCode::NOT_FOUND,
            ),
            Self::DumpBusy => (
                "dump-busy",
                "Another dumper writes there",
                StatusCode::CONFLICT,
            ),
            Self::DumpFailed => (
                "dump-failed",
                "The database cannot be dumped into",
                StatusCode::BAD_GATEWAY,
            ),
            Self::BadParameter => (
                "bad-parameter",
                "A parameter of the request is not valid",
                StatusCode::BAD_REQUEST,
            ),
            Self::BadTransaction => (
                "bad-transaction",
                "The body is no signed transaction",
                StatusCode::BAD_REQUEST,
            ),
            Self::RefusedTransaction => (
                "refused-transaction",
                "The transaction was refused",
                StatusCode::UNPROCESSABLE_ENTITY,
            ),
            Self::BodyTooLarge => (
                "body-too-large",
                "The body of the request is too large",
                StatusCode::PAYLOAD_TOO_LARGE,
            ),
            Self::UnsupportedMediaType => (
                "unsupported-media-type",
                "The body is of a type that is not read here",
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
            ),
            Self::NotAWebSocket => (
                "not-a-websocket",
                "The request is no WebSocket handshake that this relay takes",
                StatusCode::BAD_REQUEST,
            ),
            Self::OtherSubprotocol => (
                "other-subprotocol",
                "None of the offered subprotocols is spoken here",
                StatusCode::BAD_REQUEST,
            ),
            Self::ForeignOrigin => (
                "foreign-origin",
                "Pages of this origin may not connect",
                StatusCode::FORBIDDEN,
            ),
            Self::ForeignHost => (
                "foreign-host",
                "The relay is not known by this name",
                StatusCode::MISDIRECTED_REQUEST,
            ),
            Self::TooFast => (
                "too-fast",
                "Too much comes from this address",
                StatusCode::TOO_MANY_REQUESTS,
            ),
            Self::TooSlow => (
                "too-slow",
                "The request took too long to come in",
                StatusCode::REQUEST_TIMEOUT,
            ),
            Self::Overloaded => (
                "overloaded",
                "The relay has no room for more",
                StatusCode::SERVICE_UNAVAILABLE,
            ),
            Self::Unavailable => (
                "unavailable",
                "The relay cannot answer now",
                StatusCode::SERVICE_UNAVAILABLE,
            ),
        }
    }
}

/// An error as the client gets it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// The kind of error: `urn:tabchain:problem:…`, which never changes.
    #[serde(rename = "type")]
    uri: String,
    /// The kind in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What was expected, what came, what to do.
    detail: String,
    /// The request: `urn:tabchain:request:` and its `x-request-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    instance: Option<String>,
    /// Seconds after which it is worth coming back, where it is.
    #[serde(skip)]
    after_s: Option<u64>,
}

impl Problem {
    /// A problem with the kind's usual status.
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let (_, _, status) = kind.describe();
        Self::with_status(kind, status, detail)
    }

    /// A problem with another status.
    pub(crate) fn with_status(kind: Kind, status: StatusCode, detail: impl Into<String>) -> Self {
        let (name, title, _) = kind.describe();
        metrics::problem(name);
        let passes = matches!(
            status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        );
        Self {
            uri: format!("urn:tabchain:problem:{name}"),
            title,
            status: status.as_u16(),
            detail: detail.into(),
            instance: None,
            after_s: passes.then_some(1),
        }
    }

    /// The same problem, which passes by itself after so many seconds.
    pub(crate) fn after_s(self, seconds: u64) -> Self {
        Self {
            after_s: Some(seconds),
            ..self
        }
    }

    /// The same problem, with the request in which it arose.
    pub(crate) fn of_request(self, id: &str) -> Self {
        Self {
            instance: Some(format!("urn:tabchain:request:{id}")),
            ..self
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(&self)).into_response();
        let media_type = HeaderValue::from_static(PROBLEM_JSON);
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        if let Some(seconds) = self.after_s {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        // For the layer that knows the request.
        response.extensions_mut().insert(self);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl From<Unanswered> for Problem {
    fn from(error: Unanswered) -> Self {
        Self::new(Kind::Unavailable, error.to_string())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(Kind::BadParameter, rejection.body_text())
    }
}

impl From<PathRejection> for Problem {
    fn from(rejection: PathRejection) -> Self {
        Self::new(Kind::BadParameter, rejection.body_text())
    }
}

impl From<RawPathParamsRejection> for Problem {
    fn from(rejection: RawPathParamsRejection) -> Self {
        Self::new(Kind::BadParameter, rejection.body_text())
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        let kind = match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Kind::BodyTooLarge,
            StatusCode::UNSUPPORTED_MEDIA_TYPE => Kind::UnsupportedMediaType,
            _ => Kind::BadBody,
        };
        Self::new(kind, rejection.body_text())
    }
}

impl From<BytesRejection> for Problem {
    fn from(rejection: BytesRejection) -> Self {
        let kind = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Kind::BodyTooLarge
        } else {
            Kind::BadParameter
        };
        Self::with_status(kind, rejection.status(), rejection.body_text())
    }
}
