//! Who may administer: bearer tokens (RFC 6750).

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::problem::{Kind, Problem};
use super::query::Network;
use crate::addresses::Client;
use crate::context::Context;
use crate::network::NetworkHandle;
use crate::settings::Creators;

/// The request comes from someone who may make networks.
pub(crate) struct Creator;

/// The request comes from the operator, or from whoever made this network.
pub(crate) struct Administrator(pub(crate) NetworkHandle);

impl FromRequestParts<Context> for Creator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        if bearer(parts).is_some_and(|token| context.is_operated_by(token)) {
            return Ok(Self);
        }
        if context.creators() == Creators::Operator {
            return Err(refusal(
                "the operator's token is needed here, which the relay showed at its first start",
            ));
        }
        let client = parts.extensions.get::<Client>().copied();
        if client.is_some_and(|client| context.addresses().may_make_network(client)) {
            return Ok(Self);
        }
        let detail = "your address has made as many networks as it may for now: come back in an hour, or use the operator's token";
        Err(Problem::new(Kind::TooFast, detail))
    }
}

impl FromRequestParts<Context> for Administrator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        let Network(network) = Network::from_request_parts(parts, context).await?;
        let is_allowed = bearer(parts)
            .is_some_and(|token| context.is_operated_by(token) | network.is_administered_by(token));
        is_allowed
            .then_some(Self(network))
            .ok_or_else(|| refusal("the network's or the operator's token is needed here"))
    }
}

fn bearer(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn refusal(what: &str) -> Problem {
    Problem::new(
        Kind::Unauthorized,
        format!("{what}: send it as `Authorization: Bearer TOKEN`"),
    )
}
