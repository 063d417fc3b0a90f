//! One voter on a bench: what it sees and gets is set by hand, what it wants done is done at once.

use std::collections::BTreeSet;

use super::{block, decision, history_root, network, roster_of, secrets, signed, vote};
use crate::finality::log::DecisionLog;
use crate::finality::voter::{
    Action, BlockStanding, ChainOracle, PresentMember, ProposalError, VoteError, Voter,
};
use crate::finality::{Certificate, Decision, Proposal, Roster, Step, Vote};
use crate::hash::{BlockHash, Hash};
use crate::keys::{PublicKey, SecretKey, Signature};
use crate::message::{Leader, Message};

/// A voter, number 0 of four, and what it sees.
pub(super) struct Bench {
    pub(super) members: Vec<SecretKey>,
    pub(super) roster: Roster,
    pub(super) log: DecisionLog,
    pub(super) voter: Voter,
    pub(super) sight: Sight,
}

pub(super) struct Sight {
    pub(super) tip: (u64, BlockHash),
    pub(super) unknown: BTreeSet<BlockHash>,
    pub(super) left: BTreeSet<BlockHash>,
    pub(super) conflicting: BTreeSet<BlockHash>,
    pub(super) present: Vec<PublicKey>,
}

impl ChainOracle for Sight {
    fn standing(&self, _: u64, block: &BlockHash) -> BlockStanding {
        if self.unknown.contains(block) {
            BlockStanding::Unknown
        } else if self.left.contains(block) {
            BlockStanding::Left
        } else if self.conflicting.contains(block) {
            BlockStanding::Conflicting
        } else {
            BlockStanding::Executed
        }
    }

    fn history_root_to(&self, _: u64, block: &BlockHash) -> Option<Hash> {
        Some(history_root(block))
    }

    fn tip(&self) -> (u64, BlockHash) {
        self.tip
    }

    fn is_present(&self, member: &PublicKey) -> bool {
        self.present.contains(member)
    }

    fn means_to_stay(&self) -> bool {
        true
    }

    fn present(&self) -> Vec<PresentMember> {
        let present = self.present.iter();
        present
            .map(|&key| PresentMember {
                key,
                synced: true,
                abstains: false,
                stays: true,
            })
            .collect()
    }
}

impl Bench {
    /// The log holds the roster; nothing is mined.
    pub(super) fn new() -> Self {
        let members = secrets(4);
        let roster = roster_of(&members);
        let mut log = DecisionLog::new(&network());
        let first = signed(log.record_forced(roster.clone(), 1).unwrap());
        log.append(&first).unwrap();
        Self {
            voter: Voter::new(members[0].public_key(), &log, None),
            sight: Sight {
                tip: (0, network().genesis().hash()),
                unknown: BTreeSet::new(),
                left: BTreeSet::new(),
                conflicting: BTreeSet::new(),
                present: roster.members.to_vec(),
            },
            members,
            roster,
            log,
        }
    }

    pub(super) fn enter(&mut self, term: u64, leader: usize) -> Vec<Message> {
        let leader = Leader {
            id: 0,
            key: self.members[leader].public_key(),
            term,
        };
        let actions = self.voter.set_term(&leader, &self.sight);
        self.settle(actions)
    }

    pub(super) fn value(&self, name: u64) -> Decision {
        Decision {
            forced_changes: self.log.forced_changes(),
            ..decision(1, 1, block(name), self.roster.clone())
        }
    }

    pub(super) fn proposal(
        &self,
        leader: usize,
        round: u64,
        decision: &Decision,
        valid: Option<Certificate>,
    ) -> Proposal {
        let leader = &self.members[leader];
        let mut proposal = Proposal {
            decision: decision.clone(),
            roster: self.roster.hash(),
            round,
            valid,
            proposer: leader.public_key(),
            signature: Signature([0; 64]),
        };
        proposal.signature = leader.sign(&proposal.statement());
        proposal
    }

    pub(super) fn propose(
        &mut self,
        leader: usize,
        round: u64,
        decision: &Decision,
    ) -> Vec<Message> {
        let proposal = self.proposal(leader, round, decision, None);
        self.receive(proposal).unwrap()
    }

    pub(super) fn receive(&mut self, proposal: Proposal) -> Result<Vec<Message>, ProposalError> {
        let actions = self.voter.on_proposal(proposal, &self.sight)?;
        Ok(self.settle(actions))
    }

    pub(super) fn vote(
        &self,
        voter: usize,
        round: u64,
        step: Step,
        value: Option<&Decision>,
    ) -> Vote {
        let value = value.map(Decision::hash);
        vote(&self.members[voter], &self.roster, 1, round, step, value)
    }

    /// Members 1 and 2 vote.
    pub(super) fn two_vote(
        &mut self,
        round: u64,
        step: Step,
        value: Option<&Decision>,
    ) -> Vec<Message> {
        let votes = [1, 2].map(|voter| self.vote(voter, round, step, value));
        votes
            .into_iter()
            .flat_map(|vote| self.count(vote).unwrap())
            .collect()
    }

    pub(super) fn count(&mut self, vote: Vote) -> Result<Vec<Message>, VoteError> {
        let actions = self.voter.on_vote(vote, &self.sight)?;
        Ok(self.settle(actions))
    }

    pub(super) fn look(&mut self) -> Vec<Message> {
        let actions = self.voter.on_chain_changed(&self.sight);
        self.settle(actions)
    }

    pub(super) fn connect(&mut self) -> Vec<Message> {
        let actions = self.voter.on_connected();
        self.settle(actions)
    }

    /// Writes and signs all that is asked for, and returns what is sent.
    pub(super) fn settle(&mut self, mut actions: Vec<Action>) -> Vec<Message> {
        let mut sent = Vec::new();
        while !actions.is_empty() {
            let mut next = Vec::new();
            for action in actions {
                match action {
                    Action::Persist { number, .. } => next.extend(self.voter.on_persisted(number)),
                    Action::Sign { number, statement } => {
                        let signature = self.members[0].sign(&statement);
                        next.extend(self.voter.on_signed(number, signature, &self.sight));
                    }
                    Action::Send(message) => sent.push(*message),
                }
            }
            actions = next;
        }
        sent
    }

    pub(super) fn force(&mut self, roster: Roster) {
        let forced = signed(self.log.record_forced(roster.clone(), 2).unwrap());
        self.log.append(&forced).unwrap();
        self.roster = roster;
        let actions = self.voter.on_log_appended(&self.log, &self.sight);
        assert!(self.settle(actions).is_empty());
    }

    pub(super) fn restart(&mut self) {
        let state = self.voter.state().clone();
        self.voter = Voter::new(self.members[0].public_key(), &self.log, Some(state));
    }

    /// Locks on a value in round 1, led by member 1.
    pub(super) fn lock(&mut self, value: &Decision) {
        self.enter(1, 1);
        self.propose(1, 1, value);
        let precommit = self.two_vote(1, Step::Prevote, Some(value));
        assert_eq!(
            ballots(&precommit),
            [(Step::Precommit, 1, Some(value.hash()))]
        );
    }
}

pub(super) fn ballots(messages: &[Message]) -> Vec<(Step, u64, Option<Hash>)> {
    let votes = messages.iter().filter_map(|message| match message {
        Message::Vote(Vote { ballot, .. }) => Some((ballot.step, ballot.round, ballot.value)),
        _ => None,
    });
    votes.collect()
}
