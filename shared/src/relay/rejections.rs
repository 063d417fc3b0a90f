//! What the relay refuses: counted for whoever sent it, answered, and borne up to a limit.

use std::collections::BTreeMap;

use super::Relay;
use super::interface::{ConnectionId, Report};
use crate::limits::PEER_ERRORS_PER_MINUTE_MAX;
use crate::message::{ErrorCode, MemberId};
use crate::rejection::{Rejection, RejectionCounts, RejectionKind};

/// What is refused of a node that says something before it may, and how its connection ends.
pub(super) const OUT_OF_TURN: (RejectionKind, ErrorCode) =
    (RejectionKind::OutOfTurn, ErrorCode::Malformed);

impl Relay {
    /// Refuses something of a member's; too many of these end its connection.
    pub(super) fn refuse(
        &mut self,
        now_ms: u64,
        from: ConnectionId,
        kind: RejectionKind,
        reason: &str,
    ) {
        self.note_rejection(now_ms, Some(from), kind, reason.to_owned());
        let Some(peer) = self.connections.get_mut(&from) else {
            return;
        };
        if peer.errors.spend(now_ms) {
            self.send_error(from, ErrorCode::Invalid, reason);
        } else {
            let reason = format!(
                "more than {PEER_ERRORS_PER_MINUTE_MAX} errors within a minute, the last: {reason}"
            );
            self.expel(now_ms, from, ErrorCode::Misbehaved, &reason);
        }
    }

    /// Refuses something for which nobody gets a second try.
    pub(super) fn turn_away(
        &mut self,
        now_ms: u64,
        from: ConnectionId,
        (kind, code): (RejectionKind, ErrorCode),
        reason: &str,
    ) {
        self.note_rejection(now_ms, Some(from), kind, reason.to_owned());
        self.expel(now_ms, from, code, reason);
    }

    /// Counts a rejection, for whoever caused it and for all, and reports it.
    pub(super) fn note_rejection(
        &mut self,
        now_ms: u64,
        from: Option<ConnectionId>,
        kind: RejectionKind,
        reason: String,
    ) {
        let time_ms = self.network_time_ms(now_ms);
        self.rejected.add(kind);
        let peer = from.and_then(|from| self.connections.get_mut(&from));
        let key = peer.and_then(|peer| {
            peer.rejected.add(kind);
            peer.stage.key().copied()
        });
        self.report(Report::Rejected {
            key,
            rejection: Rejection {
                time_ms,
                kind,
                reason,
            },
        });
    }

    pub(super) fn rejected_by_member(&self) -> BTreeMap<MemberId, RejectionCounts> {
        let joined = self.joined.iter();
        let peers = joined.filter_map(|connection| self.connections.get(connection));
        peers
            .filter(|peer| peer.rejected != RejectionCounts::default())
            .filter_map(|peer| Some((peer.stage.member()?.id, peer.rejected.clone())))
            .collect()
    }
}
