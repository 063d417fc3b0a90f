//! Slots kept apart by Web Locks, which a browser releases when the worker ends, however it ends.

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;

use super::in_order;
use crate::js::{global, property};
use crate::ports::Tab;

/// A browser may hold a lock for a moment after a reload: how often a tab's own slot is tried.
const OWN_SLOT_TRIES: u32 = 20;
const OWN_SLOT_INTERVAL_MS: u32 = 75;

/// The lock manager; only secure contexts have one.
pub(super) fn manager() -> Option<JsValue> {
    global(&["navigator", "locks"])
}

/// The browser has locks and gives none: it refuses its storage altogether.
pub(super) struct Refused;

/// Locks a slot, if one is free.
pub(super) async fn claim(locks: &JsValue, tab: Tab) -> Result<Option<u32>, Refused> {
    for slot in in_order(tab) {
        let tries = match tab.slot {
            Some(own) if own == slot => OWN_SLOT_TRIES,
            _ => 1,
        };
        for attempt in 0..tries {
            if attempt > 0 {
                TimeoutFuture::new(OWN_SLOT_INTERVAL_MS).await;
            }
            if lock(locks, slot).await.ok_or(Refused)? {
                return Ok(Some(slot));
            }
        }
    }
    Ok(None)
}

/// Takes a slot's lock for the life of this worker. False where another tab has it, nothing
/// where the browser refuses.
async fn lock(locks: &JsValue, slot: u32) -> Option<bool> {
    let (granted, is_granted) = oneshot::channel();
    let callback = Closure::once_into_js(move |lock: JsValue| -> JsValue {
        let is_granted = !lock.is_null();
        // The other end may have given up.
        let _ = granted.send(is_granted);
        if is_granted {
            // The lock is held until this promise is settled: never.
            Promise::new(&mut |_, _| {}).into()
        } else {
            JsValue::UNDEFINED
        }
    });
    let options = Object::new();
    Reflect::set(&options, &"ifAvailable".into(), &true.into()).ok()?;
    let request: Function = property(locks, "request")?.dyn_into().ok()?;
    let request: Promise = request
        .call3(
            locks,
            &format!("tabchain-slot-{slot}").into(),
            &options,
            &callback,
        )
        .ok()?
        .dyn_into()
        .ok()?;
    match select(is_granted, JsFuture::from(request)).await {
        Either::Left((is_granted, _)) => is_granted.ok(),
        // Settled before the callback was called: refused.
        Either::Right(_) => None,
    }
}
