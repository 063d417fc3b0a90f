//! The page: what a person sees of the node and does with it. The only module that knows Yew.
//!
//! The node worker sends [`crate::ports::FromNode`]; [`session`] keeps the latest of it, the
//! [`components`] draw it, and [`client`] carries commands back and answers to whoever asked.
//! Texts come from [`locale`]; what the user chose is kept by [`preferences`].

use web_sys::js_sys;

mod app;
mod chain_file;
mod client;
mod components;
mod directory;
mod files;
mod format;
mod hooks;
mod locale;
mod preferences;
mod session;
mod share;

/// Draws the page into the element `app` and starts the node worker.
pub fn start() {
    std::panic::set_hook(Box::new(show_panic));
    let root = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.get_element_by_id("app"));
    match root {
        Some(root) => {
            yew::Renderer::<app::App>::with_root(root).render();
        }
        None => web_sys::console::error_1(&"index.html has no element with the id `app`".into()),
    }
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
