//! Showing the node to the page: a change after a quiet time at once, many of them together.

use gloo_timers::callback::Timeout;

use super::inbox::{Inbox, Input};
use crate::js::now_ms;

/// Time between two views at least: of 60 frames a second two in three are left to the page, however
/// much happens.
const INTERVAL_MS: u64 = 50;
/// The same while nobody looks.
const HIDDEN_INTERVAL_MS: u64 = 250;

/// Decides when the page is shown the node.
pub(super) struct Views {
    inbox: Inbox,
    is_visible: bool,
    /// When the page was last shown the node, milliseconds since 1970 UTC.
    shown_ms: u64,
    pending: Option<Timeout>,
}

impl Views {
    pub(super) fn new(inbox: Inbox) -> Self {
        Self {
            inbox,
            is_visible: true,
            shown_ms: 0,
            pending: None,
        }
    }

    /// The node has changed: it will be shown.
    pub(super) fn changed(&mut self) {
        if self.pending.is_none() {
            let interval_ms = if self.is_visible {
                INTERVAL_MS
            } else {
                HIDDEN_INTERVAL_MS
            };
            // A clock that was set back makes nobody wait for longer.
            let passed_ms = now_ms().checked_sub(self.shown_ms).unwrap_or(interval_ms);
            let left_ms = u32::try_from(interval_ms.saturating_sub(passed_ms)).unwrap_or(0);
            let inbox = self.inbox.clone();
            self.pending = Some(Timeout::new(left_ms, move || {
                inbox.put(Input::ShowView);
            }));
        }
    }

    /// The node is being shown.
    pub(super) fn shown(&mut self) {
        self.pending = None;
        self.shown_ms = now_ms();
    }

    /// Someone looks, or nobody.
    pub(super) fn set_visible(&mut self, is_visible: bool) {
        self.is_visible = is_visible;
        if is_visible && self.pending.take().is_some() {
            self.inbox.put(Input::ShowView);
        }
    }
}
