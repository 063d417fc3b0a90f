//! The page: files that Trunk built, inside the program.

#[cfg(feature = "embed-page")]
mod embedded;

use axum::Router;

use crate::context::Context;

/// Everything that is not `/api`.
#[cfg(feature = "embed-page")]
pub(crate) fn router() -> Router<Context> {
    embedded::router()
}

/// Everything that is not `/api`: this program was built without the page.
#[cfg(not(feature = "embed-page"))]
pub(crate) fn router() -> Router<Context> {
    use axum::http::{StatusCode, Uri};
    use axum::response::IntoResponse;
    use axum::routing::get;

    use crate::rest::problem::{Kind, Problem};

    const HOW_TO_GET_THE_PAGE: &str = "\
This relay was built without the page; its API is under /api/v1.
To build and start it with the page inside, type in the repository: cargo xtask run
";
    let page = || async { (StatusCode::OK, HOW_TO_GET_THE_PAGE) };
    let fallback = |uri: Uri| async move {
        let detail = format!("there is no {}: {HOW_TO_GET_THE_PAGE}", uri.path());
        Problem::new(Kind::NotFound, detail).into_response()
    };
    Router::new().route("/", get(page)).fallback(fallback)
}
