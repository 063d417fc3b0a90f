//! The decision log in the relay: what it writes into it, and the votes and checks that pass by.

use super::interface::{ConnectionId, Report, Urgency};
use super::{Followup, Relay};
use crate::chain::Checkpoint;
use crate::encoding::List;
use crate::finality::evidence::Evidence;
use crate::finality::log::LogError;
use crate::finality::mark::Standing;
use crate::finality::policy::{Facts, Verdict};
use crate::finality::voter::{BlockStanding, PresentMember, ProposalError};
use crate::finality::{LogEntry, LogEvent, LogRecord, Proposal, Roster, Step, Vote};
use crate::hash::BlockHash;
use crate::keys::PublicKey;
use crate::limits::{CHECK_REQUEST_INTERVAL_MS, PING_INTERVAL_MS};
use crate::message::{Certified, CheckAnswer, CheckQuery, CheckReport, Message};
use crate::rejection::RejectionKind;
use crate::store::{Table, Write, number_key};

impl Relay {
    /// A leader's proposal is passed on if it is the leader's.
    pub(super) fn proposal(
        &mut self,
        now_ms: u64,
        from: ConnectionId,
        proposal: &Proposal,
        frame: &[u8],
    ) {
        if !self.is_leader(from)
            || self.leader.map(|leader| leader.term) != Some(proposal.round)
            || self.key_of(from) != Some(proposal.proposer)
            || !self.may_issue()
        {
            // Perhaps of a leader that does not know yet that it has been replaced.
            return;
        }
        if let Err(error) = proposal.verify() {
            let reason = format!("a proposal was refused: {error}");
            return self.refuse(now_ms, from, RejectionKind::Proposal, &reason);
        }
        if let Some(last) = self.last_proposal.clone() {
            let both = Evidence::Proposals(Box::new((*last, proposal.clone())));
            if both.verify(self.network()).is_ok() {
                self.accuse(now_ms, None, &both);
                let reason = "a proposal was refused: it contradicts an earlier one of its term";
                return self.refuse(now_ms, from, RejectionKind::Proposal, reason);
            }
        }
        let justified = match self.justified_by(proposal) {
            Ok(justified) => justified,
            Err(error) => {
                let reason = format!("a proposal was refused: {error}");
                return self.refuse(now_ms, from, RejectionKind::Proposal, &reason);
            }
        };
        self.last_proposal = Some(Box::new(proposal.clone()));
        self.fan_out(Some(from), frame.into(), Urgency::Now);
        // Once in a term: whoever leads could have the chain go back and forth.
        let place = (self.log.length(), proposal.round);
        if self.is_due(proposal) && self.followed.replace(place) != Some(place) {
            self.follow_justified(now_ms, from, justified);
        }
    }

    /// The block that a quorum has prevoted, by what a proposal carries. What belongs to another end
    /// of the log, nobody here can judge.
    fn justified_by(&self, proposal: &Proposal) -> Result<Option<Checkpoint>, ProposalError> {
        let Some(valid) = proposal.valid.as_ref().filter(|_| self.is_due(proposal)) else {
            return Ok(None);
        };
        let Proposal {
            decision, round, ..
        } = proposal;
        if valid.round >= *round {
            return Err(ProposalError::ValidRound {
                round: *round,
                came: valid.round,
            });
        }
        if self.last_proposal.as_deref() != Some(proposal) {
            valid.verify(decision, self.log.roster(), Step::Prevote)?;
        }
        Ok(Some(Checkpoint {
            height: decision.height,
            hash: decision.block,
        }))
    }

    fn is_due(&self, proposal: &Proposal) -> bool {
        proposal.decision.instance == self.log.next_instance()
            && proposal.decision.forced_changes == self.log.forced_changes()
            && proposal.roster == self.log.roster_hash()
    }

    /// Evidence that a member shows: against one of the roster, who is here, a holder of stake, or
    /// the relay.
    pub(super) fn shown_evidence(&mut self, now_ms: u64, from: ConnectionId, evidence: &Evidence) {
        let (key, _) = evidence.accused(&self.network().relay);
        let is_known = key == self.network().relay
            || self.log.roster().index_of(&key).is_some()
            || self.members().any(|member| member.key == key)
            || self.replica.chain().holds_stake(&key);
        if is_known {
            self.accuse(now_ms, Some(from), evidence);
        }
    }

