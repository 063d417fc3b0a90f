//! Presence and leadership: pings, evictions, and who leads since which term.

use super::interface::{ConnectionId, Report, Urgency};
use super::registration::Stage;
use super::{Followup, Relay, TERM_ROW};
use crate::encoding::List;
use crate::limits::{PING_INTERVAL_MS, PING_MISSES_MAX, PRESENCE_DELAY_MS, STARTUP_GRACE_MS};
use crate::message::{ErrorCode, Leader, Member, MemberId, Message, NodeStatus, Presence};
use crate::store::{Table, Write};

impl Relay {
    /// Everyone who is here.
    pub(super) fn everyone(&self) -> Presence {
        Presence {
            complete: true,
            present: List::truncated(self.members().cloned()),
            left: List::default(),
            leader: self.leader,
        }
    }

    pub(super) fn member_joined(&mut self, now_ms: u64, id: MemberId) {
        if self.next_ping_ms.is_none() {
            self.next_ping_ms = Some(now_ms + PING_INTERVAL_MS);
        }
        self.note_change(now_ms, id);
    }

    pub(super) fn closed(&mut self, now_ms: u64, connection: ConnectionId, evicted: bool) {
        let Some(peer) = self.connections.remove(&connection) else {
            return;
        };
        self.serving.forget(connection);
        if let Some(key) = peer.stage.key() {
            self.release_member(key);
        }
        if !self.joined.remove(&connection) {
            return;
        }
        self.recover(now_ms);
        let Stage::Joined(member) = peer.stage else {
            return;
        };
        self.report(Report::Left {
            key: member.key,
            evicted,
        });
        self.changed.remove(&member.id);
        self.gone.insert(member.id);
        self.flush_soon(now_ms);
        if self.joined.is_empty() {
            self.next_ping_ms = None;
        }
        if self.leader.is_some_and(|leader| leader.id == member.id) {
            self.leader = None;
        }
        self.elect();
        self.judge_finality(now_ms);
    }

    pub(super) fn status(&mut self, now_ms: u64, connection: ConnectionId, status: NodeStatus) {
        let Some(Stage::Joined(member)) = self
            .connections
            .get_mut(&connection)
            .map(|peer| &mut peer.stage)
        else {
            return;
        };
        if member.status != status {
            member.status = status;
            let id = member.id;
            self.note_change(now_ms, id);
            self.elect();
            self.judge_finality(now_ms);
            self.recover(now_ms);
        }
    }

    pub(super) fn wake_presence(&mut self, now_ms: u64) {
        if self.next_ping_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.ping_all(now_ms);
        }
        if self.flush_ms.is_some_and(|at_ms| at_ms <= now_ms) {
            self.flush();
        }
    }

    /// Names a leader where there is none and somebody can lead: preferably one whose tab is not
    /// throttled.
    pub(super) fn elect(&mut self) {
        if self.leader.is_none() {
            self.appoint(|member| (!member.status.visible, member.id));
        }
    }

    /// Names another leader than the present one, if there is anyone else: in turn, whoever can be
    /// seen, so that a few who say that of themselves cannot keep it among them.
    pub(super) fn elect_another(&mut self) {
        match self.leader {
            Some(present) => self.appoint(|member| (member.id <= present.id, member.id)),
            None => self.elect(),
        }
    }

    pub(super) fn lead(&mut self, now_ms: u64, leader: Leader) {
        let is_present = self.members().any(|member| member.id == leader.id);
        let present = self.leader.map_or(0, |present| present.term);
        if leader.term <= present || !self.may_issue() {
            return;
        }
        self.leader = is_present.then_some(leader);
        self.report(Report::Led(self.leader));
        self.flush();
        if !is_present {
            self.elect();
        }
        self.judge_finality(now_ms);
    }

    /// Names the first in an order. Its term is durable before anyone hears of it. Who abstains can
    /// propose nothing: it leads only where all do.
    fn appoint(&mut self, place: impl Fn(&Member) -> (bool, MemberId)) {
        if !self.may_issue() {
            return;
        }
        let candidate = self
            .members()
            .filter(|member| member.status.synced && member.status.stays)
            .min_by_key(|member| (member.status.abstains, place(member)));
        let Some(candidate) = candidate else {
            return;
        };
        let is_pending = self.after_write.values().flatten().any(
            |followup| matches!(followup, Followup::Lead(leader) if leader.id == candidate.id),
        );
        if is_pending {
            return;
        }
        let (id, key) = (candidate.id, candidate.key);
        self.term += 1;
        let leader = Leader {
            id,
            key,
            term: self.term,
        };
        let row = Write::put(Table::Meta, TERM_ROW, &self.term);
        self.write(vec![row], vec![Followup::Lead(leader)]);
    }

    fn ping_all(&mut self, now_ms: u64) {
        let may_evict = now_ms >= self.started_ms + STARTUP_GRACE_MS;
        let mut evicted = Vec::new();
        for connection in &self.joined {
            let Some(peer) = self.connections.get_mut(connection) else {
                continue;
            };
            if peer.is_ping_open {
                peer.misses += 1;
            }
            peer.is_ping_open = true;
            if peer.misses >= PING_MISSES_MAX && may_evict {
                evicted.push(*connection);
            }
        }
        for connection in evicted {
            let reason = format!("{PING_MISSES_MAX} pings in a row were not answered");
            self.expel(now_ms, connection, ErrorCode::Unresponsive, &reason);
        }
        self.ping += 1;
        let ping = Message::Ping {
            sequence: self.ping,
            relay_time_ms: self.network_time_ms(now_ms),
        };
        self.fan_out(None, ping.to_frame().into(), Urgency::Soon);
        self.next_ping_ms = (!self.joined.is_empty()).then_some(now_ms + PING_INTERVAL_MS);
    }

    fn note_change(&mut self, now_ms: u64, id: MemberId) {
        self.changed.insert(id);
        self.flush_soon(now_ms);
    }

    fn flush_soon(&mut self, now_ms: u64) {
        self.flush_ms.get_or_insert(now_ms + PRESENCE_DELAY_MS);
    }

    /// Tells everyone who joined, changed or left, and who leads.
    fn flush(&mut self) {
        self.flush_ms = None;
        let changed = core::mem::take(&mut self.changed);
        let gone = core::mem::take(&mut self.gone);
        let present: Vec<Member> = self
            .members()
            .filter(|member| changed.contains(&member.id))
            .cloned()
            .collect();
        let presence = Message::Presence(Presence {
            complete: false,
            present: List::truncated(present),
            left: List::truncated(gone),
            leader: self.leader,
        });
        self.fan_out(None, presence.to_frame().into(), Urgency::Soon);
    }
}
