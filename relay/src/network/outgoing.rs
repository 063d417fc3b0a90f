//! When frames that are queued for sockets are written.
//!
//! A message to one member goes out as soon as there is nothing else to do. One to many members
//! costs a call to the system for each of them: those that follow closely upon each other go out
//! together ([ADR 0063](../../../docs/adr/0063-fan-out-in-steps.md)), unless one is urgent.

use std::time::{Duration, Instant};

use shared::relay::interface::{ConnectionId, Urgency};

use crate::limits::{FAN_OUT_PAUSE_MAX, FAN_OUT_PAUSE_PER_SOCKET, FAN_OUTS_GATHERED_MAX};

/// What is queued and not written.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    /// Sockets for which something was queued that is for nobody else.
    single: Vec<ConnectionId>,
    /// Messages to many that were queued.
    fan_outs: usize,
    /// Whether one of these is not to wait for others.
    is_urgent: bool,
    /// Before this, messages to many wait for others.
    paused_until: Option<Instant>,
    /// When the oldest of all that was queued.
    since: Option<Instant>,
}

/// Which sockets are to be written to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Due {
    These(Vec<ConnectionId>),
    All,
}

impl Outgoing {
    /// Notes that a frame was queued for these sockets.
    pub(super) fn queued(&mut self, connections: &[ConnectionId], urgency: Urgency, now: Instant) {
        match connections {
            [] => return,
            [one] => self.single.push(*one),
            _ => {
                self.fan_outs += 1;
                self.is_urgent |= urgency == Urgency::Now;
            }
        }
        self.since.get_or_insert(now);
    }

    /// Takes out what is to be written by now, and since when the oldest of it has waited.
    /// `is_free` says that there is nothing else to do, or that there was enough of it;
    /// `are_writing` that what was taken out before is being written, for which only what is urgent
    /// does not wait; `sockets` is how many there are.
    pub(super) fn take_due(
        &mut self,
        now: Instant,
        is_free: bool,
        are_writing: bool,
        sockets: usize,
    ) -> Option<(Due, Instant)> {
        let is_over = self.paused_until.is_none_or(|until| until <= now);
        let are_enough = self.fan_outs >= FAN_OUTS_GATHERED_MAX;
        let are_due = !are_writing && (is_over || are_enough);
        if self.fan_outs > 0 && (are_due || is_free && self.is_urgent) {
            self.fan_outs = 0;
            self.is_urgent = false;
            self.single.clear();
            self.paused_until = now.checked_add(pause(sockets));
            return Some((Due::All, self.since.take()?));
        }
        if !is_free || self.single.is_empty() {
            return None;
        }
        let single = core::mem::take(&mut self.single);
        let since = if self.fan_outs == 0 {
            self.since.take()
        } else {
            self.since
        };
        Some((Due::These(single), since?))
    }

    /// When something is to be written that nothing but time holds back.
    pub(super) fn deadline(&self, are_writing: bool) -> Option<Instant> {
        self.paused_until
            .filter(|_| self.fan_outs > 0 && !are_writing)
    }
}

