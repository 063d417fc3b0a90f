//! What members can make a voter keep.

use super::Voter;
use crate::held::Held;
use crate::limits::{EARLY_PROPOSALS_MAX, EARLY_VOTES_MAX, VOTE_ROUNDS_AROUND};

impl Voter {
    /// What is kept of others' votes and proposals.
    pub(crate) fn held(&self) -> [Held; 4] {
        let (early_votes, proposals) = self.early.kept();
        let (rounds, votes) = self.rounds.kept();
        let rounds_max = usize::try_from(2 * VOTE_ROUNDS_AROUND + 1).unwrap_or(usize::MAX);
        let members = self.log.roster.members.len();
        [
            Held::new("early votes", early_votes, EARLY_VOTES_MAX),
            Held::new("early proposals", proposals, EARLY_PROPOSALS_MAX),
            Held::new("rounds", rounds, rounds_max),
            Held::new("votes", votes, 2 * rounds_max * members),
        ]
    }
}
