//! A relay whose store was restored from an older copy: it takes what it lost from its members
//! before it issues anything new, and stops where it has issued something else meanwhile.
//!
//! A member presents the last entry of its log when it registers. The relay's own signature on it
//! is proof that the relay had it: nobody else can make the relay wait. docs/adr/0041.

use super::interface::{ConnectionId, Report, Urgency};
use super::{Followup, KNOWN_LENGTH_ROW, Loading, Peer, Relay};
use crate::chain::Checkpoint;
use crate::encoding::{List, decode};
use crate::finality::evidence::Evidence;
use crate::finality::log::Appended;
use crate::finality::{LogEntry, LogEvent};
use crate::limits::{CLAIM_AHEAD_MAX, REQUEST_TIMEOUT_MS};
use crate::message::{ErrorCode, Message, Remembered};
use crate::rejection::RejectionKind;
use crate::store::{Query, Row, Table, Write, number_key};

/// What is lacking, and who was asked for it.
#[derive(Debug)]
pub(super) struct Recovery {
    /// Entries that the relay is known to have signed.
    known_length: u64,
    /// Who has not answered yet.
    asked: Option<ConnectionId>,
    /// When a member is asked again.
    due_ms: Option<u64>,
}

impl Recovery {
    pub(super) fn new(known_length: u64) -> Self {
        Self {
            known_length,
            asked: None,
            due_ms: None,
        }
    }

    pub(super) fn due_ms(&self) -> Option<u64> {
        self.due_ms
    }
}

impl Relay {
    /// Whether the relay may issue terms, entries and decisions: not while it lacks entries that
    /// it has signed, and never again once it has signed two logs.
    pub(super) fn may_issue(&self) -> bool {
        self.lacking_entries() == 0 && !self.evidence.convicts_relay()
    }

    /// What a returning member remembers of this relay. Returns why it is refused, if it is.
    pub(super) fn compare(
        &mut self,
        now_ms: u64,
        connection: ConnectionId,
        remembered: &Remembered,
    ) -> Result<(), String> {
        if let Some(entry) = remembered.head.as_deref() {
            self.compare_head(now_ms, connection, entry)?;
        }
        let ahead = remembered.term.saturating_sub(self.term);
        if ahead <= CLAIM_AHEAD_MAX {
            // The next leader gets a later term than any that a member knows.
            self.term += ahead;
        } else {
            let reason = format!(
                "a term at most {CLAIM_AHEAD_MAX} ahead was expected, one {ahead} ahead came"
            );
            self.note_rejection(
                now_ms,
                Some(connection),
                RejectionKind::Registration,
                reason,
            );
        }
        Ok(())
    }

    fn compare_head(
        &mut self,
        now_ms: u64,
        connection: ConnectionId,
        entry: &LogEntry,
    ) -> Result<(), String> {
        let index = entry.record.index;
        if self
            .log
            .entry(index)
            .is_some_and(|own| own.record == entry.record)
        {
            return Ok(());
        }
        let signed = entry.record.network == self.log.network()
            && self
                .secret
                .public_key()
                .verify(&entry.record.statement(), &entry.signature)
                .is_ok();
        if !signed {
            return Err("the last log entry that you show is not this relay's".to_owned());
        }
        if index >= self.log.length() {
            if let Some(peer) = self.connections.get_mut(&connection) {
                peer.log_length = index.saturating_add(1);
            }
            self.learn_length(index.saturating_add(1));
        } else if let Some(own) = self.log.entry(index) {
            let evidence = Evidence::Log(Box::new((own.clone(), entry.clone())));
            self.accuse(now_ms, None, &evidence);
        } else {
            let query = Query::Keys {
                table: Table::Log,
                keys: vec![number_key(index)],
            };
            self.load(query, Loading::OldEntry(Box::new(entry.clone())));
        }
        Ok(())
    }

    /// The relay's own entry at the place of one that a member has shown.
    pub(super) fn compare_loaded(&mut self, now_ms: u64, shown: LogEntry, rows: &[Row]) {
        let own = rows
            .first()
            .and_then(|row| decode::<LogEntry>("log entry", &row.value).ok());
        if let Some(own) = own.filter(|own| own.record != shown.record) {
            self.accuse(now_ms, None, &Evidence::Log(Box::new((own, shown))));
        }
    }

    fn learn_length(&mut self, length: u64) {
        if length > self.recovery.known_length {
            self.recovery.known_length = length;
            let row = Write::put(Table::Meta, KNOWN_LENGTH_ROW, &length);
            self.write(vec![row], Vec::new());
            self.report(Report::Lost {
                entries: length.saturating_sub(self.log.length()),
            });
        }
    }

