//! The miner's loop. Between two calls of the kernel it posts a message to itself, so that what
//! its starter has sent meanwhile is seen first; timers would be slowed down by the browser.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use shared::node::interface::MiningWork;
use wasm_bindgen::JsValue;
use web_sys::{MessageChannel, MessagePort};

use super::kernel::{self, Job, VERSIONS};
use crate::BUILD;
use crate::js::{log_error, now_ms};
use crate::panic::report_panics;
use crate::port::ParentPort;
use crate::ports::{FromMiner, Kernel, ToMiner};

/// Nonces tried in one call, each with all versions: some ten milliseconds. New work waits no
/// longer than that.
const NONCES_PER_CALL: u32 = 10_000;
/// Time between two reports of the hashes tried.
const REPORT_INTERVAL_MS: u64 = 500;

/// Runs this worker with a kernel, for as long as the worker lives.
pub fn start<K: kernel::Kernel + 'static>(kernel: Kernel) {
    report_panics(|_| {});
    if listen::<K>(kernel).is_none() {
        log_error("a miner runs in a dedicated worker only");
    }
}

/// Listens to the starter and to itself, from now on.
fn listen<K: kernel::Kernel + 'static>(kernel: Kernel) -> Option<()> {
    let channel = MessageChannel::new().ok()?;
    let state = Rc::new(RefCell::new(State {
        parent: None,
        again: channel.port2(),
        search: None,
        is_scheduled: false,
        pause: None,
        hashes: 0,
        reported_ms: 0,
    }));
    let in_turn = channel.port1();
    in_turn.start();
    EventListener::new(&in_turn, "message", {
        let state = Rc::clone(&state);
        move |_| step::<K>(&state)
    })
    .forget();
    let parent = ParentPort::open({
        let state = Rc::clone(&state);
        move |message| match message {
            Ok(message) => state.borrow_mut().receive(message),
            Err(error) => log_error(&error.to_string()),
        }
    })?;
    parent.send(&FromMiner::Hello {
        build: BUILD.to_owned(),
        kernel,
    });
    state.borrow_mut().parent = Some(parent);
    Some(())
}

struct State {
    parent: Option<ParentPort<FromMiner>>,
    /// What a message is posted to, to be called again after the messages before it.
    again: MessagePort,
    search: Option<Search>,
    /// Whether a call is due: by a message under way, or by this timer.
    is_scheduled: bool,
    pause: Option<Timeout>,
    hashes: u64,
    reported_ms: u64,
}

/// A search under way.
struct Search {
    work: MiningWork,
    job: Job,
    nonce_low: u32,
    /// The next low half is this far away: other miners have those between.
    stride: u32,
    high: u32,
    /// High halves still to be tried with this low half.
    remaining: u64,
    duty_percent: u32,
}

/// High halves for one low half.
const HIGH_HALVES: u64 = 1 << 32;

impl State {
    fn receive(&mut self, message: ToMiner) {
        match message {
            ToMiner::Search {
                work,
                index,
                count,
                duty_percent,
            } => {
                if self.search.is_none() {
                    self.reported_ms = now_ms();
                    self.hashes = 0;
                }
                self.search = Some(Search::new(*work, index, count, duty_percent));
                self.pause = None;
                self.schedule();
            }
            ToMiner::Stop => {
                self.search = None;
                self.report();
            }
        }
    }

    fn schedule(&mut self) {
        if !self.is_scheduled {
            self.is_scheduled = self.again.post_message(&JsValue::NULL).is_ok();
        }
    }

    fn send(&self, message: &FromMiner) {
        if let Some(parent) = &self.parent {
            parent.send(message);
        }
    }

    fn report(&mut self) {
        let elapsed_ms = now_ms().saturating_sub(self.reported_ms);
        if self.hashes > 0 {
            self.send(&FromMiner::Hashed {
                hashes: self.hashes,
                elapsed_ms: u32::try_from(elapsed_ms).unwrap_or(u32::MAX),
            });
        }
        self.hashes = 0;
        self.reported_ms = now_ms();
    }
}

/// One call of the kernel, and what follows from it.
fn step<K: kernel::Kernel>(shared: &Rc<RefCell<State>>) {
    let mut state = shared.borrow_mut();
    state.is_scheduled = false;
    let Some(search) = state.search.as_mut() else {
        return;
    };
    let started_ms = now_ms();
    let count = search.next_count();
    let found = K::search(&search.job, search.high, count);
    let tried = found.map_or(count, |found| {
        found.high.wrapping_sub(search.high).wrapping_add(1)
    });
    let found = found.map(|found| {
        let (version, nonce) = search.job.version_and_nonce(&found);
        FromMiner::Found {
            work: search.work.work,
            version,
            nonce,
        }
    });
    search.advance(count);
    let rest_ms = search.rest_ms(now_ms().saturating_sub(started_ms));

    state.hashes += u64::from(tried) * VERSIONS as u64;
    if let Some(found) = found {
        state.search = None;
        state.report();
        state.send(&found);
        return;
    }
    if now_ms().saturating_sub(state.reported_ms) >= REPORT_INTERVAL_MS {
        state.report();
    }
    if rest_ms == 0 {
        state.schedule();
    } else {
        let shared = Rc::clone(shared);
        state.pause = Some(Timeout::new(rest_ms, move || {
            shared.borrow_mut().schedule()
        }));
    }
}

impl Search {
    fn new(work: MiningWork, index: u32, count: u32, duty_percent: u32) -> Self {
        let [low, high] = halves(work.header.nonce);
        let nonce_low = low.wrapping_add(index);
        Self {
            job: Job::new(&work, nonce_low),
            work,
            nonce_low,
            stride: count.max(1),
            high,
            remaining: HIGH_HALVES,
            duty_percent: duty_percent.clamp(1, 100),
        }
    }

    fn next_count(&self) -> u32 {
        u32::try_from(self.remaining).map_or(NONCES_PER_CALL, |left| left.min(NONCES_PER_CALL))
    }

    fn advance(&mut self, count: u32) {
        self.high = self.high.wrapping_add(count);
        self.remaining -= u64::from(count).min(self.remaining);
        if self.remaining == 0 {
            self.nonce_low = self.nonce_low.wrapping_add(self.stride);
            self.job = Job::new(&self.work, self.nonce_low);
            self.remaining = HIGH_HALVES;
        }
    }

    /// How long to rest after working for so long, for the share of time that is allowed.
    fn rest_ms(&self, worked_ms: u64) -> u32 {
        let rest_ms = worked_ms * u64::from(100 - self.duty_percent) / u64::from(self.duty_percent);
        u32::try_from(rest_ms).unwrap_or(u32::MAX)
    }
}

fn halves(nonce: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = nonce.to_le_bytes();
    [
        u32::from_le_bytes([a, b, c, d]),
        u32::from_le_bytes([e, f, g, h]),
    ]
}