    /// Keeps evidence, and tells everyone. Where it convicts the relay itself, the relay stops.
    pub(super) fn accuse(&mut self, now_ms: u64, from: Option<ConnectionId>, evidence: &Evidence) {
        let (chain, roster) = (self.replica.chain(), self.log.roster());
        let matters = |key: &PublicKey| roster.index_of(key).is_some() || chain.holds_stake(key);
        match self.evidence.add(chain.network(), evidence, matters) {
            Ok(rows) if rows.is_empty() => {}
            Ok(rows) if self.evidence.convicts_relay() => {
                self.write(rows, Vec::new());
                self.stop_forked(now_ms);
            }
            Ok(rows) => {
                let conviction = evidence.conviction(&self.network().relay);
                self.report(Report::Convicted(conviction));
                let frame = Message::Evidence(Box::new(evidence.clone())).to_frame();
                self.write(
                    rows,
                    vec![Followup::FanOut(from, frame.into(), Urgency::Soon)],
                );
            }
            Err(error) => {
                let reason = format!("evidence was refused: {error}");
                match from {
                    Some(from) => self.refuse(now_ms, from, RejectionKind::Evidence, &reason),
                    None => self.note_rejection(now_ms, None, RejectionKind::Evidence, reason),
                }
            }
        }
    }

    /// A newcomer is told what is known.
    pub(super) fn tell_evidence(&mut self, connection: ConnectionId) {
        let known: Vec<_> = self.evidence.iter().cloned().map(Box::new).collect();
        for evidence in known {
            self.send(connection, &Message::Evidence(evidence));
        }
    }

    /// A vote for the next decision is passed on if it is a roster member's own, and only once
    /// the mark of its key is durable: whoever has a copy of the key will know of it.
    pub(super) fn vote(&mut self, now_ms: u64, from: ConnectionId, vote: &Vote, frame: &[u8]) {
        if self.log.roster().index_of(&vote.voter).is_none()
            || self.key_of(from) != Some(vote.voter)
            || vote.ballot.network != self.log.network()
            || vote.ballot.instance != self.log.next_instance()
            || vote.ballot.forced_changes != self.log.forced_changes()
            || vote.ballot.roster != self.log.roster_hash()
            || !self.may_issue()
        {
            // Perhaps of the roster before: a node need not know yet that it has changed.
            return;
        }
        if let Err(error) = vote.verify() {
            let reason = format!("a vote was refused: {error}");
            return self.refuse(now_ms, from, RejectionKind::Vote, &reason);
        }
        let log_length = self.log.length();
        let Some(mark) = self.mark_mut(&vote.voter) else {
            return;
        };
        let passed_on = vec![Followup::FanOut(Some(from), frame.into(), Urgency::Soon)];
        match mark.advance(log_length, *vote) {
            Standing::Newer => {
                self.write_member(vote.voter, Vec::new(), passed_on);
                if vote.ballot.step == Step::Precommit && vote.ballot.value.is_none() {
                    self.judge_finality(now_ms);
                }
            }
            // Its mark may still be under way.
            Standing::Same => self.write(Vec::new(), passed_on),
            // Others have had a later one of it.
            Standing::Older => {}
            Standing::Conflicting(first) => {
                let both = Evidence::Votes(Box::new((*first, *vote)));
                self.accuse(now_ms, None, &both);
                let reason = "a vote was refused: it contradicts an earlier one of its round";
                self.refuse(now_ms, from, RejectionKind::Vote, reason);
            }
        }
    }

    /// How many of the roster have said that the present term decides nothing.
    fn nil_precommits(&self) -> usize {
        let term = self.leader.map(|leader| leader.term);
        let marks = self.log.roster().members.iter().filter_map(|member| {
            let mark = self.member_row(member)?.mark.as_ref();
            mark.filter(|mark| mark.log_length == self.log.length())
        });
        marks
            .filter_map(|mark| mark.precommit)
            .filter(|vote| Some(vote.ballot.round) == term && vote.ballot.value.is_none())
            .count()
    }

