//! What the worker finds out about the browser that it runs in.

use gloo_timers::callback::Interval;
use js_sys::{Uint8Array, WebAssembly};
use wasm_bindgen_futures::spawn_local;

use super::inbox::{Inbox, Input};
use crate::js::{call_async, global, property};
use crate::ports::Kernel;

/// Time between two looks at the storage's quota.
const QUOTA_INTERVAL_MS: u32 = 30_000;

/// A module with one SIMD instruction: `i8x16.popcnt(i8x16.splat(0))`.
const SIMD_MODULE: [u8; 31] = [
    0, b'a', b's', b'm', 1, 0, 0, 0, 1, 5, 1, 0x60, 0, 1, 0x7b, 3, 2, 1, 0, 10, 10, 1, 8, 0, 0x41,
    0, 0xfd, 15, 0xfd, 98, 11,
];

/// The kernel that this browser can compile.
pub(super) fn kernel() -> Kernel {
    let module = Uint8Array::from(SIMD_MODULE.as_slice());
    match WebAssembly::validate(&module) {
        Ok(true) => Kernel::Simd,
        Ok(false) | Err(_) => Kernel::Scalar,
    }
}

/// Logical cores, as the browser tells; some tell fewer than there are.
pub(super) fn cores() -> u32 {
    number(global(&["navigator", "hardwareConcurrency"]))
        .and_then(|cores| u32::try_from(cores).ok())
        .map_or(1, |cores| cores.max(1))
}

/// Looks at the storage's quota now, and again and again while the value returned lives.
pub(super) fn watch_quota(inbox: &Inbox) -> Interval {
    look_at_quota(inbox.clone());
    let inbox = inbox.clone();
    Interval::new(QUOTA_INTERVAL_MS, move || inbox.put(Input::LookAtQuota))
}

/// Puts what it finds into the inbox. In an insecure context there is nothing to look at.
pub(super) fn look_at_quota(inbox: Inbox) {
    spawn_local(async move {
        let Some(storage) = global(&["navigator", "storage"]) else {
            return;
        };
        let is_persistent = call_async(&storage, "persisted").await;
        let estimate = call_async(&storage, "estimate").await;
        let figure = |name| number(property(estimate.as_ref()?, name));
        inbox.put(Input::Quota {
            is_persistent: is_persistent.is_some_and(|is_persistent| is_persistent.is_truthy()),
            quota: figure("usage").zip(figure("quota")),
        });
    });
}

fn number(value: Option<wasm_bindgen::JsValue>) -> Option<u64> {
    let number = value?.as_f64().filter(|number| *number >= 0.0)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let number = number as u64;
    Some(number)
}
