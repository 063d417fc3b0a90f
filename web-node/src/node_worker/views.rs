//! Showing the node to the page: a few changes after a quiet time at once, many of them together.

use gloo_timers::callback::Timeout;

use super::inbox::{Inbox, Input};
use crate::js::now_ms;

/// Time between two views in the long run: of 60 frames a second two in three are left to the page,
/// however much happens.
const INTERVAL_MS: u64 = 50;
/// The same while nobody looks.
const HIDDEN_INTERVAL_MS: u64 = 250;
/// Views that may come earlier after a quiet time: those of a start follow closely upon each other.
const EARLY_VIEWS_MAX: u64 = 4;

/// Decides when the page is shown the node.
pub(super) struct Views {
    inbox: Inbox,
    is_visible: bool,
    pace: Pace,
    pending: Option<Timeout>,
}

impl Views {
    pub(super) fn new(inbox: Inbox) -> Self {
        Self {
            inbox,
            is_visible: true,
            pace: Pace { over_ms: 0 },
            pending: None,
        }
    }

    /// The node has changed: it will be shown.
    pub(super) fn changed(&mut self) {
        if self.pending.is_none() {
            let wait_ms = self.pace.wait_ms(now_ms(), self.interval_ms());
            let wait_ms = u32::try_from(wait_ms).unwrap_or(0);
            let inbox = self.inbox.clone();
            self.pending = Some(Timeout::new(wait_ms, move || {
                inbox.put(Input::ShowView);
            }));
        }
    }

    /// The node is being shown.
    pub(super) fn shown(&mut self) {
        self.pending = None;
        self.pace.shown(now_ms(), self.interval_ms());
    }

    fn interval_ms(&self) -> u64 {
        if self.is_visible {
            INTERVAL_MS
        } else {
            HIDDEN_INTERVAL_MS
        }
    }

    /// Someone looks, or nobody.
    pub(super) fn set_visible(&mut self, is_visible: bool) {
        self.is_visible = is_visible;
        if is_visible && self.pending.take().is_some() {
            self.inbox.put(Input::ShowView);
        }
    }
}

/// Lets one view come in each interval, and a few of them early.
struct Pace {
    /// When the last view's interval is over, milliseconds since 1970 UTC: later than now where views
    /// came early.
    over_ms: u64,
}

impl Pace {
    /// How long the next view has to wait. A clock that was set back makes nobody wait for longer.
    fn wait_ms(&self, now_ms: u64, interval_ms: u64) -> u64 {
        let due_ms = self.over_ms.saturating_sub(EARLY_VIEWS_MAX * interval_ms);
        due_ms.saturating_sub(now_ms).min(interval_ms)
    }

    /// A view was shown.
    fn shown(&mut self, now_ms: u64, interval_ms: u64) {
        let latest_ms = now_ms + EARLY_VIEWS_MAX * interval_ms;
        self.over_ms = self.over_ms.clamp(now_ms, latest_ms) + interval_ms;
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    /// Shows as many views as soon as they may come; returns the time that each had to wait.
    fn waits_ms(pace: &mut Pace, now_ms: &mut u64, views: usize) -> Vec<u64> {
        let mut view = || {
            let wait_ms = pace.wait_ms(*now_ms, INTERVAL_MS);
            *now_ms += wait_ms;
            pace.shown(*now_ms, INTERVAL_MS);
            wait_ms
        };
        (0..views).map(|_| view()).collect()
    }

    #[wasm_bindgen_test]
    fn the_views_of_a_start_wait_for_nothing_and_those_of_a_flood_for_their_turn() {
        let mut pace = Pace { over_ms: 0 };
        let mut now_ms = NOW_MS;
        assert_eq!(waits_ms(&mut pace, &mut now_ms, 5), [0; 5]);
        assert_eq!(waits_ms(&mut pace, &mut now_ms, 100), [INTERVAL_MS; 100]);
        now_ms += 60_000;
        assert_eq!(waits_ms(&mut pace, &mut now_ms, 5), [0; 5]);
    }

    #[wasm_bindgen_test]
    fn a_clock_that_is_set_back_makes_no_view_wait_for_longer() {
        let mut pace = Pace { over_ms: 0 };
        let mut now_ms = NOW_MS;
        waits_ms(&mut pace, &mut now_ms, 10);
        now_ms -= 3_600_000;
        for wait_ms in waits_ms(&mut pace, &mut now_ms, 10) {
            assert!(wait_ms <= INTERVAL_MS);
        }
    }
}
