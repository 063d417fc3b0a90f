//! Votes and proposals that came before the log entry or the term that they belong to.

use crate::finality::{Proposal, Vote};
use crate::limits::{EARLY_PROPOSALS_MAX, EARLY_VOTES_MAX, EARLY_VOTES_PER_MEMBER_MAX};

/// A bounded store of them; signatures are verified before they get here.
#[derive(Debug, Default)]
pub(super) struct Early {
    votes: Vec<Vote>,
    proposals: Vec<Proposal>,
}

impl Early {
    /// Numbers of votes and of proposals that are kept.
    pub(super) fn kept(&self) -> (usize, usize) {
        (self.votes.len(), self.proposals.len())
    }

    /// Keeps a vote; of one member the newest few.
    pub(super) fn keep_vote(&mut self, vote: Vote) {
        if self.votes.contains(&vote) {
            return;
        }
        let of_member = |kept: &Vote| kept.voter == vote.voter;
        if self.votes.iter().filter(|kept| of_member(kept)).count() >= EARLY_VOTES_PER_MEMBER_MAX
            && let Some(oldest) = self.votes.iter().position(of_member)
        {
            self.votes.remove(oldest);
        }
        if self.votes.len() < EARLY_VOTES_MAX {
            self.votes.push(vote);
        }
    }

    /// Keeps a proposal; of one proposer the newest.
    pub(super) fn keep_proposal(&mut self, proposal: Proposal) {
        self.proposals
            .retain(|kept| kept.proposer != proposal.proposer);
        if self.proposals.len() < EARLY_PROPOSALS_MAX {
            self.proposals.push(proposal);
        }
    }

    /// All of them, to be judged again.
    pub(super) fn take(&mut self) -> (Vec<Vote>, Vec<Proposal>) {
        (
            std::mem::take(&mut self.votes),
            std::mem::take(&mut self.proposals),
        )
    }
}
