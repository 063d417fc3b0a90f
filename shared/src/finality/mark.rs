//! How far a key has voted, by the relay's account: what keeps a copy of a key, or one that was
//! restored from a backup, from voting a second time. docs/adr/0040 says why it suffices.

use borsh::{BorshDeserialize, BorshSerialize};

use super::voter::VoteState;
use super::{Ballot, Step, Vote};
use crate::keys::{PublicKey, SignatureError};

/// The last votes of one key that the relay has passed on. The relay makes it durable before it
/// passes a vote on, and tells it to whoever registers with the key.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct VoteMark {
    /// Length of the relay's log when it passed them on. Both votes belong to that log's end.
    pub log_length: u64,
    /// The prevote of the greatest round.
    pub prevote: Option<Vote>,
    /// The precommit of the greatest round.
    pub precommit: Option<Vote>,
}

/// How a vote stands to the mark of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is beyond the mark, which now is this vote.
    Newer,
    /// The mark is this very vote.
    Same,
    /// The mark is of a later round, or of a longer log.
    Older,
    /// The mark is a different vote for the same step of the same round: this one.
    Conflicting(Box<Vote>),
}

impl VoteMark {
    /// The mark of a key of which nothing was passed on at the end of a log of this length.
    #[must_use]
    pub fn new(log_length: u64) -> Self {
        Self {
            log_length,
            prevote: None,
            precommit: None,
        }
    }

    /// Judges a vote for the end of a log of this length, and moves on to it where it is newer.
    pub fn advance(&mut self, log_length: u64, vote: Vote) -> Standing {
        if log_length < self.log_length {
            return Standing::Older;
        }
        if log_length > self.log_length {
            *self = Self::new(log_length);
        }
        let last = match vote.ballot.step {
            Step::Prevote => &mut self.prevote,
            Step::Precommit => &mut self.precommit,
        };
        match last {
            Some(last) if last.ballot == vote.ballot => Standing::Same,
            Some(last) if last.ballot.round == vote.ballot.round => {
                Standing::Conflicting(Box::new(*last))
            }
            Some(last) if last.ballot.round > vote.ballot.round => Standing::Older,
            _ => {
                *last = Some(vote);
                Standing::Newer
            }
        }
    }

    /// Whether the votes are this key's: a relay cannot silence a member by votes of its own making.
    pub fn verify(&self, key: &PublicKey) -> Result<(), SignatureError> {
        self.votes()
            .try_for_each(|vote| key.verify(&vote.ballot.statement(), &vote.signature))
    }

    /// Whether a voter that has bound itself to `state`, and to nothing else that it knows of, may
    /// vote. It may not where it lacks a vote of the mark: with that vote it would lack the lock
    /// that came with it. It may again once the log has moved on, which makes these votes void.
    #[must_use]
    pub fn allows(&self, state: &VoteState) -> bool {
        if self.log_length == state.log_length {
            return covers(state.prevote, self.prevote) && covers(state.precommit, self.precommit);
        }
        self.log_length < state.log_length
    }

    fn votes(&self) -> impl Iterator<Item = &Vote> {
        self.prevote.iter().chain(&self.precommit)
    }
}

fn covers(own: Option<Ballot>, marked: Option<Vote>) -> bool {
    marked.is_none_or(|marked| {
        own.is_some_and(|own| own == marked.ballot || own.round > marked.ballot.round)
    })
}
