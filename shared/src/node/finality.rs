//! The voter in the node: what it is told, and what it wants done.

use super::{Followup, Ledger, Node, Signing};
use crate::chain::Checkpoint;
use crate::finality::evidence::{Evidence, EvidenceError};
use crate::finality::log::DecisionLog;
use crate::finality::mark::VoteMark;
use crate::finality::voter::{Action, BlockStanding, ChainOracle, PresentMember, Voter};
use crate::finality::{Proposal, Vote};
use crate::hash::{BlockHash, Hash};
use crate::keys::{PublicKey, Signature};
use crate::message::{ErrorCode, Member, MemberId, Message};
use crate::rejection::RejectionKind;
use crate::replica::Replica;
use crate::store::{Table, Write};
use std::collections::VecDeque;

use litemap::LiteMap;

/// The block that the log's last decision stands on.
pub(super) fn checkpoint(log: &DecisionLog) -> Option<Checkpoint> {
    let last = log.last();
    (last.instance > 0).then_some(Checkpoint {
        height: last.height,
        hash: last.block,
    })
}

/// What the voter sees of the node around it.
struct Surroundings<'a> {
    replica: &'a Replica,
    key: PublicKey,
    stays: bool,
    members: &'a LiteMap<MemberId, Member>,
    left: &'a VecDeque<(u64, PublicKey)>,
}

impl ChainOracle for Surroundings<'_> {
    fn standing(&self, height: u64, block: &BlockHash) -> BlockStanding {
        self.replica.chain().standing(height, block)
    }

    fn history_root_to(&self, height: u64, block: &BlockHash) -> Option<Hash> {
        self.replica.chain().history_root_to(height, block)
    }

    fn tip(&self) -> (u64, BlockHash) {
        let tip = self.replica.chain().tip();
        (tip.height, tip.hash)
    }

    fn is_present(&self, member: &PublicKey) -> bool {
        self.members.values().any(|present| present.key == *member)
            || self.left.iter().any(|(_, left)| left == member)
    }

    fn means_to_stay(&self) -> bool {
        self.stays
    }

    fn present(&self) -> Vec<PresentMember> {
        self.members
            .values()
            .map(|member| PresentMember {
                key: member.key,
                synced: member.status.synced || member.key == self.key,
                abstains: member.status.abstains,
                stays: member.status.stays,
            })
            .collect()
    }
}

impl Node {
    pub(super) fn proposal(&mut self, now_ms: u64, proposal: Proposal) {
        let mut refused = None;
        self.vote_step(|voter, oracle| {
            voter.on_proposal(proposal, oracle).unwrap_or_else(|error| {
                refused = Some(error.to_string());
                Vec::new()
            })
        });
        if let Some(reason) = refused {
            let reason = format!("a proposal was refused: {reason}");
            self.reject(now_ms, RejectionKind::Proposal, reason);
        }
    }

    pub(super) fn vote(&mut self, now_ms: u64, vote: Vote) {
        let mut refused = None;
        self.vote_step(|voter, oracle| {
            voter.on_vote(vote, oracle).unwrap_or_else(|error| {
                refused = Some(error.to_string());
                Vec::new()
            })
        });
        if let Some(reason) = refused {
            let reason = format!("a vote was refused: {reason}");
            self.reject(now_ms, RejectionKind::Vote, reason);
        }
    }

    /// The relay's account of how far this key has voted.
    pub(super) fn marked(&mut self, now_ms: u64, mark: Option<VoteMark>) {
        let voter = self.ledger.as_mut().map(|ledger| &mut ledger.voter);
        if let Some(Err(error)) = voter.map(|voter| voter.on_marked(mark)) {
            let reason = format!("the relay's account of this key's votes was refused: {error}");
            self.reject(now_ms, RejectionKind::Vote, reason);
        }
    }

    pub(super) fn votes_persisted(&mut self, number: u64) {
        self.vote_step(|voter, _| voter.on_persisted(number));
    }

