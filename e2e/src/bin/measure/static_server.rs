//! Files for a page that is not ours: other people's hash functions, as npm installed them.

use std::path::{Component, Path, PathBuf};

use anyhow::Result;
use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;

const PAGE: &str = "<!doctype html><meta charset=utf-8><title>peers</title>";
const WORKER: &str = include_str!("peers.js");
const JAVASCRIPT: &str = "text/javascript";

/// Serves an empty page, its worker `peers.js`, and the files below `modules` until the runtime
/// ends. Returns the page's address.
pub(super) async fn start(modules: PathBuf) -> Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    let routes = Router::new()
        .route("/", get(async || Html(PAGE)))
        .route(
            "/peers.js",
            get(async || ([(header::CONTENT_TYPE, JAVASCRIPT)], WORKER)),
        )
        .route("/modules/{*path}", get(module))
        .with_state(modules);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    Ok(format!("http://localhost:{port}/"))
}

async fn module(State(modules): State<PathBuf>, UrlPath(path): UrlPath<String>) -> Response {
    let path = Path::new(&path);
    let is_below = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    match tokio::fs::read(modules.join(path)).await {
        Ok(bytes) if is_below => ([(header::CONTENT_TYPE, JAVASCRIPT)], bytes).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}
