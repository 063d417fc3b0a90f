//! Requests to a relay's REST, for what is no node's business.

use std::sync::Arc;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::http::HeaderValue;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dial::{Problem, dial, no_relay, unreachable};
use crate::failure::{Failure, Trouble};
use crate::limits::REST_ANSWER_BYTES_MAX;
use crate::relay_url::RelayUrl;
use crate::token::Token;

/// Asks one relay.
#[derive(Debug)]
pub(crate) struct Rest {
    server: RelayUrl,
    tls: Arc<ClientConfig>,
}

impl Rest {
    pub(crate) fn new(server: RelayUrl, tls: Arc<ClientConfig>) -> Self {
        Self { server, tls }
    }

    /// Reads a resource, by its path below `/api/v1`.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer = self.ask(Method::GET, path, None, Bytes::new()).await?;
        self.read(&answer)
    }

    /// Makes a resource.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        token: Option<&Token>,
        body: &impl Serialize,
    ) -> Result<T, Failure> {
        let body = serde_json::to_vec(body).unwrap_or_default();
        let answer = self.ask(Method::POST, path, token, body.into()).await?;
        self.read(&answer)
    }

    /// Removes a resource.
    pub(crate) async fn delete(&self, path: &str, token: Option<&Token>) -> Result<(), Failure> {
        let asked = self.ask(Method::DELETE, path, token, Bytes::new());
        asked.await.map(drop)
    }

    fn read<T: DeserializeOwned>(&self, answer: &[u8]) -> Result<T, Failure> {
        let read = serde_json::from_slice(answer);
        Ok(read.map_err(|error| no_relay(&self.server, &error.to_string()))?)
    }

    /// The answer to a request that was granted.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        token: Option<&Token>,
        body: Bytes,
    ) -> Result<Bytes, Failure> {
        let request = self.request(method, path, token, body)?;
        let response = self.exchange(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), REST_ANSWER_BYTES_MAX)
            .collect()
            .await
            .map_err(|error| unreachable(&self.server, &error.to_string()))?
            .to_bytes();
        if status.is_success() {
            return Ok(body);
        }
        let trouble = match Problem::read(&body) {
            Some(problem) => problem.refusal(&self.server),
            None => no_relay(&self.server, &format!("it answers {status}")),
        };
        Err(trouble.into())
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        token: Option<&Token>,
        body: Bytes,
    ) -> Result<Request<Full<Bytes>>, Trouble> {
        let refused = |error: hyper::http::Error| no_relay(&self.server, &error.to_string());
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(HOST, self.server.authority())
            .header(CONTENT_TYPE, "application/json");
        let request = match token.map(Token::bearer) {
            Some(Ok(mut value)) => {
                value.set_sensitive(true);
                request.header::<_, HeaderValue>(AUTHORIZATION, value)
            }
            Some(Err(error)) => return Err(refused(error.into())),
            None => request,
        };
        request.body(Full::new(body)).map_err(refused)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Trouble> {
        let failed = |error: hyper::Error| match error.is_parse() {
            true => no_relay(&self.server, &error.to_string()),
            false => unreachable(&self.server, &error.to_string()),
        };
        let stream = TokioIo::new(dial(&self.server, &self.tls).await?);
        let (mut sender, connection) = http1::handshake(stream).await.map_err(failed)?;
        // What goes wrong with the connection, the answer to the request says.
        tokio::spawn(connection);
        sender.send_request(request).await.map_err(failed)
    }
}
