//! The miners: a thread for each core, each with nonces of its own.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use shared::node::interface::{MiningWork, RequestId};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::limits::{MINERS_MAX, NONCES_PER_CALL};
use crate::mining::Job;

/// A nonce that meets the target of a work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) work: RequestId,
    pub(super) version: u32,
    pub(super) nonce: u64,
}

/// All miner threads; they end when this is dropped.
#[derive(Debug)]
pub(super) struct Miners {
    shared: Arc<Shared>,
    counted: (Instant, u64),
}

#[derive(Debug)]
struct Shared {
    order: Mutex<Order>,
    changed: Condvar,
    /// The number of the order: looked at between calls of the kernel, without the lock.
    number: AtomicU64,
    attempts: AtomicU64,
}

#[derive(Debug, Default)]
struct Order {
    number: u64,
    work: Option<Arc<MiningWork>>,
    is_over: bool,
}

impl Miners {
    /// Miners that wait for work. What they find is sent to `found`.
    pub(super) fn new(threads: NonZeroUsize, found: mpsc::UnboundedSender<Found>) -> Self {
        let shared = Arc::new(Shared {
            order: Mutex::default(),
            changed: Condvar::new(),
            number: AtomicU64::new(0),
            attempts: AtomicU64::new(0),
        });
        let threads = threads.get().min(MINERS_MAX);
        let steps = u32::try_from(threads).unwrap_or(u32::MAX);
        for first in 0..steps {
            let shared = Arc::clone(&shared);
            let found = found.clone();
            thread::spawn(move || mine(&shared, &found, first, steps));
        }
        Self {
            shared,
            counted: (Instant::now(), 0),
        }
    }

    /// Searches a nonce for this work instead of that before.
    pub(super) fn search(&self, work: MiningWork) {
        self.order(|order| order.work = Some(Arc::new(work)));
    }

    /// Searches no more.
    pub(super) fn stop(&self) {
        self.order(|order| order.work = None);
    }

    /// Attempts per second since this was asked last.
    pub(super) fn measure(&mut self) -> u64 {
        let now = Instant::now();
        let attempts = self.shared.attempts.load(Ordering::Relaxed);
        let (since, before) = core::mem::replace(&mut self.counted, (now, attempts));
        let elapsed_ms = u64::try_from((now - since).as_millis()).unwrap_or(u64::MAX);
        (attempts - before)
            .saturating_mul(1000)
            .checked_div(elapsed_ms)
            .unwrap_or(0)
    }

    fn order(&self, change: impl FnOnce(&mut Order)) {
        let mut order = self.shared.lock();
        change(&mut order);
        order.number += 1;
        self.shared.number.store(order.number, Ordering::Relaxed);
        drop(order);
        self.shared.changed.notify_all();
    }
}

impl Drop for Miners {
    fn drop(&mut self) {
        self.order(|order| order.is_over = true);
    }
}

impl Shared {
    /// No miner panics while it holds the lock, and nothing in it could be left half done.
    fn lock(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work that is newer than the order of this number; nothing at the end.
    fn next(&self, after: u64) -> Option<(u64, Arc<MiningWork>)> {
        let mut order = self.lock();
        loop {
            if order.is_over {
                return None;
            }
            match &order.work {
                Some(work) if order.number > after => {
                    return Some((order.number, Arc::clone(work)));
                }
                _ => {}
            }
            let woken = self.changed.wait(order);
            order = woken.unwrap_or_else(PoisonError::into_inner);
        }
    }
}

fn mine(shared: &Shared, found: &mpsc::UnboundedSender<Found>, first: u32, steps: u32) {
    let mut number = 0;
    while let Some((newer, work)) = shared.next(number) {
        number = newer;
        let is_wanted = || shared.number.load(Ordering::Relaxed) == number;
        if let Some(nonce) = search(&work, first, steps, &shared.attempts, is_wanted) {
            // A node that is gone wants nothing any more.
            let _ = found.send(Found {
                work: work.work,
                version: work.header.version,
                nonce,
            });
        }
    }
}

/// Searches the nonces whose low halves are `first`, `first + steps`, and so on, as long as it is
/// wanted.
fn search(
    work: &MiningWork,
    first: u32,
    steps: u32,
    attempts: &AtomicU64,
    is_wanted: impl Fn() -> bool,
) -> Option<u64> {
    let mut low = first;
    while is_wanted() {
        let job = Job::new(work, low);
        let mut high = 0_u32;
        while is_wanted() {
            let found = job.search(high, NONCES_PER_CALL);
            let tried = found.map_or(NONCES_PER_CALL, |found| found.wrapping_sub(high) + 1);
            attempts.fetch_add(u64::from(tried), Ordering::Relaxed);
            if let Some(found) = found {
                return Some(job.nonce(found));
            }
            high = high.wrapping_add(NONCES_PER_CALL);
            if high == 0 {
                break;
            }
        }
        low = low.wrapping_add(steps);
    }
    None
}
