//! Showing the node to the page: at most once a frame, however often it changes.

use gloo_timers::callback::Timeout;

use super::inbox::{Inbox, Input};

/// Time between two views at least: one frame at 60 a second.
const INTERVAL_MS: u32 = 16;
/// The same while nobody looks.
const HIDDEN_INTERVAL_MS: u32 = 250;

/// Decides when the page is shown the node.
pub(super) struct Views {
    inbox: Inbox,
    is_visible: bool,
    pending: Option<Timeout>,
}

impl Views {
    pub(super) fn new(inbox: Inbox) -> Self {
        Self {
            inbox,
            is_visible: true,
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
            let inbox = self.inbox.clone();
            self.pending = Some(Timeout::new(interval_ms, move || {
                inbox.put(Input::ShowView);
            }));
        }
    }

    /// The node is being shown.
    pub(super) fn shown(&mut self) {
        self.pending = None;
    }

    /// Someone looks, or nobody.
    pub(super) fn set_visible(&mut self, is_visible: bool) {
        self.is_visible = is_visible;
        if is_visible && self.pending.take().is_some() {
            self.inbox.put(Input::ShowView);
        }
    }
}
