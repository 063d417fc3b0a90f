//! Parameters of requests.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::problem::{Kind, Problem};
use crate::context::Context;
use crate::network::NetworkHandle;

/// The network of `?network=NAME`, or the default one.
pub(crate) struct Network(pub(crate) NetworkHandle);

#[derive(Deserialize)]
struct NetworkParameter {
    network: Option<String>,
}

impl FromRequestParts<Context> for Network {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, context: &Context) -> Result<Self, Problem> {
        let Parameters(NetworkParameter { network: name }) =
            Parameters::from_request_parts(parts, context).await?;
        let network = context.networks().get(name.as_deref());
        network.cloned().map(Self).ok_or_else(|| {
            let name = name.unwrap_or_default();
            Problem::new(
                Kind::NoSuchNetwork,
                format!("this relay serves no network called {name:?}"),
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

/// A part of the path as a type; what does not fit it is a problem document.
pub(crate) struct Segment<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Segment<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(segment) =
            <Path<T> as FromRequestParts<S>>::from_request_parts(parts, state).await?;
        Ok(Self(segment))
    }
}
