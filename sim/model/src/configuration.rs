//! Small worlds: who votes, what can be decided, and what may go wrong.

use crate::state::{Faults, Round};

/// The number of a voter: the honest ones first, then the faulty ones.
pub type VoterId = u8;

/// The place of a decision in [`Configuration::decisions`].
pub type DecisionId = u8;

/// A set of voters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Members(u8);

/// A decision that somebody may propose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The decision whose block this one's block descends from; nothing is genesis.
    pub after: Option<DecisionId>,
    /// Who votes on the next one.
    pub next_roster: Members,
}

/// A world to be explored in full.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// What it is about.
    pub name: &'static str,
    /// How many voters follow the rules.
    pub honest: usize,
    /// How many others sign whatever helps: they have cast every vote.
    pub faulty: usize,
    /// The roster that the log begins with.
    pub first_roster: Members,
    /// The rosters that the relay may force.
    pub forced_rosters: Vec<Members>,
    /// What may be proposed, ordered so that each comes after the one that it builds on.
    pub decisions: Vec<Decision>,
    /// Terms: 1 to this one.
    pub rounds: Round,
    /// Whether the relay logs what is certified. Where it does not, the certificates alone are
    /// looked at.
    pub logs: bool,
    /// How often each fault may happen.
    pub faults: Faults,
    /// What must be reachable, or the configuration shows nothing.
    pub reaches: Vec<&'static str>,
}

impl Members {
    /// Nobody.
    pub const NONE: Self = Self(0);

    /// These.
    #[must_use]
    pub fn of(voters: &[VoterId]) -> Self {
        Self(voters.iter().fold(0, |set, voter| set | 1 << voter))
    }

    /// Whether a voter is one of them.
    #[must_use]
    pub fn contain(self, voter: VoterId) -> bool {
        self.0 & 1 << voter != 0
    }

    /// How many they are.
    #[must_use]
    pub fn count(self) -> usize {
        (0..8).filter(|&voter| self.contain(voter)).count()
    }

    /// The same set after renaming each voter.
    #[must_use]
    pub fn renamed(self, names: &[VoterId]) -> Self {
        let members = (0..).zip(names).filter(|&(voter, _)| self.contain(voter));
        Self(members.fold(0, |set, (_, name)| set | 1 << name))
    }
}

impl Configuration {
    /// The decision with this number.
    #[must_use]
    pub fn decision(&self, id: DecisionId) -> Decision {
        self.decisions[usize::from(id)]
    }

    /// All decisions that may be proposed.
    pub fn decision_ids(&self) -> impl Iterator<Item = DecisionId> + use<> {
        0..u8::try_from(self.decisions.len()).unwrap_or(u8::MAX)
    }

    /// The number of the decision after this one.
    #[must_use]
    pub fn instance_after(&self, last: Option<DecisionId>) -> u8 {
        match last {
            None => 1,
            Some(last) => 1 + self.instance_after(self.decision(last).after),
        }
    }

    /// The honest voters.
    pub fn honest_voters(&self) -> impl Iterator<Item = VoterId> + use<> {
        0..u8::try_from(self.honest).unwrap_or(u8::MAX)
    }

    /// All voters.
    pub fn voters(&self) -> impl Iterator<Item = VoterId> + use<> {
        0..u8::try_from(self.honest + self.faulty).unwrap_or(u8::MAX)
    }

    /// The rosters that may come to be.
    pub fn rosters(&self) -> impl Iterator<Item = Members> + '_ {
        let decided = self.decisions.iter().map(|decision| decision.next_roster);
        let forced = self.forced_rosters.iter().copied();
        std::iter::once(self.first_roster)
            .chain(forced)
            .chain(decided)
    }

    /// The voter of whose storage there are two copies, where there is one: the first.
    #[must_use]
    pub fn has_copy(&self, voter: VoterId) -> bool {
        voter == 0 && self.faults.copies_swapped > 0
    }
}
