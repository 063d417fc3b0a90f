//! Asking the relay over HTTP: what gloo-net would bring along weighs several kilobytes.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{RequestInit, Response};

use crate::js::object;

/// Whether the relay did what it was asked, and what it said; or the browser's reason why nothing
/// came. `options` are those of the Fetch standard's `RequestInit`.
pub(super) async fn fetch(
    path: &str,
    options: &[(&str, JsValue)],
) -> Result<(bool, String), JsValue> {
    let window = web_sys::window().ok_or(JsValue::NULL)?;
    let options: RequestInit = object(options).unchecked_into();
    let response = JsFuture::from(window.fetch_with_str_and_init(path, &options)).await?;
    let response: Response = response.dyn_into()?;
    let text = JsFuture::from(response.text()?).await?;
    Ok((response.ok(), text.as_string().unwrap_or_default()))
}
