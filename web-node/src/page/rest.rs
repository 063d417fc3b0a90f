//! The relay's REST, as far as the page asks it. JSON is the browser's own: a parser in wasm would
//! be several kilobytes for a handful of fields.

use js_sys::{Array, JSON};
use wasm_bindgen::JsValue;

use super::fetch::fetch;
use crate::js::{object, property};

/// A value out of JSON. What is not there, or is something else, reads as empty.
#[derive(Clone, Debug)]
pub(super) struct Json(JsValue);

impl Json {
    /// A member of an object.
    pub(super) fn get(&self, name: &str) -> Self {
        Self(property(&self.0, name).unwrap_or_default())
    }

    /// Itself, where it is a text.
    pub(super) fn as_text(&self) -> Option<String> {
        self.0.as_string()
    }

    /// A text.
    pub(super) fn text(&self, name: &str) -> String {
        self.get(name).as_text().unwrap_or_default()
    }

    /// A number, without its fraction.
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "what is out of range reads as the nearest"
    )]
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.get(name).0.as_f64().map(|number| number as u64)
    }

    /// The elements of a list.
    pub(super) fn list(&self, name: &str) -> Vec<Self> {
        Array::from(&self.get(name).0).iter().map(Self).collect()
    }
}

/// Why the relay did not do what it was asked.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Refusal {
    /// It did not answer, or not in its words.
    Unreachable,
    /// It said why not: a problem's detail (RFC 9457).
    Problem(String),
}

/// Asks the relay for something at `/api/v1` and `path`, by an HTTP method. Without a token none
/// is shown.
pub(super) async fn ask(
    method: &str,
    path: &str,
    token: &str,
    body: Option<&[(&str, JsValue)]>,
) -> Result<Json, Refusal> {
    let mut headers = Vec::new();
    let mut options = vec![("method", method.into())];
    let token = token.trim();
    if !token.is_empty() {
        headers.push(("authorization", format!("Bearer {token}").into()));
    }
    if let Some(fields) = body {
        headers.push(("content-type", "application/json".into()));
        let json = JSON::stringify(&object(fields)).map_or(JsValue::NULL, JsValue::from);
        options.push(("body", json));
    }
    options.push(("headers", object(&headers).into()));
    let (is_done, text) = fetch(&format!("/api/v1{path}"), &options)
        .await
        .map_err(|_| Refusal::Unreachable)?;
    let json = Json(JSON::parse(&text).unwrap_or_default());
    if is_done {
        Ok(json)
    } else {
        Err(Refusal::Problem(json.text("detail")))
    }
}
