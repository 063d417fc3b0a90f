//! The OpenAPI document, and Swagger UI that shows it.
//!
//! Each handler describes itself; here is what holds for all of them.

use std::collections::BTreeMap;

use axum::http::HeaderValue;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::middleware::map_response;
use axum::response;
use axum::routing::get;
use axum::{Json, Router};
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem, Ref, RefOr,
    Response, ResponseBuilder, Schema, Server,
};
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::problem::PROBLEM_JSON;
use crate::context::Context;

/// The name of the security scheme that handlers refer to.
pub(super) const TOKEN: &str = "token";

const DESCRIPTION: &str = "\
A relay serves networks. What stands below `/networks/{network}` stands below `/` too, and means the \
relay's default network there; `{network}` is a network's id or its name.\n\n\
Errors are problem details (RFC 9457) with a stable `type`, `urn:tabchain:problem:…`. Each answer carries an \
`x-request-id`, the one of the request where it has one; problems name it as their `instance`. Answers to GET \
carry an `ETag`, unless they are long and change all the time, and are answered 304 where `If-None-Match` names it.\n\n\
An address may ask so often in a second, which the relay's operator sets. A request that reads blocks, entries of \
the log, pending transactions or members counts as one more for each ten of them. One too many is answered 429, and \
`Retry-After` says when to come back.\n\n\
Nodes connect by WebSocket to `/networks/{network}/socket`; the protocol's description has its messages.";

/// What the document says before any path is added.
pub(super) fn outline() -> OpenApi {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "The operator's token, or for the resources of a network that of whoever made it.",
        ))
        .build();
    let mut components = Components::new();
    components.add_security_scheme(TOKEN, SecurityScheme::Http(bearer));
    OpenApiBuilder::new()
        .info(
            InfoBuilder::new()
                .title("Tabchain relay")
                .version(env!("CARGO_PKG_VERSION"))
                .description(Some(DESCRIPTION))
                .build(),
        )
        .servers(Some([Server::new("/api/v1")]))
        .components(Some(components))
        .build()
}

/// Adds the answers that any resource may give.
pub(super) fn with_common_answers(mut document: OpenApi) -> OpenApi {
    let paths = core::mem::take(&mut document.paths.paths).into_iter();
    // A parameter that may have slashes is written with a star for the router only.
    let paths = paths.map(|(path, item)| (path.replace("{*", "{"), item));
    document.paths.paths = paths.collect();
    // It is read strictly, and written with more beside its own fields.
    let schemas = document.components.as_mut().map(|all| &mut all.schemas);
    if let Some(RefOr::T(Schema::Object(transaction))) =
        schemas.and_then(|schemas| schemas.get_mut("Transaction"))
    {
        transaction.additional_properties = None;
    }
    for (path, item) in &mut document.paths.paths {
        for operation in operations(item) {
            let responses = &mut operation.responses.responses;
            if path.starts_with("/networks/{network}") {
                add_answers_of_networks(responses);
            }
            let any = "Any other problem, such as `overloaded` or `too-fast`";
            responses.insert("default".to_owned(), problem(any));
        }
        if let Some(read) = &mut item.get {
            let unchanged = ResponseBuilder::new()
                .description("`If-None-Match` names what would be answered")
                .build();
            read.responses
                .responses
                .insert("304".to_owned(), RefOr::T(unchanged));
        }
    }
    document
}

fn add_answers_of_networks(responses: &mut BTreeMap<String, RefOr<Response>>) {
    let unavailable = "`unavailable`: the network did not answer in time";
    responses
        .entry("503".to_owned())
        .or_insert_with(|| problem(unavailable));
    let unknown = "`no-such-network`";
    match responses.get_mut("404") {
        Some(RefOr::T(response)) => {
            response.description = format!("{}, {unknown}", response.description)
        }
        _ => drop(responses.insert("404".to_owned(), problem(unknown))),
    }
}

fn problem(description: &str) -> RefOr<Response> {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    let problem = ResponseBuilder::new().description(description);
    RefOr::T(problem.content(PROBLEM_JSON, content).build())
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.delete]
        .into_iter()
        .flatten()
}

/// `/api/openapi.json`, and Swagger UI at `/api/docs`.
pub(super) fn router(document: OpenApi) -> Router<Context> {
    let config = Config::new(["/api/openapi.json"]).validator_url("none");
    let ui: Router<Context> = SwaggerUi::new("/api/docs").config(config).into();
    let json = get(move || async move { Json(document) });
    ui.layer(map_response(allow_swagger_ui))
        .route("/api/openapi.json", json)
}

/// Swagger UI sets styles inline and shows pictures from data URLs. Nothing else may.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; \
style-src 'self' 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; \
frame-ancestors 'none'";

async fn allow_swagger_ui(mut response: response::Response) -> response::Response {
    let policy = HeaderValue::from_static(POLICY);
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    response
}
