//! The proposals and votes of the present decision, by round.

use litemap::LiteMap;

use crate::encoding::List;
use crate::finality::{Certificate, Decision, Proposal, Roster, Step, Vote};
use crate::hash::Hash;
use crate::keys::PublicKey;
use crate::limits::VOTE_ROUNDS_AROUND;

/// Rounds around the present one.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    oldest: u64,
    newest: u64,
    rounds: LiteMap<u64, Round>,
}

#[derive(Debug, Default)]
struct Round {
    proposal: Option<(Hash, Proposal)>,
    prevotes: Tally,
    precommits: Tally,
}

/// The first vote of each member in one step.
#[derive(Debug, Default)]
pub(super) struct Tally(LiteMap<PublicKey, Vote>);

impl Rounds {
    /// Moves on to a round, and returns the oldest that is kept.
    pub(super) fn enter(&mut self, round: u64) -> u64 {
        self.oldest = round.saturating_sub(VOTE_ROUNDS_AROUND);
        self.newest = round.saturating_add(VOTE_ROUNDS_AROUND);
        self.rounds.retain(|&round, _| round >= self.oldest);
        self.oldest
    }

    /// Forgets all votes and proposals.
    pub(super) fn clear(&mut self) {
        self.rounds.clear();
    }

    /// Numbers of rounds and of votes that are kept.
    pub(super) fn kept(&self) -> (usize, usize) {
        let rounds = self.rounds.values();
        let votes = rounds.map(|round| round.prevotes.0.len() + round.precommits.0.len());
        (self.rounds.len(), votes.sum())
    }

    /// Whether this vote counts already.
    pub(super) fn has(&self, vote: &Vote) -> bool {
        self.tally(vote.ballot.round, vote.ballot.step)
            .and_then(|tally| tally.0.get(&vote.voter))
            .is_some_and(|counted| counted.ballot == vote.ballot)
    }

    /// Counts a vote, unless its round is too far away. Returns the other vote that the member
    /// has cast in this step before, if it has.
    pub(super) fn count(&mut self, vote: Vote) -> Option<Vote> {
        let round = self.round_mut(vote.ballot.round)?;
        let tally = match vote.ballot.step {
            Step::Prevote => &mut round.prevotes,
            Step::Precommit => &mut round.precommits,
        };
        let first = tally.0.entry(vote.voter).or_insert(vote);
        (first.ballot != vote.ballot).then_some(*first)
    }

    pub(super) fn tally(&self, round: u64, step: Step) -> Option<&Tally> {
        self.rounds.get(&round).map(|round| match step {
            Step::Prevote => &round.prevotes,
            Step::Precommit => &round.precommits,
        })
    }

    /// The tallies of a step, newest round first.
    pub(super) fn tallies(&self, step: Step) -> impl Iterator<Item = (u64, &Tally)> {
        self.rounds
            .keys()
            .rev()
            .filter_map(move |&round| Some((round, self.tally(round, step)?)))
    }

    /// The proposal of a round and the hash of its decision.
    pub(super) fn proposal(&self, round: u64) -> Option<&(Hash, Proposal)> {
        self.rounds.get(&round)?.proposal.as_ref()
    }

    /// Keeps the first proposal of its round.
    pub(super) fn insert_proposal(&mut self, proposal: Proposal) {
        if let Some(round) = self.round_mut(proposal.round) {
            round
                .proposal
                .get_or_insert_with(|| (proposal.decision.hash(), proposal));
        }
    }

    /// The decision with this hash, where a kept round proposes it.
    pub(super) fn decision(&self, hash: &Hash) -> Option<&Decision> {
        self.rounds
            .values()
            .filter_map(|round| round.proposal.as_ref())
            .find(|(proposed, _)| proposed == hash)
            .map(|(_, proposal)| &proposal.decision)
    }

    fn round_mut(&mut self, round: u64) -> Option<&mut Round> {
        (self.oldest..=self.newest)
            .contains(&round)
            .then(|| self.rounds.entry(round).or_default())
    }
}

impl Tally {
    /// What more than two thirds voted for: a decision or nothing.
    pub(super) fn quorum_value(&self, roster: &Roster) -> Option<Option<Hash>> {
        let mut counts: LiteMap<Option<Hash>, usize> = LiteMap::new();
        for vote in self.0.values() {
            *counts.entry(vote.ballot.value).or_default() += 1;
        }
        counts
            .iter()
            .find(|&(_, count)| *count >= roster.quorum())
            .map(|(value, _)| *value)
    }

    /// All votes for a decision.
    pub(super) fn certificate(&self, round: u64, value: Hash, roster: &Roster) -> Certificate {
        let votes = self.0.values();
        // A roster is sorted by key as the tally is, so its indexes come out ascending.
        let signatures = votes
            .filter(|vote| vote.ballot.value == Some(value))
            .filter_map(|vote| {
                let index = u16::try_from(roster.index_of(&vote.voter)?).ok()?;
                Some((index, vote.signature))
            });
        Certificate {
            round,
            signatures: List::truncated(signatures),
        }
    }
}
