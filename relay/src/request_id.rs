//! Every request has an id: in logs, in answers, and in problem documents.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::{Instrument, debug, info_span};

use crate::clock::random;
use crate::rest::problem::Problem;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Characters of an id that a client may choose.
const CHOSEN_CHARACTERS_MAX: usize = 64;

/// Takes the client's id where it gave a sound one, and makes one otherwise.
pub(crate) async fn identify(request: Request, next: Next) -> Response {
    let id = request
        .headers()
        .get(HEADER)
        .and_then(chosen)
        .unwrap_or_else(fresh);
    let span = info_span!(
        "request",
        id,
        method = %request.method(),
        path = request.uri().path()
    );
    let mut response = next.run(request).instrument(span.clone()).await;
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let (parts, _) = response.into_parts();
        response = problem.of_request(&id).into_response();
        // What the handler and the layers inside added stays.
        for (name, value) in &parts.headers {
            if !response.headers().contains_key(name) && name != "content-length" {
                response.headers_mut().append(name, value.clone());
            }
        }
    }
    span.in_scope(|| debug!(status = response.status().as_u16(), "answered"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, id);
    }
    response
}

/// An id that can stand in a log and in a URN.
fn chosen(value: &HeaderValue) -> Option<String> {
    let id = value.to_str().ok()?;
    let is_sound = (1..=CHOSEN_CHARACTERS_MAX).contains(&id.len())
        && id
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_sound.then(|| id.to_owned())
}

fn fresh() -> String {
    // Only to tell requests apart: without randomness they are not, and are answered all the same.
    hex::encode(random::<8>().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sound_ids_are_taken_over() {
        for sound in ["a", "7f3b-1_2.x", &"x".repeat(64)] {
            let value = HeaderValue::from_str(sound).unwrap();
            assert_eq!(chosen(&value).as_deref(), Some(sound));
        }
        for odd in ["", "a b", "<script>", "a\"b", &"x".repeat(65)] {
            assert_eq!(chosen(&HeaderValue::from_str(odd).unwrap()), None, "{odd}");
        }
    }
}
