//! What JavaScript offers that is not bound with a type, or not in every context.

use js_sys::{Array, Function, Object, Promise, Reflect};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

/// Milliseconds since 1970 UTC, by this device's clock.
#[must_use]
pub fn now_ms() -> u64 {
    // A clock set before 1970 reads as 1970.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let now_ms = js_sys::Date::now() as u64;
    now_ms
}

/// Whatever was thrown, as text for people.
#[must_use]
pub fn describe(thrown: &JsValue) -> String {
    let message = property(thrown, "message").and_then(|message| message.as_string());
    let name = property(thrown, "name").and_then(|name| name.as_string());
    match (name, message) {
        (Some(name), Some(message)) => format!("{name}: {message}"),
        (None, Some(text)) | (Some(text), None) => text,
        (None, None) => thrown
            .as_string()
            .unwrap_or_else(|| "an error without a message".to_owned()),
    }
}

/// A property, unless it is missing, null or undefined: many are outside secure contexts.
#[must_use]
pub fn property(object: &JsValue, name: &str) -> Option<JsValue> {
    Reflect::get(object, &name.into())
        .ok()
        .filter(|value| !value.is_undefined() && !value.is_null())
}

/// An object with these properties.
#[must_use]
pub fn object(properties: &[(&str, JsValue)]) -> Object {
    let object = Object::new();
    for (name, value) in properties {
        // A fresh object takes whatever it is given.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object
}

/// A chain of properties of the global object.
#[must_use]
pub fn global(path: &[&str]) -> Option<JsValue> {
    path.iter()
        .try_fold(JsValue::from(js_sys::global()), |object, name| {
            property(&object, name)
        })
}

/// Calls a method by its name: each binding with types weighs its share.
pub fn call(object: &JsValue, method: &str, arguments: &[JsValue]) -> Result<JsValue, JsValue> {
    let function: Function = Reflect::get(object, &method.into())?.dyn_into()?;
    function.apply(object, &arguments.iter().collect::<Array>())
}

/// The outcome of an asynchronous method without arguments; nothing where there is none.
pub async fn call_async(object: &JsValue, method: &str) -> Option<JsValue> {
    let function: Function = property(object, method)?.dyn_into().ok()?;
    let promise: Promise = function.call0(object).ok()?.dyn_into().ok()?;
    JsFuture::from(promise).await.ok()
}

/// Says something on the browser's console.
pub fn log_error(message: &str) {
    if let Some((console, function)) = global(&["console"])
        .and_then(|console| Some((console.clone(), property(&console, "error")?)))
        && let Some(function) = function.dyn_ref::<Function>()
    {
        // A console that throws leaves nobody to tell.
        let _ = function.call1(&console, &message.into());
    }
}
