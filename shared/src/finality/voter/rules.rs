//! The rules of the algorithm. The lines named are those of arXiv 1807.04938, algorithm 1.

use super::{Action, BlockStanding, ChainOracle, Proposed, Statement, Voter};
use crate::encoding::List;
use crate::finality::{Ballot, Decision, Proposal, Roster, Step};
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::limits::{DECISION_INTERVAL_BLOCKS, ROSTER_MEMBERS_MAX};
use crate::message::{Certified, Message, Term};

/// What a voter makes of a proposed decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    Acceptable,
    NotYet,
    Refused,
}

impl Voter {
    /// Does what the rules of the algorithm allow now.
    pub(super) fn advance(&mut self, oracle: &dyn ChainOracle) -> Vec<Action> {
        let mut actions = Vec::new();
        self.certify(&mut actions);
        if let Some(newest) = self.quorum_of_any_round(Step::Prevote) {
            self.note_justified(newest);
        }
        if let Some(term) = self.term
            && self.may_act()
        {
            self.note_valid(oracle);
            self.propose(term, oracle);
            if self.log.roster.index_of(&self.key).is_some() {
                self.prevote(term, oracle);
                self.precommit(term, oracle);
            }
        }
        self.persist(&mut actions);
        actions
    }

    /// Not while the log is shorter than what was voted under, nor where the relay's mark forbids
    /// it.
    fn may_act(&self) -> bool {
        self.state.log_length == self.log.length
            && self.state.instance == self.log.instance
            && !self.abstains()
    }

    /// Lines 49 to 54: more than two thirds precommitted, in whatever round.
    fn certify(&mut self, actions: &mut Vec<Action>) {
        if self.certified.is_none() {
            self.certified = self.quorum_of_any_round(Step::Precommit);
        }
        if let Some(certified) = &self.certified
            && self.leads()
            && self.certified_sent_in != self.term
        {
            self.certified_sent_in = self.term;
            actions.push(Action::Send(Box::new(Message::Certified(Box::new(
                certified.clone(),
            )))));
        }
    }

    /// Lines 14 to 19: the leader proposes what was valid before, or else the tip.
    fn propose(&mut self, term: Term, oracle: &dyn ChainOracle) {
        let before = self.state.proposed.as_ref();
        if !self.leads()
            || self.certified.is_some()
            || before.is_some_and(|proposed| proposed.round >= term)
        {
            return;
        }
        let (decision, valid) = match &self.state.valid {
            Some(valid) if valid.certificate.round >= term => return,
            Some(valid) => (valid.decision.clone(), Some(valid.certificate.clone())),
            None => match self.next_decision(oracle) {
                Some(decision) => (decision, None),
                None => return,
            },
        };
        let proposed = Proposed {
            round: term,
            decision,
            valid,
        };
        self.state.proposed = Some(proposed.clone());
        self.unwritten.push(Statement::Proposal(Box::new(proposed)));
    }

    fn next_decision(&self, oracle: &dyn ChainOracle) -> Option<Decision> {
        let (height, block) = oracle.tip();
        let due = self
            .log
            .decided_height
            .saturating_add(DECISION_INTERVAL_BLOCKS);
        if height < due
            || self.log.roster.members.is_empty()
            || oracle.standing(height, &block) != BlockStanding::Executed
        {
            return None;
        }
        Some(Decision {
            network: self.log.network,
            instance: self.log.instance,
            height,
            block,
            history_root: oracle.history_root_to(height, &block)?,
            forced_changes: self.log.forced_changes,
            next_roster: self.next_roster(oracle),
        })
    }

    /// Those of the roster who are here, and then as many others as fit. Who does not mean to stay
    /// is in neither: its leaving would be missed.
    fn next_roster(&self, oracle: &dyn ChainOracle) -> Roster {
        let lasting = oracle.present().into_iter().filter(|member| member.stays);
        let (staying, others): (Vec<_>, Vec<_>) =
            lasting.partition(|member| self.log.roster.index_of(&member.key).is_some());
        let joining = others.into_iter().filter(|member| member.synced);
        let chosen: List<PublicKey, ROSTER_MEMBERS_MAX> =
            List::truncated(staying.into_iter().chain(joining).map(|member| member.key));
        Roster::of(chosen)
    }

    /// More than two thirds prevoted a decision, whether or not its block is here.
    pub(super) fn note_justified(&mut self, newest: Certified) {
        let known = self.justified.as_ref();
        if known.is_none_or(|known| known.certificate.round < newest.certificate.round)
            && self.is_in_order(&newest.decision)
        {
            self.justified = Some(newest);
        }
    }

    /// Lines 36 to 43, the part on `validValue`: more than two thirds prevoted a decision, and its
    /// block is here to stay.
    fn note_valid(&mut self, oracle: &dyn ChainOracle) {
        let Some(newest) = &self.justified else {
            return;
        };
        let known = self.state.valid.as_ref();
        if known.is_none_or(|known| known.certificate.round < newest.certificate.round)
            && self.may_be_bound_to(&newest.decision, oracle)
        {
            self.state.valid = Some(newest.clone());
        }
    }

    /// Lines 22 to 33: the member's word on the leader's proposal.
    fn prevote(&mut self, term: Term, oracle: &dyn ChainOracle) {
        if self.state.prevote.is_some_and(|cast| cast.round >= term) {
            return;
        }
        let Some((hash, proposal)) = self.rounds.proposal(term) else {
            return;
        };
        let value = match self.judge_proposal(proposal, oracle) {
            Judgement::Acceptable => Some(*hash),
            Judgement::NotYet => return,
            Judgement::Refused => None,
        };
        let ballot = self.ballot(term, Step::Prevote, value);
        self.state.prevote = Some(ballot);
        self.unwritten.push(Statement::Ballot(ballot));
    }