    /// A certified decision is logged, and so final.
    pub(super) fn certified(&mut self, now_ms: u64, from: ConnectionId, certified: Certified) {
        let is_old = certified.decision.instance < self.log.next_instance()
            || certified.decision.forced_changes < self.log.forced_changes();
        if is_old || !self.may_issue() {
            // Perhaps of a leader that does not know the newest entry yet.
            return;
        }
        let decision = &certified.decision;
        let standing = self
            .replica
            .chain()
            .standing(decision.height, &decision.block);
        if standing == BlockStanding::Conflicting {
            let reason = "the certified block contradicts the last decision or is invalid";
            return self.refuse(now_ms, from, RejectionKind::Decision, reason);
        }
        let block = decision.block;
        let time_ms = self.network_time_ms(now_ms);
        match self.log.record_decided(certified.clone(), time_ms) {
            Ok(record) if self.holds(&block) => self.append(now_ms, record),
            Ok(_) => {
                self.awaited = Some((from, certified));
                match self.awaited_bodies() {
                    Some(_) => self.ask_bodies(now_ms, from, &block),
                    None => self.ask_headers(now_ms, from),
                }
            }
            Err(LogError::Instance { .. }) => {}
            Err(error) => {
                let reason = format!("a decision was refused: {error}");
                self.refuse(now_ms, from, RejectionKind::Decision, &reason);
            }
        }
    }

    /// Whether the relay has a block and all before it. A decision is logged only then: a block
    /// that nobody has could never be replaced once it is final (docs/adr/0052).
    fn holds(&self, block: &BlockHash) -> bool {
        let lacking = self.replica.chain().lacking_bodies(block);
        lacking.is_some_and(|lacking| lacking.is_empty())
    }

    /// Bodies that a certified decision waits for. Nothing where a header is lacking.
    pub(super) fn awaited_bodies(&self) -> Option<Vec<BlockHash>> {
        let (_, certified) = self.awaited.as_ref()?;
        let chain = self.replica.chain();
        chain.lacking_bodies(&certified.decision.block)
    }

    /// Logs the decision that waited for its block, once that is here.
    pub(super) fn log_awaited(&mut self, now_ms: u64) {
        let is_here = self
            .awaited_bodies()
            .is_some_and(|lacking| lacking.is_empty());
        if let Some((from, certified)) = self.awaited.take_if(|_| is_here) {
            self.certified(now_ms, from, certified);
        }
    }

    /// Asks the policy whether a roster or a leader has to be replaced.
    pub(super) fn judge_finality(&mut self, now_ms: u64) {
        if !self.may_issue() {
            self.policy_ms = None;
            return;
        }
        let present: Vec<_> = self
            .members()
            .map(|member| PresentMember {
                key: member.key,
                synced: member.status.synced,
                abstains: member.status.abstains,
                stays: member.status.stays,
            })
            .collect();
        let verdict = self.policy.judge(
            now_ms,
            &Facts {
                log: &self.log,
                tip_height: self.replica.chain().height(),
                term: self.leader.map(|leader| leader.term),
                present: &present,
                nil_precommits: self.nil_precommits(),
            },
        );
        match verdict {
            Verdict::Wait { until_ms } => self.policy_ms = until_ms,
            Verdict::ReplaceRoster(roster) => {
                self.policy_ms = Some(now_ms + PING_INTERVAL_MS);
                self.force(now_ms, roster);
            }
            Verdict::NewTerm => {
                self.policy_ms = Some(now_ms + PING_INTERVAL_MS);
                self.elect_another();
            }
        }
    }

    /// A member wants a check: the leader leads it.
    pub(super) fn pass_check_request(&mut self, now_ms: u64, from: ConnectionId) {
        let Some(peer) = self.connections.get_mut(&from) else {
            return;
        };
        let due_ms = peer
            .check_asked_ms
            .map_or(0, |at_ms| at_ms + CHECK_REQUEST_INTERVAL_MS);
        if now_ms < due_ms {
            peer.check_waits = true;
            let next_ms = self.check_ms.unwrap_or(due_ms);
            self.check_ms = Some(next_ms.min(due_ms));
            return;
        }
        peer.check_asked_ms = Some(now_ms);
        self.pass_to_leader(&Message::RequestCheck.to_frame());
    }

    /// Passes on what came too soon after the same member's last request.
    pub(super) fn wake_checks(&mut self, now_ms: u64) {
        if self.check_ms.is_none_or(|at_ms| at_ms > now_ms) {
            return;
        }
        self.check_ms = None;
        let waiting: Vec<_> = self
            .connections
            .iter_mut()
            .filter_map(|(connection, peer)| {
                core::mem::take(&mut peer.check_waits).then_some(*connection)
            })
            .collect();
        for connection in waiting {
            self.pass_check_request(now_ms, connection);
        }
    }

