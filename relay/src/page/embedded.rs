//! The embedded files, compressed in release builds, with entity tags.

use axum::Router;
use axum::extract::{MatchedPath, Request};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use memory_serve::CacheControl;
use tower_http::compression::CompressionLayer;

use crate::context::Context;
use crate::rest::problem::{Kind, Problem};

/// The files by name, and `index.html` for the addresses of the page's own router.
///
/// A build without optimisation has them as they are: it would compress them at each start, for
/// many seconds where the machine is busy.
pub(super) fn router() -> Router<Context> {
    let compresses = !cfg!(debug_assertions);
    memory_serve::load!()
        .index_file(Some("/index.html"))
        .fallback(Some("/index.html"))
        .fallback_status(StatusCode::OK)
        .enable_brotli(compresses)
        .enable_gzip(compresses)
        .html_cache_control(CacheControl::NoCache)
        .cache_control(CacheControl::NoCache)
        .into_router()
        // `memory-serve` has compressed what it knows to be text; the page's languages it has not.
        .layer(CompressionLayer::new())
        .layer(from_fn(serve))
}

async fn serve(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let is_file = request.extensions().get::<MatchedPath>().is_some();
    if !is_file && let Some(refusal) = refuse(request.method(), &path) {
        return refusal.into_response();
    }
    let mut response = next.run(request).await;
    if is_file && has_content_hash(&path) {
        let forever = HeaderValue::from_static("public, max-age=31536000, immutable");
        response.headers_mut().insert(CACHE_CONTROL, forever);
    }
    response
}

/// A missing file must not be answered with the page: a script of an older build would be HTML.
fn refuse(method: &Method, path: &str) -> Option<Problem> {
    if method != Method::GET && method != Method::HEAD {
        let detail = format!("{method} is not allowed here: only GET and HEAD are");
        return Some(Problem::new(Kind::MethodNotAllowed, detail));
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    name.contains('.').then(|| {
        Problem::new(
            Kind::NotFound,
            format!("there is no {path}: reload the page, it may be of an older build"),
        )
    })
}

/// Whether the name has a hash of the content in it, as Trunk writes it: `page-0123456789abcdef.js`.
fn has_content_hash(path: &str) -> bool {
    const HASH_DIGITS: usize = 16;
    path.split(['-', '.', '_']).any(|part| {
        part.len() == HASH_DIGITS && part.bytes().all(|digit| digit.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_hash_are_immutable() {
        assert!(has_content_hash("/page-0123456789abcdef.js"));
        assert!(has_content_hash("/page-0123456789abcdef_bg.wasm"));
        assert!(!has_content_hash("/node_loader.js"));
        assert!(!has_content_hash("/node_bg.wasm"));
        assert!(!has_content_hash("/"));
    }
}
