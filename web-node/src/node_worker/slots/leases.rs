//! Slots kept apart by leases in IndexedDB, for contexts without Web Locks.
//!
//! A lease is renewed while its holder lives, and runs out soon after. A reloaded tab need not
//! wait for that: the lease bears its token, and nobody answers for it any more. A duplicated tab
//! has the same token; there the original answers, and the duplicate takes another slot.

use borsh::{BorshDeserialize, BorshSerialize};
use futures_util::future::{Either, select};
use gloo_events::EventListener;
use gloo_timers::callback::Interval;
use gloo_timers::future::TimeoutFuture;
use js_sys::Uint8Array;
use shared::encoding::{decode, encode};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{BroadcastChannel, MessageEvent};

use super::super::inbox::{Inbox, Input};
use super::{SlotError, in_order};
use crate::js::now_ms;
use crate::ports::{Fatal, Tab};
use crate::store::StoreError;
use crate::store::indexed_db::database::Database;
use crate::store::indexed_db::get;

const DATABASE: &str = "tabchain-slots";
const LEASES: &str = "leases";
/// A lease that is not renewed for so long has run out.
const LEASE_MS: u64 = 15_000;
const RENEWAL_INTERVAL_MS: u32 = 3_000;
/// Time that the holder of a lease gets to say that it lives.
const ANSWER_DEADLINE_MS: u32 = 400;

/// Who has a slot, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
struct Lease {
    /// The tab's token.
    token: u64,
    /// The worker's own number: one tab may have had several workers.
    worker: u64,
    /// Milliseconds since 1970 UTC.
    until_ms: u64,
}

/// Leases a slot, and keeps the lease for the life of this worker.
pub(super) async fn claim(tab: Tab, inbox: &Inbox) -> Result<u32, SlotError> {
    let database = Database::open(DATABASE, 1, |_, database| database.create(LEASES)).await?;
    // Not a secret: without randomness the clock will do to tell workers apart.
    let worker = getrandom::u64().unwrap_or_else(|_| now_ms());
    let abandoned = match tab.slot {
        Some(own) if !is_answered_for(own).await => Some(own),
        _ => None,
    };
    for slot in in_order(tab) {
        let is_own = abandoned == Some(slot);
        let may_take =
            |lease: &Lease| lease.until_ms <= now_ms() || (is_own && lease.token == tab.token);
        if take(&database, slot, tab.token, worker, may_take).await? {
            answer_for(slot);
            keep(database, slot, tab.token, worker, inbox.clone());
            return Ok(slot);
        }
    }
    Err(SlotError::AllTaken)
}

/// Takes or renews a lease in one transaction, so that two tabs cannot both have it.
async fn take(
    database: &Database,
    slot: u32,
    token: u64,
    worker: u64,
    may_take: impl Fn(&Lease) -> bool,
) -> Result<bool, StoreError> {
    let transaction = database.change(&[LEASES])?;
    let store = transaction.store(LEASES)?;
    let present = get(&store, slot.into()).await?;
    let present = present.and_then(|value| {
        decode::<Lease>("lease of a slot", &Uint8Array::new(&value).to_vec()).ok()
    });
    if present.is_some_and(|lease| !may_take(&lease)) {
        return Ok(false);
    }
    let lease = Lease {
        token,
        worker,
        until_ms: now_ms() + LEASE_MS,
    };
    let value = Uint8Array::from(encode(&lease).as_slice()).into();
    store.tell("put", &[value, slot.into()])?;
    transaction.commit().await?;
    Ok(true)
}

/// Renews the lease again and again; tells when another worker has it, as it may after a freeze.
fn keep(database: Database, slot: u32, token: u64, worker: u64, inbox: Inbox) {
    Interval::new(RENEWAL_INTERVAL_MS, move || {
        let database = database.clone();
        let inbox = inbox.clone();
        spawn_local(async move {
            let is_mine = |lease: &Lease| lease.worker == worker;
            if let Ok(false) = take(&database, slot, token, worker, is_mine).await {
                inbox.put(Input::Failed(Fatal::Crashed {
                    reason: format!("another tab took over slot {slot} while this one stood still"),
                }));
            }
        });
    })
    .forget();
}

/// Whether a living worker answers for a slot.
async fn is_answered_for(slot: u32) -> bool {
    let Ok(channel) = BroadcastChannel::new(DATABASE) else {
        return false;
    };
    let (sender, answer) = futures_channel::oneshot::channel();
    let sender = std::cell::Cell::new(Some(sender));
    let expected = answer_text(slot);
    let listener = EventListener::new(&channel, "message", move |event| {
        if text(event).as_deref() == Some(&expected)
            && let Some(sender) = sender.take()
        {
            // The other end may have given up.
            let _ = sender.send(());
        }
    });
    let is_asked = channel.post_message(&question_text(slot).into()).is_ok();
    let outcome = select(answer, TimeoutFuture::new(ANSWER_DEADLINE_MS)).await;
    drop(listener);
    channel.close();
    is_asked && matches!(outcome, Either::Left((Ok(()), _)))
}

/// Answers for a slot from now on.
fn answer_for(slot: u32) {
    let Ok(channel) = BroadcastChannel::new(DATABASE) else {
        return;
    };
    let question = question_text(slot);
    let answer = JsValue::from(answer_text(slot));
    let answering = channel.clone();
    EventListener::new(&channel, "message", move |event| {
        if text(event).as_deref() == Some(&question) {
            // Fails only for a closed channel, and this one is not closed.
            let _ = answering.post_message(&answer);
        }
    })
    .forget();
}

fn question_text(slot: u32) -> String {
    format!("who has {slot}")
}

fn answer_text(slot: u32) -> String {
    format!("I have {slot}")
}

fn text(event: &web_sys::Event) -> Option<String> {
    event.dyn_ref::<MessageEvent>()?.data().as_string()
}