/// Between the beginnings of two fan-outs.
fn pause(sockets: usize) -> Duration {
    let sockets = u32::try_from(sockets).unwrap_or(u32::MAX);
    FAN_OUT_PAUSE_PER_SOCKET
        .saturating_mul(sockets)
        .min(FAN_OUT_PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: [ConnectionId; 3] = [1, 2, 3];
    /// Enough for the longest pause.
    const SOCKETS: usize = 10_000;
    const TICK: Duration = Duration::from_millis(1);

    fn at(ticks: u32) -> Instant {
        static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *START.get_or_init(Instant::now) + TICK * ticks
    }

    #[test]
    fn a_message_to_all_goes_out_at_once_and_those_after_it_together() {
        let mut outgoing = Outgoing::default();
        outgoing.queued(&ROOM, Urgency::Soon, at(0));
        assert_eq!(outgoing.deadline(false), None);
        let due = outgoing.take_due(at(0), true, false, SOCKETS);
        assert_eq!(due, Some((Due::All, at(0))));

        outgoing.queued(&ROOM, Urgency::Soon, at(1));
        outgoing.queued(&ROOM, Urgency::Soon, at(2));
        assert_eq!(outgoing.take_due(at(2), true, false, SOCKETS), None);
        let over = at(0) + FAN_OUT_PAUSE_MAX;
        assert_eq!(outgoing.deadline(false), Some(over));
        // Also while there is other work.
        let due = outgoing.take_due(over, false, false, SOCKETS);
        assert_eq!(due, Some((Due::All, at(1))));
        assert_eq!(outgoing.deadline(false), None);
        assert_eq!(outgoing.take_due(over + TICK, true, false, SOCKETS), None);
    }

    #[test]
    fn a_message_to_one_waits_for_none_to_all() {
        let mut outgoing = Outgoing::default();
        outgoing.queued(&ROOM, Urgency::Soon, at(0));
        outgoing.take_due(at(0), true, false, SOCKETS);
        outgoing.queued(&ROOM, Urgency::Soon, at(1));
        outgoing.queued(&[2], Urgency::Now, at(2));
        assert_eq!(outgoing.take_due(at(2), false, false, SOCKETS), None);
        let due = outgoing.take_due(at(2), true, false, SOCKETS);
        assert_eq!(due, Some((Due::These(vec![2]), at(1))));
        assert_eq!(outgoing.take_due(at(3), true, false, SOCKETS), None);
    }

    #[test]
    fn enough_messages_to_all_do_not_wait() {
        let mut outgoing = Outgoing::default();
        outgoing.queued(&ROOM, Urgency::Soon, at(0));
        outgoing.take_due(at(0), true, false, SOCKETS);
        for _ in 0..FAN_OUTS_GATHERED_MAX {
            assert_eq!(outgoing.take_due(at(1), true, false, SOCKETS), None);
            outgoing.queued(&ROOM, Urgency::Soon, at(1));
        }
        // Also while there is other work.
        let due = outgoing.take_due(at(1), false, false, SOCKETS);
        assert_eq!(due, Some((Due::All, at(1))));
    }

    #[test]
    fn what_is_urgent_takes_along_what_waits() {
        let mut outgoing = Outgoing::default();
        outgoing.queued(&ROOM, Urgency::Soon, at(0));
        outgoing.take_due(at(0), true, false, SOCKETS);
        outgoing.queued(&ROOM, Urgency::Soon, at(1));
        outgoing.queued(&ROOM, Urgency::Now, at(2));
        assert_eq!(outgoing.take_due(at(2), false, false, SOCKETS), None);
        let due = outgoing.take_due(at(2), true, false, SOCKETS);
        assert_eq!(due, Some((Due::All, at(1))));
        outgoing.queued(&ROOM, Urgency::Soon, at(3));
        assert_eq!(outgoing.take_due(at(3), true, false, SOCKETS), None);
    }

    #[test]
    fn while_others_are_written_only_what_is_urgent_goes_out() {
        let mut outgoing = Outgoing::default();
        for _ in 0..FAN_OUTS_GATHERED_MAX {
            outgoing.queued(&ROOM, Urgency::Soon, at(0));
        }
        assert_eq!(outgoing.take_due(at(0), true, true, SOCKETS), None);
        assert_eq!(outgoing.deadline(true), None);
        outgoing.queued(&[2], Urgency::Now, at(1));
        let due = outgoing.take_due(at(1), true, true, SOCKETS);
        assert_eq!(due, Some((Due::These(vec![2]), at(0))));
        outgoing.queued(&ROOM, Urgency::Now, at(2));
        let due = outgoing.take_due(at(2), true, true, SOCKETS);
        assert_eq!(due, Some((Due::All, at(0))));
    }

    #[test]
    fn few_sockets_pause_for_less() {
        assert_eq!(pause(2), 2 * FAN_OUT_PAUSE_PER_SOCKET);
        assert_eq!(pause(SOCKETS), FAN_OUT_PAUSE_MAX);
    }
}
