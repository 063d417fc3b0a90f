//! The page: what a person sees of the node and does with it. The only module that knows Yew.
//!
//! The node worker sends [`crate::ports::FromNode`]; [`session`] keeps the latest of it, the
//! [`components`] draw it, and [`client`] carries commands back and answers to whoever asked.
//! Texts come from [`locale`]; what the user chose is kept by [`preferences`].

use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::js_sys;

mod app;
mod chain_file;
mod client;
mod components;
mod directory;
mod fetch;
mod files;
mod format;
mod hooks;
mod locale;
mod preferences;
mod rest;
mod session;
mod share;

use app::{App, AppProps};
use locale::{Language, Locale};

/// Shows a panic to the user from now on.
pub fn prepare() {
    std::panic::set_hook(Box::new(show_panic));
}

/// Draws the page into the element `app` and starts the node worker. `boot.js` calls it with a
/// language's tag and the file of its messages.
///
/// # Errors
///
/// The file is of another build, or index.html has no such element.
#[wasm_bindgen]
pub fn open(language: &str, messages: &str) -> Result<(), js_sys::Error> {
    let error = |reason: &str| js_sys::Error::new(reason);
    let locale = Locale::read(Language::closest(language), messages)
        .map_err(|reason| error(&reason.to_string()))?;
    let root = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id("app"))
        .ok_or_else(|| error("index.html has no element with the id `app`"))?;
    yew::Renderer::<App>::with_root_and_props(root, AppProps { locale }).render();
    Ok(())
}

/// The program cannot go on after a panic: says so in the sentence that index.html keeps hidden.
fn show_panic(info: &std::panic::PanicHookInfo<'_>) {
    let error = js_sys::Error::new(&info.to_string());
    web_sys::console::error_1(&error);
    let notice = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id("crashed"));
    if let Some(notice) = notice {
        let _ = notice.remove_attribute("hidden");
    }
}
