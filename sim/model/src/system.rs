//! The model: what can happen next, and what it leads to.

use stateright::{Model, Property};

use crate::configuration::{Configuration, DecisionId, Members, VoterId};
use crate::mutation::Mutation;
use crate::properties;
use crate::state::{Entry, Position, Round, State, Step, Storage, Vote};
use crate::symmetry::Symmetry;

/// A world and the rules that hold in it.
#[derive(Clone, Debug)]
pub struct System {
    /// The world.
    pub world: Configuration,
    /// The rule that is broken.
    pub mutation: Option<Mutation>,
    symmetry: Symmetry,
}

/// Something that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A voter prevotes in a round.
    Prevote(VoterId, Round, Option<DecisionId>),
    /// A voter precommits in the round that it has prevoted in.
    Precommit(VoterId, DecisionId),
    /// A voter's vote of this step reaches the relay: only where its storage has a copy; other
    /// votes do so when they are cast.
    Send(VoterId, Step),
    /// A voter restarts. Nothing that the model knows of is volatile, unless a rule is broken.
    Restart(VoterId),
    /// A voter loses its log, but not its votes.
    LoseLog(VoterId),
    /// A voter appends the next entry of the relay's log to its own.
    Hear(VoterId),
    /// A voter's storage is copied.
    Copy(VoterId),
    /// The other copy comes to use.
    Swap(VoterId),
    /// A voter registers anew, and is told how far its key has voted.
    Register(VoterId),
    /// A node takes a certificate for final: only under a mutation.
    Claim(VoterId, DecisionId),
    /// The relay appends a certified decision to its log.
    Log(DecisionId),
    /// The relay replaces the roster.
    Force(Members),
    /// What the relay has appended is durable.
    Flush,
    /// The relay restarts, and has what was durable.
    RestartRelay,
    /// The relay restarts from a backup that lacks the last entry.
    RollBackRelay,
}

impl System {
    /// This world under the rules, or with one of them broken.
    #[must_use]
    pub fn new(world: Configuration, mutation: Option<Mutation>) -> Self {
        Self {
            symmetry: Symmetry::of(&world),
            world,
            mutation,
        }
    }

    /// The same, exploring states that differ by names only once each: slower, but each event of a
    /// counterexample names the voter that it happens to.
    #[must_use]
    pub fn with_names(self) -> Self {
        Self {
            symmetry: Symmetry::none(),
            ..self
        }
    }