    /// Lines 36 to 46: more than two thirds prevoted in this round; be bound to it.
    fn precommit(&mut self, term: Term, oracle: &dyn ChainOracle) {
        let prevoted = self.state.prevote.is_some_and(|cast| cast.round == term);
        let precommitted = self.state.precommit.is_some_and(|cast| cast.round >= term);
        if !prevoted || precommitted {
            return;
        }
        let Some(value) = self
            .rounds
            .tally(term, Step::Prevote)
            .and_then(|tally| tally.quorum_value(&self.log.roster))
        else {
            return;
        };
        if let Some(hash) = value {
            let Some(decision) = self.decision(&hash) else {
                return;
            };
            if !self.may_be_bound_to(&decision, oracle) {
                return;
            }
            self.state.locked = Some((term, decision));
        }
        let ballot = self.ballot(term, Step::Precommit, value);
        self.state.precommit = Some(ballot);
        self.unwritten.push(Statement::Ballot(ballot));
    }

    fn judge_proposal(&self, proposal: &Proposal, oracle: &dyn ChainOracle) -> Judgement {
        let bound_to_it = match &self.state.locked {
            Some((_, locked)) if locked == &proposal.decision => true,
            Some((round, _))
                if proposal
                    .valid
                    .as_ref()
                    .is_none_or(|valid| valid.round < *round) =>
            {
                return Judgement::Refused;
            }
            _ => false,
        };
        match self.judge_block(&proposal.decision, oracle) {
            // Who was here was judged by those who prevoted it first; to judge anew whether they
            // still are would leave no way out of a lock.
            Judgement::Acceptable if !bound_to_it && proposal.valid.is_none() => {
                self.judge_roster(&proposal.decision.next_roster, oracle)
            }
            judgement => judgement,
        }
    }

    /// Nobody is bound to a block that it may lose: what is stored is the executed chain, which
    /// goes to the justified block, as soon as that is here, and stays there.
    fn may_be_bound_to(&self, decision: &Decision, oracle: &dyn ChainOracle) -> bool {
        oracle.standing(decision.height, &decision.block) == BlockStanding::Executed
            && self.judge_block(decision, oracle) == Judgement::Acceptable
    }

    fn is_in_order(&self, decision: &Decision) -> bool {
        decision.height > self.log.decided_height
            && decision.forced_changes == self.log.forced_changes
            && decision.next_roster.is_well_formed()
    }

    fn judge_block(&self, decision: &Decision, oracle: &dyn ChainOracle) -> Judgement {
        if !self.is_in_order(decision) {
            return Judgement::Refused;
        }
        match oracle.standing(decision.height, &decision.block) {
            BlockStanding::Conflicting => Judgement::Refused,
            BlockStanding::Unknown => Judgement::NotYet,
            BlockStanding::Executed | BlockStanding::Left => {
                match oracle.history_root_to(decision.height, &decision.block) {
                    None => Judgement::NotYet,
                    Some(root) if root == decision.history_root => Judgement::Acceptable,
                    Some(_) => Judgement::Refused,
                }
            }
        }
    }

    /// Nobody agrees to a roster that leaves out one of the present roster who is here and stays:
    /// a lying leader could take one honest member after another out of it. Nor does anyone agree
    /// to members that are not here: those could not decide what follows.
    fn judge_roster(&self, roster: &Roster, oracle: &dyn ChainOracle) -> Judgement {
        let is_left_out = |key: &PublicKey| roster.index_of(key).is_none();
        let lasting = oracle.present().into_iter().filter(|member| member.stays);
        let mut staying = lasting.filter(|member| self.log.roster.index_of(&member.key).is_some());
        if (is_left_out(&self.key) && oracle.means_to_stay())
            || staying.any(|member| is_left_out(&member.key))
        {
            return Judgement::Refused;
        }
        let mut others = roster.members.iter().filter(|&member| *member != self.key);
        if others.all(|member| oracle.is_present(member)) {
            Judgement::Acceptable
        } else {
            Judgement::NotYet
        }
    }

    fn quorum_of_any_round(&self, step: Step) -> Option<Certified> {
        self.rounds.tallies(step).find_map(|(round, tally)| {
            let value = tally.quorum_value(&self.log.roster)??;
            Some(Certified {
                decision: self.decision(&value)?,
                certificate: tally.certificate(round, value, &self.log.roster),
            })
        })
    }

    fn decision(&self, hash: &Hash) -> Option<Decision> {
        let locked = self.state.locked.as_ref().map(|(_, decision)| decision);
        let valid = self.state.valid.as_ref().map(|valid| &valid.decision);
        self.rounds
            .decision(hash)
            .or_else(|| {
                let mut own = [locked, valid].into_iter().flatten();
                own.find(|decision| decision.hash() == *hash)
            })
            .cloned()
    }

    fn ballot(&self, round: u64, step: Step, value: Option<Hash>) -> Ballot {
        Ballot {
            network: self.log.network,
            roster: self.log.roster_hash,
            instance: self.log.instance,
            forced_changes: self.log.forced_changes,
            round,
            step,
            value,
        }
    }

    pub(super) fn leader(&self) -> Option<&PublicKey> {
        self.leaders.get(&self.term?)
    }

    pub(super) fn leads(&self) -> bool {
        self.leader() == Some(&self.key)
    }
}
