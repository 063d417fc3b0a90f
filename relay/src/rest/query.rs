//! Parameters of requests.

use core::fmt;
use core::str::FromStr;

use axum::Json;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, RawPathParams, Request};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;
use shared::store::Place;
use utoipa::IntoParams;

use super::problem::{Kind, Problem};
use crate::context::Context;
use crate::network::NetworkHandle;

/// The part of the path that names a network.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(
    dead_code,
    reason = "the document describes it; the extractor below reads it"
)]
pub(crate) struct NetworkPath {
    /// The network's id, or its name.
    network: String,
}

/// The network that the path names by id or name, or the default one.
pub(crate) struct Network(pub(crate) NetworkHandle);

impl FromRequestParts<Context> for Network {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        let segments = RawPathParams::from_request_parts(parts, context).await?;
        let named = segments.iter().find(|(segment, _)| *segment == "network");
        let Some((_, name)) = named else {
            return Ok(Self(context.networks().default_one()));
        };
        context.networks().get(name).map(Self).ok_or_else(|| {
            Problem::new(
                Kind::NoSuchNetwork,
                format!("this relay serves no network with the name or id {name:?}"),
            )
        })
    }
}

/// The query as a type; what does not fit it is a problem document.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(parameters) = Query::from_request_parts(parts, state).await?;
        Ok(Self(parameters))
    }
}

/// Parts of the path as a structure; what does not fit it is a problem document.
pub(crate) struct Segment<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segment<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(segment) =
            <Path<T> as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        Ok(Self(segment))
    }
}

/// A part of the path as what it stands for; what it cannot stand for is a problem document.
pub(crate) fn parsed<T: FromStr>(name: &str, text: &str) -> Result<T, Problem>
where
    T::Err: fmt::Display,
{
    text.parse()
        .map_err(|error| Problem::new(Kind::BadParameter, format!("`{name}`: {error}")))
}

/// A JSON body as a type; what does not fit it is a problem document.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Json(body) = Json::from_request(request, state).await?;
        Ok(Self(body))
    }
}

/// A transaction's place in the chain, written HEIGHT.INDEX.
pub(super) struct At(pub(super) Place);

impl At {
    /// Behind all places.
    pub(super) const END: Self = Self(Place {
        height: u64::MAX,
        index: u32::MAX,
    });
}

impl FromStr for At {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let place = text.split_once('.').and_then(|(height, index)| {
            Some(Place {
                height: height.parse().ok()?,
                index: index.parse().ok()?,
            })
        });
        place
            .map(Self)
            .ok_or("a place is written HEIGHT.INDEX, such as 17.0: take it from `next`")
    }
}