    pub(super) fn vote_signed(&mut self, number: u64, signature: Signature) {
        self.vote_step(|voter, oracle| voter.on_signed(number, signature, oracle));
    }

    pub(super) fn chain_changed(&mut self) {
        self.vote_step(|voter, oracle| voter.on_chain_changed(oracle));
    }

    pub(super) fn log_appended(&mut self) {
        self.vote_step_with_log(|voter, log, oracle| voter.on_log_appended(log, oracle));
    }

    pub(super) fn rejoin_vote(&mut self) {
        self.vote_step(|voter, _| voter.on_connected());
    }

    pub(super) fn presence_changed(&mut self, joined: &[PublicKey]) {
        if let Some(leader) = self.leader {
            self.vote_step(|voter, oracle| voter.set_term(&leader, oracle));
        }
        for key in joined {
            if *key != self.key {
                self.vote_step(|voter, _| voter.on_member_joined(key));
            }
        }
        self.chain_changed();
    }

    fn vote_step(&mut self, step: impl FnOnce(&mut Voter, &dyn ChainOracle) -> Vec<Action>) {
        self.vote_step_with_log(|voter, _, oracle| step(voter, oracle));
    }

    fn vote_step_with_log(
        &mut self,
        step: impl FnOnce(&mut Voter, &DecisionLog, &dyn ChainOracle) -> Vec<Action>,
    ) {
        let Some(Ledger {
            replica,
            voter,
            log,
            ..
        }) = &mut self.ledger
        else {
            return;
        };
        let network = replica.chain().network_id();
        let oracle = Surroundings {
            replica,
            key: self.key,
            stays: self.stays,
            members: &self.members,
            left: &self.left,
        };
        let actions = step(voter, log, &oracle);
        let found = voter.take_evidence();
        for action in actions {
            match action {
                Action::Persist { number, state } => {
                    let row = Write::put(Table::Votes, network.0, &*state);
                    self.write(vec![row], vec![Followup::Persisted(number)]);
                }
                Action::Sign { number, statement } => {
                    self.sign(statement, Signing::Voter(number));
                }
                Action::Send(message) => self.send(&message),
            }
        }
        self.show_evidence(found);
    }

    /// Shows what has come up: the voter or the chain has verified what it accuses somebody of.
    pub(super) fn show_evidence(&mut self, found: impl IntoIterator<Item = Evidence>) {
        for evidence in found {
            if self.accuse(&evidence).is_ok() {
                self.send(&Message::Evidence(Box::new(evidence)));
            }
        }
    }

    pub(super) fn evidence(&mut self, now_ms: u64, evidence: &Evidence) {
        if let Err(error) = self.accuse(evidence) {
            let reason = format!("evidence was refused: {error}");
            self.reject(now_ms, RejectionKind::Evidence, reason);
        }
    }

    /// Keeps evidence that has come up or come in. A relay that it convicts is not trusted again.
    pub(super) fn accuse(&mut self, evidence: &Evidence) -> Result<(), EvidenceError> {
        let Some(ledger) = &mut self.ledger else {
            return Ok(());
        };
        let (chain, roster) = (ledger.replica.chain(), ledger.log.roster());
        let matters = |key: &PublicKey| roster.index_of(key).is_some() || chain.holds_stake(key);
        let rows = ledger.evidence.add(chain.network(), evidence, matters)?;
        if !rows.is_empty() {
            self.write(rows, Vec::new());
            self.view_changed = true;
            self.distrust();
        }
        Ok(())
    }

    /// Stays away from a relay that has signed two logs. Returns whether it has.
    pub(super) fn distrust(&mut self) -> bool {
        let ledger = self.ledger.as_ref();
        let is_convicted = ledger.is_some_and(|ledger| ledger.evidence.convicts_relay());
        if is_convicted {
            self.refuse(
                ErrorCode::Forked,
                "the relay has signed two different logs: what it calls final need not be what \
                 others are told. This node keeps its own and the proof; start afresh to trust \
                 the relay again",
            );
        }
        is_convicted
    }
}
