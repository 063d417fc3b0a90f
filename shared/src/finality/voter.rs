//! A member's part in finality: Tendermint (arXiv 1807.04938, algorithm 1) without timers. The
//! round is the term of the leader, which the relay issues.
//!
//! The voter is as pure as the node around it. What it wants done comes out as [`Action`]s, in
//! this order for each vote: [`Action::Persist`]; after [`Voter::on_persisted`], [`Action::Sign`];
//! after [`Voter::on_signed`], [`Action::Send`]. So nothing is signed that a crash could make it
//! forget, and it never signs two different ballots for one step.

mod early;
mod error;
mod held;
mod interface;
mod outbox;
mod rounds;
mod rules;

use std::collections::VecDeque;

use litemap::LiteMap;

pub use self::error::{ProposalError, VoteError};
pub use self::interface::{Action, BlockStanding, ChainOracle, PresentMember, Proposed, VoteState};

use self::early::Early;
use self::rounds::Rounds;
use super::evidence::Evidence;
use super::log::DecisionLog;
use super::mark::VoteMark;
use super::{Ballot, Proposal, Roster, Step, Vote};
use crate::chain::Checkpoint;
use crate::hash::{Hash, NetworkId};
use crate::keys::{PublicKey, Signature, SignatureError};
use crate::limits::{EARLY_INSTANCES_MAX, EVIDENCE_MAX};
use crate::message::{Certified, Leader, Message, Term};

/// One member's state machine for the decisions of one network. A member that is not in the
/// roster follows along, and, if it leads, proposes.
#[derive(Debug)]
pub struct Voter {
    key: PublicKey,
    log: LogPosition,
    term: Option<Term>,
    leaders: LiteMap<Term, PublicKey>,
    rounds: Rounds,
    early: Early,
    state: VoteState,
    /// What the newest quorum of prevotes that it has seen is for, and these.
    justified: Option<Certified>,
    /// How far this key has voted, by the relay's account.
    mark: Option<VoteMark>,
    certified: Option<Certified>,
    certified_sent_in: Option<Term>,
    evidence: VecDeque<Evidence>,
    last_number: u64,
    unwritten: Vec<Statement>,
    persisting: VecDeque<(u64, Statement)>,
    signing: LiteMap<u64, Statement>,
    sent_votes: Vec<Vote>,
    sent_proposal: Option<Proposal>,
}

/// Where the log stands, as far as it matters for votes.
#[derive(Clone, Debug)]
struct LogPosition {
    network: NetworkId,
    length: u64,
    instance: u64,
    decided_height: u64,
    forced_changes: u64,
    roster: Roster,
    roster_hash: Hash,
}

/// Something to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Statement {
    Ballot(Ballot),
    Proposal(Box<Proposed>),
}

impl VoteState {
    /// The state at the present end of the log: this one, if it was voted there; otherwise a
    /// fresh one.
    fn continued(self, log: &LogPosition) -> Self {
        if self.log_length >= log.length {
            return self;
        }
        Self {
            log_length: log.length,
            instance: log.instance,
            ..Self::default()
        }
    }

    /// What had its prevotes last, if that was at the present end of the log.
    fn valid_at(&self, log: &LogPosition) -> Option<&Certified> {
        let valid = self.valid.as_ref();
        valid.filter(|_| self.log_length == log.length)
    }
}

impl LogPosition {
    fn of(log: &DecisionLog) -> Self {
        Self {
            network: log.network(),
            length: log.length(),
            instance: log.next_instance(),
            decided_height: log.last().height,
            forced_changes: log.forced_changes(),
            roster: log.roster().clone(),
            roster_hash: log.roster_hash(),
        }
    }
}

impl Voter {
    /// A voter at the end of `log`, with what it had bound itself to before a restart.
    #[must_use]
    pub fn new(key: PublicKey, log: &DecisionLog, restored: Option<VoteState>) -> Self {
        let log = LogPosition::of(log);
        let state = restored.unwrap_or_default().continued(&log);
        Self {
            key,
            justified: state.valid_at(&log).cloned(),
            state,
            log,
            term: None,
            leaders: LiteMap::new(),
            rounds: Rounds::default(),
            early: Early::default(),
            mark: None,
            certified: None,
            certified_sent_in: None,
            evidence: VecDeque::new(),
            last_number: 0,
            unwritten: Vec::new(),
            persisting: VecDeque::new(),
            signing: LiteMap::new(),
            sent_votes: Vec::new(),
            sent_proposal: None,
        }
    }

    /// What it has bound itself to.
    #[must_use]
    pub fn state(&self) -> &VoteState {
        &self.state
    }

    /// The present decision, once more than two thirds have precommitted it. Not final yet.
    #[must_use]
    pub fn certified(&self) -> Option<&Certified> {
        self.certified.as_ref()
    }

