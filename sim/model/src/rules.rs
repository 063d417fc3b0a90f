//! The rules of voters and of the relay's log, as in `shared::finality` and `shared::relay::log`,
//! each with the mutations that break it.

use crate::configuration::{DecisionId, Members, VoterId};
use crate::mutation::Mutation;
use crate::state::{
    Ballot, Entry, Mark, Position, Relay, Round, State, Step, Storage, Vote, VoteState,
};
use crate::system::System;

impl VoteState {
    /// `VoteState::continued`: at the end of a log of this length, this one, if it was voted
    /// there; otherwise a fresh one.
    #[must_use]
    pub fn continued(self, log_length: usize, instance: u8) -> Self {
        if self.log_length >= log_length {
            return self;
        }
        Self {
            log_length,
            instance,
            ..Self::default()
        }
    }
}

impl Mark {
    /// `VoteMark::allows`: whether a voter that knows no more than `bound` may vote.
    fn allows(&self, bound: &VoteState) -> bool {
        if self.log_length == bound.log_length {
            return covers(bound.prevote, self.prevote) && covers(bound.precommit, self.precommit);
        }
        self.log_length < bound.log_length
    }

    /// `VoteMark::advance`: the mark after a vote at the end of the log was passed on; nothing
    /// where it is not beyond the mark.
    fn advanced(mut self, log_length: usize, ballot: Ballot) -> Option<Self> {
        if log_length < self.log_length {
            return None;
        }
        if log_length > self.log_length {
            self = Self {
                log_length,
                ..Self::default()
            };
        }
        let last = match ballot.step {
            Step::Prevote => &mut self.prevote,
            Step::Precommit => &mut self.precommit,
        };
        if last.is_some_and(|last| last.round >= ballot.round) {
            return None;
        }
        *last = Some(ballot);
        Some(self)
    }
}

/// Whether a voter's last vote of a step is the marked one, or a later one.
fn covers(own: Option<Ballot>, marked: Option<Ballot>) -> bool {
    marked.is_none_or(|marked| own.is_some_and(|own| own == marked || own.round > marked.round))
}

/// Certificates.
impl System {
    /// The ballot of this end of the log.
    pub(crate) fn ballot(
        &self,
        position: &Position,
        round: Round,
        step: Step,
        value: Option<DecisionId>,
    ) -> Ballot {
        Ballot {
            instance: position.instance,
            roster: position.roster,
            forced_changes: if self.is(Mutation::VotesOutliveForcedChanges) {
                0
            } else {
                position.forced_changes
            },
            round,
            step,
            value,
        }
    }

    /// `Roster::quorum`.
    fn quorum(&self, roster: Members) -> usize {
        if self.is(Mutation::QuorumOfTwoThirds) {
            (roster.count() * 2).div_ceil(3)
        } else {
            roster.count() * 2 / 3 + 1
        }
    }

    /// How many members of a roster are faulty. They have signed everything.
    pub(crate) fn faulty_in(&self, roster: Members) -> usize {
        let faulty = self.world.voters().skip(self.world.honest);
        faulty.filter(|&voter| roster.contain(voter)).count()
    }

    /// `Certificate::verify`: whether one for this ballot can be made of the votes that there are.
    pub(crate) fn is_certified(&self, state: &State, ballot: &Ballot) -> bool {
        let roster = ballot.roster;
        let honest = state
            .votes
            .iter()
            .filter(|vote| vote.ballot == *ballot && roster.contain(vote.voter));
        let signers = honest.count() + self.faulty_in(roster);
        let signatures = if self.is(Mutation::SignerCountedTwice) {
            2 * signers
        } else {
            signers
        };
        signatures >= self.quorum(roster)
    }

    /// Whether a decision is certified in any round, at this end of the log.
    pub(crate) fn is_certified_at(
        &self,
        state: &State,
        position: &Position,
        decision: DecisionId,
    ) -> bool {
        (1..=self.world.rounds).any(|round| {
            let ballot = self.ballot(position, round, Step::Precommit, Some(decision));
            self.is_certified(state, &ballot)
        })
    }

    fn is_certified_by_any(&self, state: &State, at: Position, decision: DecisionId) -> bool {
        self.world.rosters().any(|roster| {
            (0..=at.forced_changes).any(|forced_changes| {
                let other = Position {
                    roster,
                    forced_changes,
                    ..at
                };
                self.is_certified_at(state, &other, decision)
            })
        })
    }
}

/// Voters.
impl System {
    /// `Voter::prevote`: nil at any time, since a block may be lacking or bad; a decision where
    /// no lock forbids it. The proposal is not asked for: a faulty leader proposes anything to
    /// anyone, with whatever prevotes there are.
    pub(crate) fn may_prevote(
        &self,
        state: &State,
        voter: VoterId,
        round: Round,
        decision: Option<DecisionId>,
    ) -> Option<Vote> {
        let storage = &state.voters[usize::from(voter)].storage;
        let position = self.acts_at(storage, voter)?;
        let bound = &storage.bound;
        let ballot = self.ballot(&position, round, Step::Prevote, decision);
        let is_new = bound.prevote.is_none_or(|last| last.round < round);
        let is_allowed = decision.is_none_or(|decision| {
            self.extends(&position, decision) && self.lock_allows(state, bound, &ballot)
        });
        (is_new && is_allowed && !self.abstains(state, voter)).then_some(Vote { ballot, voter })
    }

