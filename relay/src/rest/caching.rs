//! Answers that have not changed are not sent again (RFC 9110, section 13).
//!
//! A short answer is tagged by its hash. A long one, or one that takes much reading, is tagged by
//! what determines it: then who has it already is answered before anything is read.

use core::convert::Infallible;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{FromRequestParts, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use borsh::BorshSerialize;
use sha2::{Digest, Sha256};
use shared::encoding::encode;

use super::problem::{Kind, Problem};
use crate::limits::HASHED_ANSWER_BYTES_MAX;
use crate::network::{NetworkHandle, Unanswered};

/// Bytes of a hash that tell two answers of one resource apart.
const TAG_BYTES: usize = 16;

/// Tells one answer of a resource from another: its entity tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version(String);

impl Version {
    /// Of an answer that these bytes determine, or that they are.
    fn of_bytes(bytes: &[u8]) -> Self {
        let hash = Sha256::digest(bytes);
        let shortened: String = hex::encode(hash).chars().take(2 * TAG_BYTES).collect();
        Self(format!("\"{shortened}\""))
    }

    /// Of an answer that this determines, in the form in which this program writes it.
    pub(super) fn of(what: impl BorshSerialize) -> Self {
        Self::of_bytes(&encode(&(env!("CARGO_PKG_VERSION"), what)))
    }

    /// Of an answer that the chain up to its tip determines.
    async fn of_chain(network: &NetworkHandle) -> Result<Self, Unanswered> {
        let tip = network.look(|core| core.replica().chain().tip().hash);
        Ok(Self::of(tip.await?))
    }
}

/// The versions that a client has: its `If-None-Match`.
pub(crate) struct Known(Option<HeaderValue>);

impl Known {
    fn of(headers: &HeaderMap) -> Self {
        Self(headers.get(IF_NONE_MATCH).cloned())
    }

    /// Whether this is one of them, by the weak comparison that is asked for here.
    pub(super) fn has(&self, version: &Version) -> bool {
        self.items()
            .any(|item| item.strip_prefix("W/").unwrap_or(item) == version.0)
    }

    /// Whether any will do, as long as there is one.
    fn is_any(&self) -> bool {
        self.items().any(|item| item == "*")
    }

    fn items(&self) -> impl Iterator<Item = &str> {
        let known = self.0.as_ref().and_then(|known| known.to_str().ok());
        known.unwrap_or_default().split(',').map(str::trim)
    }
}

impl<S: Sync> FromRequestParts<S> for Known {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// An answer, with its version where that is known without hashing it.
pub(crate) enum Versioned<T> {
    /// The client has it.
    Unchanged(Version),
    /// Of this version.
    Of(Version, T),
    /// Of no one version: what determines it has changed meanwhile.
    Mixed(T),
}

impl<T> Versioned<T> {
    /// An answer that the chain up to its tip determines. Where the client has it, nothing is read.
    pub(super) async fn by_chain(
        network: &NetworkHandle,
        known: &Known,
        answer: impl Future<Output = Result<T, Problem>>,
    ) -> Result<Self, Problem> {
        let version = Version::of_chain(network).await?;
        if known.has(&version) {
            return Ok(Self::Unchanged(version));
        }
        let answer = answer.await?;
        let is_still = Version::of_chain(network).await? == version;
        Ok(match is_still {
            true => Self::Of(version, answer),
            false => Self::Mixed(answer),
        })
    }
}

impl<T: IntoResponse> IntoResponse for Versioned<T> {
    fn into_response(self) -> Response {
        let (version, mut response) = match self {
            Self::Unchanged(version) => (version, StatusCode::NOT_MODIFIED.into_response()),
            Self::Of(version, answer) => (version, answer.into_response()),
            Self::Mixed(answer) => return answer.into_response(),
        };
        response.extensions_mut().insert(version);
        response
    }
}

/// Tags what is read with its version, and answers 304 to who has it.
pub(super) async fn answer_changes_only(request: Request, next: Next) -> Response {
    let is_read = request.method() == Method::GET;
    let known = Known::of(request.headers());
    let response = next.run(request).await;
    match response.status() {
        StatusCode::OK | StatusCode::NOT_MODIFIED if is_read => tagged(response, &known).await,
        _ => response,
    }
}

async fn tagged(mut response: Response, known: &Known) -> Response {
    let ask_again = HeaderValue::from_static("no-cache");
    response.headers_mut().insert(CACHE_CONTROL, ask_again);
    let version = match response.extensions_mut().remove::<Version>() {
        Some(version) => version,
        None if is_short(response.body()) => {
            let (parts, body) = response.into_parts();
            let Ok(body) = to_bytes(body, HASHED_ANSWER_BYTES_MAX).await else {
                let detail = "the answer broke off: ask again";
                return Problem::new(Kind::Unavailable, detail).into_response();
            };
            let version = Version::of_bytes(&body);
            response = Response::from_parts(parts, Body::from(body));
            version
        }
        None => return response,
    };
    if let Ok(tag) = HeaderValue::from_str(&version.0) {
        response.headers_mut().insert(ETAG, tag);
    }
    if known.is_any() || known.has(&version) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        *response.body_mut() = Body::empty();
        response.headers_mut().remove(CONTENT_TYPE);
        response.headers_mut().remove(CONTENT_LENGTH);
    }
    response
}

fn is_short(body: &Body) -> bool {
    let bytes_max = body.size_hint().upper();
    let bytes_max = bytes_max.and_then(|bytes| usize::try_from(bytes).ok());
    bytes_max.is_some_and(|bytes| bytes <= HASHED_ANSWER_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(text: &str) -> Known {
        Known(Some(HeaderValue::from_str(text).unwrap()))
    }

    #[test]
    fn tags_are_compared_weakly_and_in_lists() {
        let version = Version::of_bytes(b"answer");
        let tag = version.0.as_str();
        for text in [tag, &format!("\"other\", W/{tag}")] {
            assert!(known(text).has(&version), "{text}");
        }
        assert!(known("*").is_any());
        for text in ["", "*", "\"other\"", tag.trim_matches('"')] {
            assert!(!known(text).has(&version), "{text}");
        }
        assert!(!Known(None).has(&version));
    }

    #[tokio::test]
    async fn only_short_answers_are_hashed() {
        let answer = |bytes| vec![7_u8; bytes].into_response();
        let short = tagged(answer(HASHED_ANSWER_BYTES_MAX), &Known(None)).await;
        assert_eq!(short.status(), StatusCode::OK);
        let tag = short.headers()[ETAG].to_str().unwrap();
        let again = tagged(answer(HASHED_ANSWER_BYTES_MAX), &known(tag)).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(again.headers()[ETAG], tag);

        let long = tagged(answer(HASHED_ANSWER_BYTES_MAX + 1), &Known(None)).await;
        assert_eq!(long.status(), StatusCode::OK);
        assert!(!long.headers().contains_key(ETAG));
        assert_eq!(long.headers()[CACHE_CONTROL], "no-cache");
        let body = to_bytes(long.into_body(), usize::MAX).await.unwrap();
        assert_eq!(body.len(), HASHED_ANSWER_BYTES_MAX + 1);
    }
}
