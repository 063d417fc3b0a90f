//! The node worker: gives the pure node a world.
//!
//! Everything that happens, in the socket, the storage, the miners, the page or with time, is put
//! into one inbox; one loop takes it out, hands it to the node, and carries out what the node
//! answers. Nothing else calls the node.

mod boot;
mod environment;
mod identity;
mod inbox;
mod miners;
mod runtime;
mod slots;
mod socket;
mod views;

use gloo_events::EventListener;
use shared::encoding::DecodeError;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::EventTarget;

use crate::BUILD;
use crate::js::{describe, log_error, property};
use crate::panic::report_panics;
use crate::port::{ParentPort, post_to_parent};
use crate::ports::{Fatal, FromNode, Tab, ToNode};
use inbox::{Inbox, Input, Inputs};
use runtime::Runtime;

/// Runs this worker, for as long as it lives.
pub fn start() {
    report_panics(report_crash);
    report_rejections();
    let (inbox, inputs) = inbox::open();
    let from_page = inbox.clone();
    let Some(page) = ParentPort::open(move |message: Result<ToNode, DecodeError>| match message {
        Ok(message) => from_page.put(Input::Page(message)),
        Err(error) => log_error(&error.to_string()),
    }) else {
        log_error("the node runs in a dedicated worker only");
        return;
    };
    spawn_local(run(page, inbox, inputs));
}

async fn run(page: ParentPort<FromNode>, inbox: Inbox, mut inputs: Inputs) {
    page.send(&FromNode::Hello {
        build: BUILD.to_owned(),
    });
    let Some((tab, network)) = beginning(&mut inputs).await else {
        return;
    };
    let booted = match boot::boot(tab, network, &inbox).await {
        Ok(booted) => booted,
        Err(fatal) => return page.send(&FromNode::Fatal(fatal)),
    };
    let mut runtime = Runtime::new(page, inbox, booted);
    while let Some(input) = inputs.next().await {
        runtime.receive(input);
    }
}

/// Waits for the page to say which tab this is, and which network it wants.
async fn beginning(inputs: &mut Inputs) -> Option<(Tab, Option<String>)> {
    while let Some(input) = inputs.next().await {
        if let Input::Page(ToNode::Begin { tab, network }) = input {
            return Some((tab, network));
        }
    }
    None
}

fn report_crash(reason: String) {
    post_to_parent(&FromNode::Fatal(Fatal::Crashed { reason }));
}

/// Whatever fails inside a future without a panic of ours, such as memory that runs out.
fn report_rejections() {
    let scope: EventTarget = js_sys::global().unchecked_into();
    EventListener::new(&scope, "unhandledrejection", |event| {
        let reason = property(event, "reason").unwrap_or_default();
        report_crash(describe(&reason));
    })
    .forget();
}