    /// `Voter::precommit`: a decision that a quorum prevoted in the round of the own prevote.
    /// Precommits of nil bind nobody and are left out, and so is that the executed chain must contain
    /// the block, which only forbids.
    pub(crate) fn may_precommit(
        &self,
        state: &State,
        voter: VoterId,
        decision: DecisionId,
    ) -> Option<Vote> {
        let storage = &state.voters[usize::from(voter)].storage;
        let position = self.acts_at(storage, voter)?;
        let bound = &storage.bound;
        let round = bound.prevote?.round;
        let prevoted = self.ballot(&position, round, Step::Prevote, Some(decision));
        (bound.precommit.is_none_or(|last| last.round < round)
            && self.extends(&position, decision)
            && self.is_certified(state, &prevoted)
            && !self.abstains(state, voter))
        .then_some(Vote {
            ballot: self.ballot(&position, round, Step::Precommit, Some(decision)),
            voter,
        })
    }

    /// `Voter::may_act`: the position of the node's log, if the node votes there at all.
    fn acts_at(&self, storage: &Storage, voter: VoterId) -> Option<Position> {
        let position = Position::of(&storage.log, &self.world);
        let bound = &storage.bound;
        (bound.log_length == storage.log.len()
            && bound.instance == position.instance
            && position.roster.contain(voter))
        .then_some(position)
    }

    /// `Voter::judge_block`: the block descends from the last decided one.
    fn extends(&self, position: &Position, decision: DecisionId) -> bool {
        self.world.decision(decision).after == position.last
    }

    /// `Voter::judge_proposal`: locked on nothing, on this decision, or prevotes for it of the
    /// lock's round or a later one come with it.
    fn lock_allows(&self, state: &State, bound: &VoteState, ballot: &Ballot) -> bool {
        let Some((locked_in, locked)) = bound.locked else {
            return true;
        };
        let oldest = if self.is(Mutation::LockReleasedByOlderProof) {
            1
        } else {
            locked_in
        };
        Some(locked) == ballot.value
            || (oldest..ballot.round).any(|round| {
                let valid = Ballot { round, ..*ballot };
                self.is_certified(state, &valid)
            })
    }

    /// `Voter::abstains`: the voter's storage is older than its key's votes.
    pub(crate) fn abstains(&self, state: &State, voter: VoterId) -> bool {
        let node = &state.voters[usize::from(voter)];
        !self.is(Mutation::RestoredKeyVotes) && !node.told.allows(&node.storage.bound)
    }

    /// What a vote leaves behind, durable before it is signed.
    pub(crate) fn bind(bound: &mut VoteState, ballot: Ballot) {
        match ballot.step {
            Step::Prevote => bound.prevote = Some(ballot),
            Step::Precommit => {
                bound.precommit = Some(ballot);
                bound.locked = ballot.value.map(|value| (ballot.round, value));
            }
        }
    }

    /// `DecisionLog::append` and `Voter::on_log_appended`: the next entry, if it continues the
    /// node's log.
    pub(crate) fn heard(&self, storage: &Storage, relay: &Relay) -> Option<Storage> {
        let told = if self.is(Mutation::ToldBeforeDurable) {
            &relay.log[..]
        } else {
            &relay.log[..relay.durable]
        };
        let (held, rest) = told.split_at_checked(storage.log.len())?;
        if held != storage.log {
            return None;
        }
        let mut log = storage.log.clone();
        log.push(*rest.first()?);
        let instance = Position::of(&log, &self.world).instance;
        let bound = storage.bound.clone().continued(log.len(), instance);
        Some(Storage { log, bound })
    }
}

/// The relay.
impl System {
    /// `Voter::resend` and `Relay::vote`: the mark of a key after its vote was passed on; nothing
    /// where it is not sent, or not passed on.
    pub(crate) fn passed_on(&self, state: &State, vote: &Vote) -> Option<Mark> {
        if self.is(Mutation::RestoredKeyVotes) {
            return Some(Mark::default());
        }
        let position = Position::of(&state.relay.log, &self.world);
        let ballot = vote.ballot;
        let is_due = ballot == self.ballot(&position, ballot.round, ballot.step, ballot.value);
        if !is_due || self.abstains(state, vote.voter) {
            return None;
        }
        state.relay.mark.advanced(state.relay.log.len(), ballot)
    }

    /// `Relay::certified`: what may be logged now.
    pub(crate) fn may_log(&self, state: &State, decision: DecisionId) -> bool {
        let position = Position::of(&state.relay.log, &self.world);
        self.extends(&position, decision)
            && (self.is_certified_at(state, &position, decision)
                || self.is(Mutation::OtherRostersCertificate)
                    && self.is_certified_by_any(state, position, decision))
    }

    /// `DecisionLog::record_forced`: upon the last decision.
    pub(crate) fn forced(&self, log: &[Entry], roster: Members) -> Entry {
        let last = Position::of(log, &self.world).last;
        if self.is(Mutation::ForcedChangeDropsBase) {
            let before = last.and_then(|last| self.world.decision(last).after);
            return Entry::Forced(roster, before);
        }
        Entry::Forced(roster, last)
    }
}