    /// The block that the newest quorum of prevotes for the present decision is for, if there is
    /// one: it may have bound some of the roster.
    #[must_use]
    pub fn justified(&self) -> Option<Checkpoint> {
        self.justified.as_ref().map(|justified| Checkpoint {
            height: justified.decision.height,
            hash: justified.decision.block,
        })
    }

    /// Evidence against members that nobody has taken yet.
    pub fn evidence(&self) -> impl Iterator<Item = &Evidence> {
        self.evidence.iter()
    }

    /// Evidence against members that has come up since it was last taken, newest last.
    pub fn take_evidence(&mut self) -> VecDeque<Evidence> {
        std::mem::take(&mut self.evidence)
    }

    /// The greatest term that it knows.
    #[must_use]
    pub fn last_term(&self) -> Term {
        let prevoted = self.state.prevote.map(|ballot| ballot.round);
        let proposed = self.state.proposed.as_ref().map(|proposed| proposed.round);
        let known = [self.term, prevoted, proposed].into_iter().flatten().max();
        known.unwrap_or(0)
    }

    /// The relay has named a leader. Terms that are not newer are ignored.
    pub fn set_term(&mut self, leader: &Leader, oracle: &dyn ChainOracle) -> Vec<Action> {
        if self.term.is_some_and(|term| leader.term <= term) {
            return Vec::new();
        }
        self.term = Some(leader.term);
        self.leaders.insert(leader.term, leader.key);
        let oldest = self.rounds.enter(leader.term);
        self.leaders.retain(|&term, _| term >= oldest);
        self.judge_early();
        self.advance(oracle)
    }

    /// A session with the relay begins, which tells how far this key has voted. What this voter
    /// has signed and not sent is sent only if that does not contradict it.
    pub fn on_marked(&mut self, mark: Option<VoteMark>) -> Result<(), SignatureError> {
        if let Some(mark) = &mark {
            mark.verify(&self.key)?;
        }
        self.mark = mark;
        if self.abstains() {
            self.persisting.clear();
            self.signing.clear();
            self.sent_votes.clear();
        }
        Ok(())
    }

    /// Whether this voter's own record is older than its key's votes: its storage was restored
    /// from a backup, or is a copy. It votes again once the log has moved on.
    #[must_use]
    pub fn abstains(&self) -> bool {
        let mark = self.mark.as_ref();
        mark.is_some_and(|mark| !mark.allows(&self.state))
    }

    /// The connection to the relay is new: send again what it may not have.
    pub fn on_connected(&mut self) -> Vec<Action> {
        self.resend()
    }

    /// A member has joined, and may have missed votes: send it those of this decision again.
    pub fn on_member_joined(&mut self, member: &PublicKey) -> Vec<Action> {
        let leads = self.leader() == Some(member);
        if leads || self.log.roster.index_of(member).is_some() {
            self.resend()
        } else {
            Vec::new()
        }
    }

    /// The replica or the members present have changed.
    pub fn on_chain_changed(&mut self, oracle: &dyn ChainOracle) -> Vec<Action> {
        self.advance(oracle)
    }

    /// The log has grown: the next decision begins, or this one again with another roster.
    pub fn on_log_appended(&mut self, log: &DecisionLog, oracle: &dyn ChainOracle) -> Vec<Action> {
        if log.length() <= self.log.length {
            return Vec::new();
        }
        self.log = LogPosition::of(log);
        self.state = std::mem::take(&mut self.state).continued(&self.log);
        self.justified = self.state.valid_at(&self.log).cloned();
        self.rounds.clear();
        self.certified = None;
        self.certified_sent_in = None;
        self.persisting.clear();
        self.signing.clear();
        self.sent_votes.clear();
        self.sent_proposal = None;
        self.judge_early();
        self.advance(oracle)
    }

    /// A proposal has come. One that cannot be judged yet is kept.
    pub fn on_proposal(
        &mut self,
        proposal: Proposal,
        oracle: &dyn ChainOracle,
    ) -> Result<Vec<Action>, ProposalError> {
        if proposal.decision.network != self.log.network {
            return Err(ProposalError::Network {
                expected: self.log.network,
                came: proposal.decision.network,
            });
        }
        if proposal.decision.instance < self.log.instance {
            return Ok(Vec::new());
        }
        proposal.verify()?;
        self.take_proposal(proposal)?;
        Ok(self.advance(oracle))
    }

    /// A vote has come. One that cannot be judged yet is kept.
    pub fn on_vote(
        &mut self,
        vote: Vote,
        oracle: &dyn ChainOracle,
    ) -> Result<Vec<Action>, VoteError> {
        if vote.ballot.network != self.log.network {
            return Err(VoteError::Network {
                expected: self.log.network,
                came: vote.ballot.network,
            });
        }
        if vote.ballot.instance < self.log.instance || self.rounds.has(&vote) {
            return Ok(Vec::new());
        }
        vote.verify()?;
        self.take_vote(vote)?;
        Ok(self.advance(oracle))
    }

