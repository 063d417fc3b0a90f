//! What a state of the model is made of. Everything in it is durable in the real system, or is a
//! message that was sent: what is lost in a crash is not there in the first place.

use crate::configuration::{Configuration, DecisionId, Members, VoterId};

/// A term of the relay.
pub type Round = u8;

/// All that is durable anywhere, and all that was ever sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State {
    /// The relay.
    pub relay: Relay,
    /// The honest voters; the number of one is its place.
    pub voters: Vec<Voter>,
    /// Votes that the relay has passed on, ascending, each once. Who has received which of them is
    /// not told: any rule may rest on any of them, at any time and any number of times.
    pub votes: Vec<Vote>,
    /// How often the environment has done its worst.
    pub spent: Faults,
}

/// The relay's durable state, and the end of its log that is not durable yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Relay {
    /// Its log, in memory.
    pub log: Vec<Entry>,
    /// How many entries of it are durable.
    pub durable: usize,
    /// The last votes that it has passed on of the voter that has a copy; of others it is not told.
    pub mark: Mark,
}

/// An entry of the log. Certificates are not kept: they follow from the votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entry {
    /// A decision.
    Decided(DecisionId),
    /// The relay's replacement of the roster, upon the last decision.
    Forced(Members, Option<DecisionId>),
}

/// Where a log stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The number of the next decision.
    pub instance: u8,
    /// Who votes on it.
    pub roster: Members,
    /// The last decision.
    pub last: Option<DecisionId>,
    /// How many forced changes there were, the first roster not counted.
    pub forced_changes: u8,
}

/// An honest voter's storage.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Voter {
    /// The copy of its storage that is in use.
    pub storage: Storage,
    /// An older copy: a backup, or another machine with the same key.
    pub copy: Option<Storage>,
    /// What the relay told at the last registration about this key's last votes.
    pub told: Mark,
    /// What it takes for final without the log's word: only under a mutation.
    pub claimed: Option<DecisionId>,
}

/// What a node keeps.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Storage {
    /// Its verified log.
    pub log: Vec<Entry>,
    /// What it has bound itself to; outlives the log.
    pub bound: VoteState,
}

/// What a voter has bound itself to, as in `shared::finality::voter::VoteState`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VoteState {
    /// Length of the log under which this was voted.
    pub log_length: usize,
    /// The number of the decision.
    pub instance: u8,
    /// The prevote of the greatest round.
    pub prevote: Option<Ballot>,
    /// The precommit of the greatest round.
    pub precommit: Option<Ballot>,
    /// What it precommitted last, and in which round.
    pub locked: Option<(Round, DecisionId)>,
}

/// A vote of an honest voter. Faulty ones are taken to have cast every vote there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vote {
    /// What it says.
    pub ballot: Ballot,
    /// Who votes.
    pub voter: VoterId,
}

/// The steps of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// "I would accept this."
    Prevote,
    /// "I am bound to it."
    Precommit,
}

/// What a voter says in one step of one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ballot {
    /// The number of the decision.
    pub instance: u8,
    /// The roster that votes.
    pub roster: Members,
    /// How many forced changes the log holds.
    pub forced_changes: u8,
    /// The round.
    pub round: Round,
    /// The step.
    pub step: Step,
    /// For what; nothing is nil.
    pub value: Option<DecisionId>,
}

/// The last votes of a key that the relay has passed on, as in `shared::finality::mark::VoteMark`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mark {
    /// Length of the relay's log when it passed them on.
    pub log_length: usize,
    /// The prevote.
    pub prevote: Option<Ballot>,
    /// The precommit.
    pub precommit: Option<Ballot>,
}

/// Counts of what the environment may do, or has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Faults {
    /// Restarts of the relay, each losing what was not durable.
    pub relay_restarts: u8,
    /// Restarts of the relay from an older state of its storage.
    pub relay_rollbacks: u8,
    /// Forced changes.
    pub forced_changes: u8,
    /// Voters that lose their log, but not what they have bound themselves to.
    pub logs_lost: u8,
    /// Times that the other copy of a voter's storage comes to use.
    pub copies_swapped: u8,
}

impl State {
    /// The first roster is logged, and everyone knows it.
    #[must_use]
    pub fn first(configuration: &Configuration) -> Self {
        let log = vec![Entry::Forced(configuration.first_roster, None)];
        let storage = Storage {
            bound: VoteState::default().continued(log.len(), 1),
            log: log.clone(),
        };
        let voter = Voter {
            storage,
            copy: None,
            told: Mark::default(),
            claimed: None,
        };
        Self {
            relay: Relay {
                durable: log.len(),
                log,
                mark: Mark::default(),
            },
            voters: vec![voter; configuration.honest],
            votes: Vec::new(),
            spent: Faults::default(),
        }
    }

    /// Adds a vote to those that were passed on.
    pub fn publish(&mut self, vote: Vote) {
        if let Err(place) = self.votes.binary_search(&vote) {
            self.votes.insert(place, vote);
        }
    }
}

impl Position {
    /// The position at the end of a log.
    #[must_use]
    pub fn of(log: &[Entry], configuration: &Configuration) -> Self {
        let mut position = Self {
            instance: 1,
            roster: Members::NONE,
            last: None,
            forced_changes: 0,
        };
        for (index, entry) in log.iter().enumerate() {
            match *entry {
                Entry::Decided(decision) => {
                    position.roster = configuration.decision(decision).next_roster;
                    position.last = Some(decision);
                }
                Entry::Forced(roster, base) => {
                    position.roster = roster;
                    position.last = base;
                    position.forced_changes += u8::from(index > 0);
                }
            }
        }
        position.instance = configuration.instance_after(position.last);
        position
    }
}

impl Faults {
    /// Whether there is something left of each that `self` has and `of` asks for.
    #[must_use]
    pub fn allow(&self, spent: &Self) -> bool {
        spent.relay_restarts <= self.relay_restarts
            && spent.relay_rollbacks <= self.relay_rollbacks
            && spent.forced_changes <= self.forced_changes
            && spent.logs_lost <= self.logs_lost
            && spent.copies_swapped <= self.copies_swapped
    }
}
