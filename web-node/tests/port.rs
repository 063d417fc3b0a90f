//! The port layer, against workers in plain JavaScript that greet late, wrongly or not at all.
#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use shared::encoding::encode;
use wasm_bindgen_test::{wasm_bindgen_test, wasm_bindgen_test_configure};
use web_node::BUILD;
use web_node::js::now_ms;
use web_node::port::{PortError, WorkerClient};
use web_node::ports::{FromMiner, Kernel, ToMiner};

wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Of a build called `x`.
const OTHER_BUILD: &str = "data:text/javascript,
    postMessage(new Uint8Array([0, 1, 0, 0, 0, 120, 0])); //";
const CRASHING: &str = "data:text/javascript, setTimeout(() => { throw new Error('ouch') }); //";
const BABBLING: &str = "data:text/javascript, postMessage('hello'); //";
const UNLOADABLE: &str = "/there-is-no-such-worker.js";

type Events = Rc<RefCell<Vec<Result<FromMiner, PortError>>>>;

fn spawn(script: &'static str) -> (WorkerClient<ToMiner>, Events) {
    let events = Events::default();
    let heard = Rc::clone(&events);
    let client = WorkerClient::spawn(script, move |event| heard.borrow_mut().push(event)).unwrap();
    (client, events)
}

/// Begins to listen late, as a real worker does, which misses what came while it loaded; then answers
/// `Stop` by `Hashed`.
fn late() -> &'static str {
    let hello = encode(&FromMiner::Hello {
        build: BUILD.to_owned(),
        kernel: Kernel::Simd,
    });
    let script = format!(
        "data:text/javascript,
        const answer = ({{ data }}) => {{
            if (data[0] === 1) postMessage(new Uint8Array([2, 7, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0]));
        }};
        setTimeout(() => {{ onmessage = answer; postMessage(new Uint8Array({hello:?})); }}, 200); //"
    );
    script.leak()
}

async fn wait_for(events: &Events, count: usize) {
    let deadline_ms = now_ms() + 20_000;
    while events.borrow().len() < count {
        assert!(now_ms() < deadline_ms, "only {:?}", events.borrow());
        TimeoutFuture::new(10).await;
    }
}

#[wasm_bindgen_test]
async fn what_is_sent_waits_until_the_worker_listens() {
    let (client, events) = spawn(late());
    client.send(&ToMiner::Stop);
    wait_for(&events, 2).await;
    client.send(&ToMiner::Stop);
    wait_for(&events, 3).await;
    let events = events.borrow();
    assert!(matches!(&events[0], Ok(FromMiner::Hello { build, .. }) if build == BUILD));
    for event in &events[1..] {
        let hashed = FromMiner::Hashed {
            hashes: 7,
            elapsed_ms: 9,
        };
        assert_eq!(event.as_ref().unwrap(), &hashed);
    }
}

#[wasm_bindgen_test]
async fn a_worker_of_another_build_is_told_apart() {
    let (_client, events) = spawn(OTHER_BUILD);
    wait_for(&events, 1).await;
    assert!(matches!(&events.borrow()[0], Err(PortError::Build { worker, .. }) if worker == "x"));
}

#[wasm_bindgen_test]
async fn a_crash_is_reported_with_its_reason() {
    let (_client, events) = spawn(CRASHING);
    wait_for(&events, 1).await;
    assert!(matches!(
        &events.borrow()[0],
        Err(PortError::Crashed { reason, .. }) if reason.contains("ouch")
    ));
}

#[wasm_bindgen_test]
async fn a_file_that_cannot_be_loaded_is_reported() {
    let (_client, events) = spawn(UNLOADABLE);
    wait_for(&events, 1).await;
    assert!(matches!(
        &events.borrow()[0],
        Err(PortError::Crashed { .. })
    ));
}

#[wasm_bindgen_test]
async fn what_is_no_message_is_reported() {
    let (_client, events) = spawn(BABBLING);
    wait_for(&events, 1).await;
    assert!(matches!(
        &events.borrow()[0],
        Err(PortError::Undecodable(_))
    ));
}
