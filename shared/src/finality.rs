//! Finality: what a roster of members decides by more than two thirds, and the log of it.
//!
//! The votes are those of Tendermint (arXiv 1807.04938): proposal, prevote, precommit, locks. The
//! round is the leader's term, which the relay issues, so that tabs need no timers. A decision
//! is *certified* once its certificate verifies, and *final* once it is in the relay's log.

pub mod certificate;
pub mod evidence;
pub mod log;
pub mod mark;
pub mod policy;
#[cfg(test)]
mod tests;
pub mod voter;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::encoding::List;
use crate::hash::{BlockHash, Hash, NetworkId, Tag};
use crate::keys::{PublicKey, Signature};
use crate::limits::ROSTER_MEMBERS_MAX;

/// Those who vote on the next decision: sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Roster {
    /// The members' keys, ascending.
    pub members: List<PublicKey, ROSTER_MEMBERS_MAX>,
}

/// What is decided. Its hash is what votes name.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Decision {
    /// The network.
    pub network: NetworkId,
    /// The number of the decision, from 1; a forced change does not use one up.
    pub instance: u64,
    /// Height of the decided block.
    pub height: u64,
    /// The decided block: it and all before it are left by no honest node.
    pub block: BlockHash,
    /// Root of the history tree over the blocks 0 to `height`.
    pub history_root: Hash,
    /// How often the relay has replaced the roster after the first, in the log before this
    /// decision. Members sign it, so that who is shown part of a log knows what all of it says.
    pub forced_changes: u64,
    /// Who votes on the next decision.
    pub next_roster: Roster,
}

/// A leader's proposal for an instance in its term.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proposal {
    /// What is proposed.
    pub decision: Decision,
    /// The hash of the roster that votes.
    pub roster: Hash,
    /// The term.
    pub round: u64,
    /// The earlier round in which this decision had its prevotes, with those prevotes.
    pub valid: Option<Certificate>,
    /// The leader.
    pub proposer: PublicKey,
    /// Its signature over the rest.
    pub signature: Signature,
}

/// The two steps of a round in which members vote.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub enum Step {
    /// "I would accept this."
    Prevote,
    /// "More than two thirds would, and I am bound to it."
    Precommit,
}

/// What a vote says, and what is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub struct Ballot {
    /// The network.
    pub network: NetworkId,
    /// The hash of the roster that votes.
    pub roster: Hash,
    /// The number of the decision.
    pub instance: u64,
    /// How many forced changes came before: each makes votes void, also where it keeps the roster.
    pub forced_changes: u64,
    /// The term.
    pub round: u64,
    /// The step.
    pub step: Step,
    /// The hash of the decision voted for, or nothing.
    pub value: Option<Hash>,
}

/// A member's signed ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Vote {
    /// What it says.
    pub ballot: Ballot,
    /// Who votes.
    pub voter: PublicKey,
    /// The voter's signature over the tagged ballot.
    pub signature: Signature,
}

/// Equal votes of more than two thirds of a roster, for one step of one round.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Certificate {
    /// The round in which the votes were cast.
    pub round: u64,
    /// The voter's index in the roster, ascending, and its signature.
    pub signatures: List<(u16, Signature), ROSTER_MEMBERS_MAX>,
}

/// One entry of the relay's log.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LogEntry {
    /// What the relay signs.
    pub record: LogRecord,
    /// The relay's signature over the tagged record.
    pub signature: Signature,
}

/// An entry of the log without its signature.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LogRecord {
    /// The network.
    pub network: NetworkId,
    /// The entry's number, from 0.
    pub index: u64,
    /// The hash of the record before; zero for the first.
    pub previous: Hash,
    /// When the relay wrote it, milliseconds since 1970 UTC: the relay's word only.
    pub timestamp_ms: u64,
    /// What happened.
    pub event: LogEvent,
}

/// What the log records.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum LogEvent {
    /// The roster decided, by precommits of more than two thirds.
    Decided {
        /// What was decided.
        decision: Decision,
        /// The precommits.
        certificate: Certificate,
    },
    /// The relay replaced the roster: at the start, or because a third of it had vanished.
    Forced {
        /// The number of the decision that the new roster votes on; unlogged votes for it and
        /// later ones by earlier rosters are void.
        instance: u64,
        /// The hash of the roster before; that of the empty roster at the start.
        old_roster: Hash,
        /// The roster from now on.
        new_roster: Roster,
        /// Height of the last decided block; 0 when nothing is decided.
        base_height: u64,
        /// The last decided block; genesis when nothing is decided.
        base: BlockHash,
    },
}

impl Roster {
    /// A roster of these members, sorted, each once; as many as a roster may have.
    pub fn of(members: impl IntoIterator<Item = PublicKey>) -> Self {
        let mut sorted = std::collections::BTreeSet::new();
        sorted.extend(members);
        Self {
            members: List::truncated(sorted),
        }
    }

    /// The roster's name in ballots.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Tag::ROSTER.hash_encoded(self)
    }

    /// How many members are more than two thirds.
    #[must_use]
    pub fn quorum(&self) -> usize {
        self.members.len() * 2 / 3 + 1
    }

    /// A member's index.
    #[must_use]
    pub fn index_of(&self, key: &PublicKey) -> Option<usize> {
        self.members.binary_search(key).ok()
    }

    /// Whether it is sorted, without repetition, and not empty.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        !self.members.is_empty()
            && self
                .members
                .iter()
                .zip(self.members.iter().skip(1))
                .all(|(one, next)| one < next)
    }
}

impl Decision {
    /// What votes name.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Tag::DECISION.hash_encoded(self)
    }
}

impl Ballot {
    /// The bytes that a voter signs.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        Tag::VOTE.statement(self)
    }
}

impl LogRecord {
    /// What the next entry names as `previous`: the log's fingerprint.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Tag::LOG_ENTRY.hash_encoded(self)
    }

    /// The bytes that the relay signs.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        Tag::LOG_ENTRY.statement(self)
    }
}
