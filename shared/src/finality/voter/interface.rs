//! What goes into a voter and what comes out.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::finality::{Ballot, Certificate, Decision};
use crate::hash::{BlockHash, Hash};
use crate::keys::PublicKey;
use crate::message::{Certified, Message};

/// What a voter asks about the replica and about who is here.
pub trait ChainOracle {
    /// How a block stands to the replica and to the last decision.
    fn standing(&self, height: u64, block: &BlockHash) -> BlockStanding;

    /// Root of the history tree over the blocks 0 to `height` of the chain that ends in `block`.
    /// Nothing where that chain is not known completely.
    fn history_root_to(&self, height: u64, block: &BlockHash) -> Option<Hash>;

    /// The best block that is verified in full: its height and hash.
    fn tip(&self) -> (u64, BlockHash);

    /// Whether a member is present or left so recently that others may not know it yet.
    fn is_present(&self, member: &PublicKey) -> bool;

    /// Whether this member means to stay.
    fn means_to_stay(&self) -> bool;

    /// The members present, this one included.
    fn present(&self) -> Vec<PresentMember>;
}

/// How a block stands to a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockStanding {
    /// It stands on the executed chain, and descends from the last decided block.
    Executed,
    /// It and all before it were executed, descend from the last decided block, and were left for
    /// another branch. What is stored of it is gone: a crash loses it.
    Left,
    /// It, or something before it, has not come yet or is not verified yet.
    Unknown,
    /// It is invalid, stands at another height, or does not descend from the last decided block.
    Conflicting,
}

/// A member who may be in the next roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PresentMember {
    /// Its key.
    pub key: PublicKey,
    /// Whether it follows the chain. One that does not stays in the roster, but does not join it.
    pub synced: bool,
    /// Whether it abstains from votes for the present decision.
    pub abstains: bool,
    /// Whether it means to stay. One that does not is in no roster.
    pub stays: bool,
}

/// What a voter has bound itself to. It is durable before a vote that follows from it is signed:
/// the node stores it in [`crate::store::Table::Votes`].
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct VoteState {
    /// Length of the decision log under which this was voted. A longer log ends it.
    pub log_length: u64,
    /// The number of the decision.
    pub instance: u64,
    /// The prevote of the greatest round.
    pub prevote: Option<Ballot>,
    /// The precommit of the greatest round.
    pub precommit: Option<Ballot>,
    /// What it precommitted last, and in which round: `lockedValue` and `lockedRound`.
    pub locked: Option<(u64, Decision)>,
    /// What had its prevotes last, and these: `validValue` and `validRound`.
    pub valid: Option<Certified>,
    /// What it proposed as a leader last, and in which round.
    pub proposed: Option<Proposed>,
}

/// A proposal before it is signed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Proposed {
    /// The round.
    pub round: u64,
    /// What is proposed.
    pub decision: Decision,
    /// The prevotes that it had in an earlier round.
    pub valid: Option<Certificate>,
}

/// Something to be done for the voter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Store this durably, then call [`Voter::on_persisted`](super::Voter::on_persisted) with the number.
    Persist {
        /// Ascending.
        number: u64,
        /// What to store; replaces what was stored before.
        state: Box<VoteState>,
    },
    /// Sign this with the member's key, then call [`Voter::on_signed`](super::Voter::on_signed) with the number.
    Sign {
        /// Pairs request and answer.
        number: u64,
        /// The bytes to be signed.
        statement: Vec<u8>,
    },
    /// Send this to the relay: a proposal, a vote, or a certified decision.
    Send(Box<Message>),
}