    /// The state with this number, and with it all before it, is durable.
    pub fn on_persisted(&mut self, number: u64) -> Vec<Action> {
        let mut actions = Vec::new();
        while let Some((_, statement)) = self.persisting.pop_front_if(|(at, _)| *at <= number) {
            self.sign(statement, &mut actions);
        }
        actions
    }

    /// The statement with this number is signed.
    pub fn on_signed(
        &mut self,
        number: u64,
        signature: Signature,
        oracle: &dyn ChainOracle,
    ) -> Vec<Action> {
        let Some(statement) = self.signing.remove(&number) else {
            return Vec::new();
        };
        let mut actions = Vec::new();
        match statement {
            Statement::Ballot(ballot) => {
                let vote = Vote {
                    ballot,
                    voter: self.key,
                    signature,
                };
                self.sent_votes
                    .retain(|sent| sent.ballot.step != ballot.step);
                self.sent_votes.push(vote);
                actions.push(Action::Send(Box::new(Message::Vote(vote))));
                // A vote against an own one comes from another session of this key: kept as proof.
                let _ = self.count(vote);
            }
            Statement::Proposal(proposed) => {
                let proposal = Proposal {
                    decision: proposed.decision,
                    roster: self.log.roster_hash,
                    round: proposed.round,
                    valid: proposed.valid,
                    proposer: self.key,
                    signature,
                };
                self.rounds.insert_proposal(proposal.clone());
                actions.push(Action::Send(Box::new(Message::Proposal(Box::new(
                    proposal.clone(),
                )))));
                self.sent_proposal = Some(proposal);
            }
        }
        actions.append(&mut self.advance(oracle));
        actions
    }

    fn take_vote(&mut self, vote: Vote) -> Result<(), VoteError> {
        let Ballot {
            instance,
            forced_changes,
            roster,
            ..
        } = vote.ballot;
        // A forced change has made it void.
        if !self.is_near(instance) || forced_changes < self.log.forced_changes {
            return Ok(());
        }
        if instance != self.log.instance
            || forced_changes != self.log.forced_changes
            || roster != self.log.roster_hash
            || self.term.is_none()
        {
            self.early.keep_vote(vote);
            return Ok(());
        }
        if self.log.roster.index_of(&vote.voter).is_none() {
            return Err(VoteError::NotMember {
                voter: vote.voter,
                instance,
            });
        }
        self.count(vote)
    }

    fn count(&mut self, vote: Vote) -> Result<(), VoteError> {
        let Some(first) = self.rounds.count(vote) else {
            return Ok(());
        };
        self.accuse(Evidence::Votes(Box::new((first, vote))));
        Err(VoteError::Equivocation {
            voter: vote.voter,
            instance: vote.ballot.instance,
            round: vote.ballot.round,
        })
    }

    fn accuse(&mut self, evidence: Evidence) {
        if self.evidence.len() < EVIDENCE_MAX && !self.evidence.contains(&evidence) {
            self.evidence.push_back(evidence);
        }
    }

    fn take_proposal(&mut self, proposal: Proposal) -> Result<(), ProposalError> {
        let Proposal {
            round, proposer, ..
        } = proposal;
        if !self.is_near(proposal.decision.instance) {
            return Ok(());
        }
        if proposal.decision.instance != self.log.instance
            || proposal.roster != self.log.roster_hash
            || self.term.is_none_or(|term| term < round)
        {
            self.early.keep_proposal(proposal);
            return Ok(());
        }
        let Some(&leader) = self.leaders.get(&round) else {
            return Ok(());
        };
        if leader != proposer {
            return Err(ProposalError::NotLeader {
                expected: leader,
                came: proposer,
                round,
            });
        }
        if let Some((_, first)) = self.rounds.proposal(round) {
            if first.decision == proposal.decision {
                return Ok(());
            }
            let both = (first.clone(), proposal);
            self.accuse(Evidence::Proposals(Box::new(both)));
            return Err(ProposalError::Second { proposer, round });
        }
        if let Some(valid) = &proposal.valid {
            if valid.round >= round {
                return Err(ProposalError::ValidRound {
                    round,
                    came: valid.round,
                });
            }
            valid.verify(&proposal.decision, &self.log.roster, Step::Prevote)?;
            self.note_justified(Certified {
                decision: proposal.decision.clone(),
                certificate: valid.clone(),
            });
        }
        self.rounds.insert_proposal(proposal);
        Ok(())
    }

    fn is_near(&self, instance: u64) -> bool {
        let last = self.log.instance.saturating_add(EARLY_INSTANCES_MAX);
        (self.log.instance..=last).contains(&instance)
    }

    fn judge_early(&mut self) {
        let (votes, proposals) = self.early.take();
        // Nobody is blamed for what came too early to be judged.
        for proposal in proposals {
            let _ = self.take_proposal(proposal);
        }
        for vote in votes {
            let _ = self.take_vote(vote);
        }
    }
}