    pub(super) fn pass_check(&mut self, from: ConnectionId, query: &CheckQuery, frame: &[u8]) {
        let Some(member) = query.member else {
            return self.pass_from_leader(from, frame);
        };
        if self.is_leader(from)
            && let Some(connection) = self.connection_of(member)
        {
            self.send_frame(connection, frame.into());
        }
    }

    pub(super) fn pass_report(
        &mut self,
        now_ms: u64,
        from: ConnectionId,
        report: CheckReport,
        frame: &[u8],
    ) {
        if self.is_leader(from) {
            self.last_check = Some((self.network_time_ms(now_ms), report));
        }
        self.pass_from_leader(from, frame);
    }

    /// What comes from others is perhaps of a leader that does not know yet that it has been
    /// replaced.
    fn pass_from_leader(&mut self, from: ConnectionId, frame: &[u8]) {
        if self.is_leader(from) {
            self.fan_out(Some(from), frame.into(), Urgency::Soon);
        }
    }

    pub(super) fn pass_to_leader(&mut self, frame: &[u8]) {
        let leader = self.leader.and_then(|leader| self.connection_of(leader.id));
        if let Some(leader) = leader {
            self.send_frame(leader, frame.into());
        }
    }

    /// A member's answer to the leader's question is passed on if it is its own.
    pub(super) fn pass_answer(
        &mut self,
        now_ms: u64,
        from: ConnectionId,
        answer: &CheckAnswer,
        frame: &[u8],
    ) {
        if self.key_of(from) != Some(answer.key) {
            let reason = "an answer in a check was expected from its own member, another's came";
            return self.refuse(now_ms, from, RejectionKind::Check, reason);
        }
        match answer.verify(&self.log.network()) {
            Ok(()) => self.pass_to_leader(frame),
            Err(error) => {
                let reason = format!("an answer in a check was refused: {error}");
                self.refuse(now_ms, from, RejectionKind::Check, &reason);
            }
        }
    }

    pub(super) fn key_of(&self, connection: ConnectionId) -> Option<PublicKey> {
        let peer = self.connections.get(&connection)?;
        peer.stage.member().map(|member| member.key)
    }

    fn is_leader(&self, connection: ConnectionId) -> bool {
        let member = self
            .connections
            .get(&connection)
            .and_then(|peer| peer.stage.member());
        member.is_some_and(|member| self.leader.is_some_and(|leader| leader.id == member.id))
    }

    fn connection_of(&self, id: crate::message::MemberId) -> Option<ConnectionId> {
        self.joined.iter().copied().find(|connection| {
            self.connections
                .get(connection)
                .and_then(|peer| peer.stage.member())
                .is_some_and(|member| member.id == id)
        })
    }

    fn force(&mut self, now_ms: u64, roster: Roster) {
        match self.log.record_forced(roster, self.network_time_ms(now_ms)) {
            Ok(record) => {
                self.append(now_ms, record);
                self.elect_another();
            }
            Err(error) => {
                self.note_rejection(now_ms, None, RejectionKind::LogEntry, error.to_string())
            }
        }
    }

    /// Signs and appends a record, and tells everyone once it is durable.
    fn append(&mut self, now_ms: u64, record: LogRecord) {
        let entry = LogEntry {
            signature: self.secret.sign(&record.statement()),
            record,
        };
        if let Err(error) = self.log.append(&entry) {
            return self.note_rejection(now_ms, None, RejectionKind::LogEntry, error.to_string());
        }
        match &entry.record.event {
            LogEvent::Decided { decision, .. } => {
                self.report(Report::Decided {
                    height: decision.height,
                });
                self.replica.decide(Checkpoint {
                    height: decision.height,
                    hash: decision.block,
                });
            }
            LogEvent::Forced { new_roster, .. } => {
                let members = new_roster.members.len();
                self.report(Report::Forced { members });
            }
        }
        self.replica.justify(None);
        let row = Write::put(Table::Log, number_key(entry.record.index), &entry);
        let frame = Message::Log(List::truncated([entry])).to_frame();
        self.write(
            vec![row],
            vec![
                Followup::Logged(self.log.summary()),
                Followup::FanOut(None, frame.into(), Urgency::Now),
            ],
        );
        self.advance(now_ms, None, &[]);
        self.judge_finality(now_ms);
    }
}