    /// Asks a member for the entries that are lacking: whoever has not been asked, then whoever was
    /// asked longest ago, one at a time.
    pub(super) fn recover(&mut self, now_ms: u64) {
        self.recovery.due_ms = None;
        if self.lacking_entries() == 0 || self.evidence.convicts_relay() {
            return;
        }
        let length = self.log.length();
        let due_ms = |peer: &Peer| peer.log_asked_ms.map(|at_ms| at_ms + REQUEST_TIMEOUT_MS);
        let asked = self
            .recovery
            .asked
            .and_then(|asked| self.connections.get(&asked));
        if let Some(answer_due_ms) = asked.and_then(due_ms).filter(|due_ms| *due_ms > now_ms) {
            self.recovery.due_ms = Some(answer_due_ms);
            return;
        }
        self.recovery.asked = None;
        let has_more = self.joined.iter().filter_map(|connection| {
            let peer = self.connections.get(connection)?;
            let told = peer.stage.member()?.status.log_length;
            (told.max(peer.log_length) > length)
                .then(|| (peer.log_asked_ms, due_ms(peer), *connection))
        });
        let Some((_, due_ms, connection)) = has_more.min() else {
            return;
        };
        if let Some(due_ms) = due_ms.filter(|due_ms| *due_ms > now_ms) {
            self.recovery.due_ms = Some(due_ms);
            return;
        }
        if let Some(peer) = self.connections.get_mut(&connection) {
            peer.log_asked_ms = Some(now_ms);
        }
        self.recovery.asked = Some(connection);
        self.recovery.due_ms = Some(now_ms + REQUEST_TIMEOUT_MS);
        self.send(connection, &Message::GetLog { from: length });
    }

    /// Entries that a member was asked for: verified like a stranger's, written, and told to all.
    pub(super) fn recovered(&mut self, now_ms: u64, from: ConnectionId, entries: Vec<LogEntry>) {
        if self.lacking_entries() == 0 {
            // Perhaps another one was asked meanwhile, and was faster.
            return;
        }
        if self.recovery.asked == Some(from) {
            self.recovery.asked = None;
        }
        let mut taken = Vec::new();
        let mut problem = None;
        for entry in entries {
            match self.log.append(&entry) {
                Ok(Appended::Held) => {}
                Ok(_) => taken.push(entry),
                Err(error) => {
                    problem = Some(error);
                    break;
                }
            }
        }
        if !taken.is_empty()
            && let Some(peer) = self.connections.get_mut(&from)
        {
            // It may have more.
            peer.log_asked_ms = None;
        }
        self.take(now_ms, taken);
        if let Some(error) = problem {
            if let Some(evidence) = self.log.contradiction(&error) {
                return self.accuse(now_ms, None, &evidence);
            }
            let reason = format!("a log entry was refused: {error}");
            self.refuse(now_ms, from, RejectionKind::LogEntry, &reason);
        }
        if self.lacking_entries() > 0 {
            return self.recover(now_ms);
        }
        self.recovery.due_ms = None;
        self.report(Report::Recovered {
            entries: self.log.length(),
        });
        self.elect_another();
        self.judge_finality(now_ms);
    }

    fn take(&mut self, now_ms: u64, entries: Vec<LogEntry>) {
        let mut rows = Vec::new();
        for entry in &entries {
            rows.push(Write::put(
                Table::Log,
                number_key(entry.record.index),
                entry,
            ));
            if let LogEvent::Decided {
                decision,
                certificate,
            } = &entry.record.event
            {
                self.term = self.term.max(certificate.round);
                self.replica.decide(Checkpoint {
                    height: decision.height,
                    hash: decision.block,
                });
            }
        }
        if !rows.is_empty() {
            self.replica.justify(None);
            let frame = Message::Log(List::truncated(entries)).to_frame();
            self.write(
                rows,
                vec![
                    Followup::Logged(self.log.summary()),
                    Followup::FanOut(None, frame.into(), Urgency::Soon),
                ],
            );
            self.advance(now_ms, None, &[]);
        }
    }

    /// The relay is proved to have signed two logs: it serves this network no more.
    pub(super) fn stop_forked(&mut self, now_ms: u64) {
        self.report(Report::Forked);
        self.leader = None;
        for connection in self.connections.keys().copied().collect::<Vec<_>>() {
            self.expel(now_ms, connection, ErrorCode::Forked, FORKED);
        }
    }

    /// Number of entries that the relay is known to have signed and does not have.
    pub(super) fn lacking_entries(&self) -> u64 {
        let known = self.recovery.known_length;
        known.saturating_sub(self.log.length())
    }
}

/// What everyone is told then.
pub(super) const FORKED: &str = "the relay has signed two different logs of this network, as one \
    does that was restored from a backup and went on without what it had lost: it has stopped this \
    network for good. Its operator restores the newer copy, or begins a new network";
