//! Files: bytes that the user chose are read, bytes that the node made are offered to be kept.

use gloo_timers::callback::Timeout;
use js_sys::{Array, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, Event, HtmlElement, HtmlInputElement, Url};

use crate::js::describe;

/// Time after which a browser has begun to store what it was offered, in milliseconds.
const OFFERED_FOR_MS: u32 = 60_000;

/// The file that was chosen in an input of type `file`. The input forgets it, so that the same one
/// can be chosen again.
pub(super) fn chosen(event: &Event) -> Option<Blob> {
    let input: HtmlInputElement = event.target()?.dyn_into().ok()?;
    let file = input.files()?.get(0)?;
    input.set_value("");
    Some(file.into())
}

/// The bytes of a file from one place up to another, or what the browser said instead.
pub(super) async fn read(file: &Blob, from: f64, to: f64) -> Result<Vec<u8>, String> {
    let bytes = async {
        let part = file.slice_with_f64_and_f64(from, to)?;
        JsFuture::from(part.array_buffer()).await
    };
    let buffer: Result<JsValue, JsValue> = bytes.await;
    buffer
        .map(|buffer| Uint8Array::new(&buffer).to_vec())
        .map_err(|error| describe(&error))
}

/// Offers bytes, given in parts, as a file of this name.
pub(super) fn offer(name: &str, parts: &Array) -> Result<(), String> {
    try_offer(name, parts).map_err(|error| describe(&error))
}

fn try_offer(name: &str, parts: &Array) -> Result<(), JsValue> {
    let url = Url::create_object_url_with_blob(&Blob::new_with_u8_array_sequence(parts)?)?;
    let document = web_sys::window().and_then(|window| window.document());
    if let Some(document) = document {
        let link: HtmlElement = document.create_element("a")?.dyn_into()?;
        link.set_attribute("href", &url)?;
        link.set_attribute("download", name)?;
        link.click();
    }
    Timeout::new(OFFERED_FOR_MS, move || {
        let _ = Url::revoke_object_url(&url);
    })
    .forget();
    Ok(())
}