    pub(crate) fn is(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    fn votes(&self, state: &State, actions: &mut Vec<Action>) {
        for voter in self.world.honest_voters() {
            let values = std::iter::once(None).chain(self.world.decision_ids().map(Some));
            for value in values {
                let rounds = 1..=self.world.rounds;
                let may = |round: &Round| self.may_prevote(state, voter, *round, value).is_some();
                actions.extend(
                    rounds
                        .filter(may)
                        .map(|round| Action::Prevote(voter, round, value)),
                );
            }
            let may = |decision: &DecisionId| self.may_precommit(state, voter, *decision).is_some();
            let decisions = self.world.decision_ids().filter(may);
            actions.extend(decisions.map(|decision| Action::Precommit(voter, decision)));
        }
    }

    fn nodes(&self, state: &State, actions: &mut Vec<Action>) {
        for voter in self.world.honest_voters() {
            actions.extend([Action::Restart(voter), Action::Hear(voter)]);
            if self.world.faults.logs_lost > 0 {
                actions.push(Action::LoseLog(voter));
            }
            if self.world.has_copy(voter) {
                actions
                    .extend([Step::Prevote, Step::Precommit].map(|step| Action::Send(voter, step)));
                actions.extend([
                    Action::Copy(voter),
                    Action::Swap(voter),
                    Action::Register(voter),
                ]);
            }
            if self.is(Mutation::UnloggedIsFinal) {
                let log = &state.voters[usize::from(voter)].storage.log;
                let position = Position::of(log, &self.world);
                let certified =
                    |decision: &DecisionId| self.is_certified_at(state, &position, *decision);
                let decisions = self.world.decision_ids().filter(certified);
                actions.extend(decisions.map(|decision| Action::Claim(voter, decision)));
            }
        }
    }

    fn relay(&self, state: &State, actions: &mut Vec<Action>) {
        if self.world.logs {
            let may = |decision: &DecisionId| self.may_log(state, *decision);
            actions.extend(self.world.decision_ids().filter(may).map(Action::Log));
        }
        let forced = self.world.forced_rosters.iter();
        actions.extend(forced.copied().map(Action::Force));
        actions.extend([Action::Flush, Action::RestartRelay, Action::RollBackRelay]);
    }

    /// Casts a vote: binds the voter, and passes the vote on where nothing can come between.
    fn cast(&self, state: &mut State, vote: Vote) {
        let voter = &mut state.voters[usize::from(vote.voter)];
        Self::bind(&mut voter.storage.bound, vote.ballot);
        if !self.world.has_copy(vote.voter) {
            state.publish(vote);
        }
    }

    fn send(&self, state: &mut State, voter: VoterId, step: Step) -> Option<()> {
        let bound = &state.voters[usize::from(voter)].storage.bound;
        let ballot = match step {
            Step::Prevote => bound.prevote?,
            Step::Precommit => bound.precommit?,
        };
        let vote = Vote { ballot, voter };
        state.relay.mark = self.passed_on(state, &vote)?;
        state.publish(vote);
        Some(())
    }

    /// A session begins, and is told how far its key has voted.
    fn register(state: &mut State, voter: VoterId) {
        let node = &mut state.voters[usize::from(voter)];
        node.told = state.relay.mark;
    }

    fn append(&self, state: &mut State, entry: Entry) {
        state.relay.log.push(entry);
        if self.world.faults.relay_restarts == 0 {
            state.relay.durable = state.relay.log.len();
        }
    }

    fn perform(&self, state: &mut State, action: Action) -> Option<()> {
        match action {
            Action::Prevote(voter, round, value) => {
                let vote = self.may_prevote(state, voter, round, value)?;
                self.cast(state, vote);
            }
            Action::Precommit(voter, decision) => {
                let vote = self.may_precommit(state, voter, decision)?;
                self.cast(state, vote);
            }
            Action::Send(voter, step) => self.send(state, voter, step)?,
            Action::Restart(voter) => self.restart(state, voter)?,
            Action::LoseLog(voter) => {
                state.voters[usize::from(voter)].storage.log.clear();
                state.spent.logs_lost += 1;
            }
            Action::Hear(voter) => {
                let storage = &mut state.voters[usize::from(voter)].storage;
                *storage = self.heard(storage, &state.relay)?;
            }
            Action::Copy(voter) => {
                let node = &mut state.voters[usize::from(voter)];
                if node.copy.is_some() {
                    return None;
                }
                node.copy = Some(node.storage.clone());
            }
            Action::Swap(voter) => {
                let node = &mut state.voters[usize::from(voter)];
                let other: &mut Storage = node.copy.as_mut()?;
                std::mem::swap(&mut node.storage, other);
                Self::register(state, voter);
                state.spent.copies_swapped += 1;
            }
            Action::Register(voter) => Self::register(state, voter),
            Action::Claim(voter, decision) => {
                state.voters[usize::from(voter)].claimed = Some(decision);
            }
            Action::Log(decision) => {
                self.append(state, Entry::Decided(decision));
            }
            Action::Force(roster) => {
                let entry = self.forced(&state.relay.log, roster);
                self.append(state, entry);
                state.spent.forced_changes += 1;
            }
            Action::Flush => state.relay.durable = state.relay.log.len(),
            Action::RestartRelay => {
                state.relay.log.truncate(state.relay.durable);
                state.spent.relay_restarts += 1;
            }
            Action::RollBackRelay => {
                state
                    .relay
                    .log
                    .pop()
                    .filter(|_| !state.relay.log.is_empty())?;
                state.relay.durable = state.relay.log.len();
                state.spent.relay_rollbacks += 1;
            }
        }
        Some(())
    }

    fn restart(&self, state: &mut State, voter: VoterId) -> Option<()> {
        let bound = &mut state.voters[usize::from(voter)].storage.bound;
        match self.mutation? {
            Mutation::LockLostInRestart => bound.locked = None,
            Mutation::VoteSentBeforeDurable => {
                bound.prevote = None;
                bound.precommit = None;
            }
            _ => return None,
        }
        Some(())
    }
}

impl Model for System {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::first(&self.world)]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        self.votes(state, actions);
        self.nodes(state, actions);
        self.relay(state, actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        self.perform(&mut next, action)?;
        self.world
            .faults
            .allow(&next.spent)
            .then(|| self.symmetry.representative(next))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(&self.world)
    }
}
