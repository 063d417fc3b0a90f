//! Answers that have not changed are not sent again (RFC 9110, section 13).

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::problem::{Kind, Problem};
use crate::limits::ANSWER_BYTES_MAX;

/// Bytes of a hash that tell two answers of one resource apart.
const TAG_BYTES: usize = 16;

/// Gives what is read a tag of its content, and answers 304 to who has it.
pub(super) async fn answer_changes_only(request: Request, next: Next) -> Response {
    let is_read = request.method() == Method::GET;
    let known = request.headers().get(IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    if !is_read || response.status() != StatusCode::OK {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(body) = to_bytes(body, ANSWER_BYTES_MAX).await else {
        let detail = "the answer is too long: ask for less at once";
        return Problem::new(Kind::Unavailable, detail).into_response();
    };
    let tag = tag(&body);
    let is_known = known.is_some_and(|known| names(&known, &tag));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        parts.headers.insert(ETAG, tag);
        let ask_again = HeaderValue::from_static("no-cache");
        parts.headers.insert(CACHE_CONTROL, ask_again);
    }
    if !is_known {
        return Response::from_parts(parts, Body::from(body));
    }
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(CONTENT_TYPE);
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::empty())
}

fn tag(body: &Bytes) -> String {
    let hash = Sha256::digest(body);
    let shortened: String = hex::encode(hash).chars().take(2 * TAG_BYTES).collect();
    format!("\"{shortened}\"")
}

/// Whether an `If-None-Match` names a tag, by the weak comparison that is asked for there.
fn names(known: &HeaderValue, tag: &str) -> bool {
    let known = known.to_str().unwrap_or_default();
    known.split(',').any(|item| {
        let item = item.trim();
        item == "*" || item.strip_prefix("W/").unwrap_or(item) == tag
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly_and_in_lists() {
        let tag = tag(&Bytes::from_static(b"answer"));
        let weak = format!("\"other\", W/{tag}");
        for known in [tag.as_str(), weak.as_str(), "*"] {
            assert!(
                names(&HeaderValue::from_str(known).unwrap(), &tag),
                "{known}"
            );
        }
        for other in ["", "\"other\"", tag.trim_matches('"')] {
            assert!(
                !names(&HeaderValue::from_str(other).unwrap(), &tag),
                "{other}"
            );
        }
    }
}
