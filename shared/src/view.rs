//! What pages and programs are shown of a node, and of a replica with its log.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::finality::evidence::Conviction;
use crate::finality::log::LogSummary;
use crate::hash::{BlockHash, Hash, NetworkId};
use crate::keys::PublicKey;
use crate::message::{CheckReport, ErrorMessage, Leader, Member, MemberId};
use crate::network::Holder;
use crate::rejection::{Rejection, RejectionCounts};
use crate::replica::Replica;

/// What a page shows of a node.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct View {
    /// The node's key.
    pub key: PublicKey,
    /// The network, once it is known.
    pub network: Option<NetworkView>,
    /// The connection.
    pub connection: Connection,
    /// Whether it has everything that it knows the relay to have.
    pub is_synced: bool,
    /// The node's number, once it has one.
    pub id: Option<MemberId>,
    /// Who leads.
    pub leader: Option<Leader>,
    /// Everyone present, by number.
    pub members: Vec<Member>,
    /// The replica.
    pub chain: ChainView,
    /// Pending transactions in the mempool.
    pub pending: u32,
    /// Of these, own ones that the relay has not stored yet.
    pub unacknowledged: u32,
    /// Mining; where the proof is stake, producing.
    pub mining: MiningView,
    /// Who may produce, where the proof is stake.
    pub stake: Option<StakeView>,
    /// The last consistency check.
    pub check: Option<CheckReport>,
    /// Heights at which this replica's stored bytes are known to be damaged.
    pub damaged: Vec<u64>,
    /// Who is proved to have signed what contradicts itself: members, and the relay.
    pub convicted: Vec<Conviction>,
    /// Why this node does not vote although it could, if it does not.
    pub abstention: Option<Abstention>,
    /// How far the relay's clock is ahead of this one, in milliseconds.
    pub clock_offset_ms: i64,
    /// What was rejected lately, newest last, at most 20.
    pub rejections: Vec<Rejection>,
    /// How much was rejected since the start, by kind.
    pub rejected: RejectionCounts,
}

/// What a page shows of a network.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct NetworkView {
    /// Its id.
    pub id: NetworkId,
    /// Its name.
    pub name: String,
    /// Time between blocks that it aims at.
    pub spacing_ms: u64,
    /// What a block's producer is credited.
    pub block_reward: u64,
}

/// The state of the connection to the relay.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Connection {
    /// Trying.
    Connecting,
    /// Waiting until the next attempt.
    Waiting {
        /// When it is, milliseconds since 1970 UTC.
        until_ms: u64,
        /// Failed attempts in a row.
        attempts: u32,
    },
    /// Proving who we are.
    Registering,
    /// A member.
    Joined,
    /// Refused for good, until the user acts.
    Refused(ErrorMessage),
    /// Left by the user's wish.
    Left,
}

/// What a page shows of the replica.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct ChainView {
    /// Height of the best block.
    pub height: u64,
    /// Its hash.
    pub tip: BlockHash,
    /// Its timestamp.
    pub tip_timestamp_ms: u64,
    /// Height of the best header; above `height` while bodies are being fetched.
    pub best_header_height: u64,
    /// Height of the last final block.
    pub final_height: u64,
    /// How many members signed its decision, of how many.
    pub final_by: Option<(u32, u32)>,
    /// How often the relay replaced a roster after the first.
    pub forced_changes: u64,
    /// Entries of the decision log.
    pub log_length: u64,
    /// The log's fingerprint, for comparison with that of others.
    pub log_head: Hash,
    /// Reorganisations since the start.
    pub reorganisations: u64,
    /// The node's own balance.
    pub balance: u64,
}

impl ChainView {
    /// That of a replica, as far as its log has come, and of the balance of a key.
    #[must_use]
    pub fn of(replica: &Replica, log: &LogSummary, key: &PublicKey) -> Self {
        let chain = replica.chain();
        let tip = chain.tip();
        let last = log.last;
        Self {
            height: tip.height,
            tip: tip.hash,
            tip_timestamp_ms: chain
                .header(tip.height)
                .map_or(0, |sealed| sealed.header.timestamp_ms),
            best_header_height: chain.best_header().height,
            final_height: chain.final_height().min(last.height),
            final_by: (last.instance > 0).then_some((last.signers, last.members)),
            forced_changes: log.forced_changes,
            log_length: log.length,
            log_head: log.head,
            reorganisations: chain.reorganisations(),
            balance: chain.state().account(key).balance,
        }
    }
}

/// What a page shows of mining.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MiningView {
    /// Whether the user wants to mine.
    pub wanted: bool,
    /// Why it pauses although it is wanted, if it does.
    pub paused: Option<MiningPause>,
    /// The miners' rate.
    pub hashes_per_second: u64,
    /// Expected hashes for a block now.
    pub expected_hashes: u64,
    /// Blocks found since the start.
    pub found: u64,
}

/// What a page shows of proof of stake.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StakeView {
    /// The present slot.
    pub slot: u64,
    /// Its epoch.
    pub epoch: u64,
    /// When the next epoch begins, milliseconds since 1970 UTC by the relay's clock.
    pub next_epoch_at_ms: u64,
    /// All stake that counts now.
    pub total: u64,
    /// The stake of the node's own key that counts now.
    pub own: u64,
    /// What of it will count in the next epoch.
    pub own_next: u64,
    /// Whose stake counts now, the greatest first, at most 100.
    pub holders: Vec<Holder>,
    /// How many of all whose stake counts now are present. If none is, no block can come before
    /// one of them is back.
    pub holders_present: u32,
    /// Who of them is drawn next if no block comes before, and when; nothing where nobody is
    /// drawn soon.
    pub next: Option<(u64, PublicKey)>,
}

/// Why a node does not vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Abstention {
    /// Its storage was restored from a backup, or is a copy: its key has voted since. It votes
    /// again once the next decision, or another roster, is in the log.
    OldStorage,
}

/// Why mining pauses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum MiningPause {
    /// The chain is still being fetched.
    Syncing,
    /// Too many blocks stand above the last decision.
    Undecided,
    /// No network is known yet.
    NoNetwork,
    /// The proof is stake, and none of this key's counts now.
    NoStake,
    /// The proof is stake, and the relay is away, or has not been heard since this device slept or
    /// its clock was set.
    NoRelay,
}
