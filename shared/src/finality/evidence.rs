//! Proof that a key has signed what contradicts itself. Whoever has the network's parameters can
//! verify it; it convicts a member, or the relay.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};

use super::{Ballot, LogEntry, Proposal, Step, Vote};
use crate::block::SealedHeader;
use crate::chain::{RestoreError, row_value};
use crate::encoding::encode;
use crate::hash::{BlockHash, Hash};
use crate::held::Held;
use crate::keys::{PublicKey, SignatureError};
use crate::limits::EVIDENCE_MAX;
use crate::message::Term;
use crate::network::NetworkParameters;
use crate::store::{Rows, Table, Write};

/// Two statements of one key that contradict each other.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Evidence {
    /// Different votes of a member for one step of one round.
    Votes(Box<(Vote, Vote)>),
    /// A leader's proposals of different decisions for one instance and term.
    Proposals(Box<(Proposal, Proposal)>),
    /// Entries of the relay's log that do not belong to one log: different ones at one index, or
    /// one that does not continue the one before it.
    Log(Box<(LogEntry, LogEntry)>),
    /// Different blocks of a producer for one slot, where the proof is stake.
    Blocks(Box<(SealedHeader, SealedHeader)>),
}

/// What kind of statements contradict each other.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub enum EvidenceKind {
    /// [`Evidence::Votes`].
    Votes,
    /// [`Evidence::Proposals`].
    Proposals,
    /// [`Evidence::Log`].
    Log,
    /// [`Evidence::Blocks`].
    Blocks,
}

/// Somebody who is convicted, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Conviction {
    /// Whose statements contradict each other: a member's, or the relay's.
    pub key: PublicKey,
    /// What was signed.
    pub offence: Offence,
}

/// What a key has signed that contradicts itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Offence {
    /// A member voted twice.
    Votes {
        /// The number of the decision.
        instance: u64,
        /// The round.
        round: Term,
        /// The step.
        step: Step,
        /// Hashes of the decisions that it voted for; nothing is a vote for none.
        values: [Option<Hash>; 2],
    },
    /// A leader proposed twice.
    Proposals {
        /// The number of the decision.
        instance: u64,
        /// The term in which it led.
        round: Term,
        /// Hashes of the decisions that it proposed.
        decisions: [Hash; 2],
    },
    /// The relay signed two logs.
    Log {
        /// Index and hash of two entries that do not belong to one log.
        entries: [(u64, Hash); 2],
    },
    /// A holder of stake produced twice in one slot.
    Blocks {
        /// When the slot begins, milliseconds since 1970 UTC.
        slot_start_ms: u64,
        /// The blocks.
        blocks: [BlockHash; 2],
    },
}

/// Evidence that proves nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// Nobody does wrong who signs both.
    #[error("two statements of one key that contradict each other were expected, these do not")]
    Agreeing,
    /// They are about another network.
    #[error("statements about this network were expected, these are about another one")]
    Network,
    /// One of them is not signed by that key.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl Evidence {
    /// Whom it convicts in a network, and of what.
    pub fn verify(&self, network: &NetworkParameters) -> Result<Conviction, EvidenceError> {
        let id = network.id();
        let (networks, contradict) = match self {
            Self::Votes(votes) => {
                let (one, other) = &**votes;
                let other_value = Ballot {
                    value: other.ballot.value,
                    ..one.ballot
                };
                (
                    [one.ballot.network, other.ballot.network],
                    one.voter == other.voter
                        && other_value == other.ballot
                        && one.ballot != other.ballot,
                )
            }
            Self::Proposals(proposals) => {
                let (one, other) = &**proposals;
                let place = |proposal: &Proposal| {
                    let decision = &proposal.decision;
                    let log_end = (proposal.roster, decision.instance, decision.forced_changes);
                    (proposal.proposer, log_end, proposal.round)
                };
                (
                    [one.decision.network, other.decision.network],
                    place(one) == place(other) && one.decision != other.decision,
                )
            }
            Self::Log(entries) => {
                let (one, other) = (&entries.0.record, &entries.1.record);
                let are_two = one.index == other.index && one != other;
                let breaks =
                    one.index.checked_add(1) == Some(other.index) && other.previous != one.hash();
                ([one.network, other.network], are_two || breaks)
            }
            Self::Blocks(blocks) => {
                let (one, other) = &**blocks;
                let turn = |sealed: &SealedHeader| {
                    let header = &sealed.header;
                    (header.producer, header.timestamp_ms)
                };
                // A block does not name its network, but what its producer signs does.
                let are_two = turn(one) == turn(other) && one.header != other.header;
                ([id, id], are_two && network.stake().is_some())
            }
        };
        if networks != [id, id] {
            return Err(EvidenceError::Network);
        }
        if !contradict {
            return Err(EvidenceError::Agreeing);
        }
        match self {
            Self::Votes(votes) => votes.0.verify().and_then(|()| votes.1.verify()),
            Self::Proposals(proposals) => proposals.0.verify().and_then(|()| proposals.1.verify()),
            Self::Log(entries) => [&entries.0, &entries.1].into_iter().try_for_each(|entry| {
                let statement = entry.record.statement();
                network.relay.verify(&statement, &entry.signature)
            }),
            Self::Blocks(blocks) => [&blocks.0, &blocks.1]
                .into_iter()
                .try_for_each(|sealed| sealed.verify_signature(&id)),
        }?;
        Ok(self.conviction(&network.relay))
    }

    /// Whom it convicts if it holds, and of what.
    #[must_use]
    pub fn conviction(&self, relay: &PublicKey) -> Conviction {
        let offence = match self {
            Self::Votes(votes) => Offence::Votes {
                instance: votes.0.ballot.instance,
                round: votes.0.ballot.round,
                step: votes.0.ballot.step,
                values: [votes.0.ballot.value, votes.1.ballot.value],
            },
            Self::Proposals(proposals) => Offence::Proposals {
                instance: proposals.0.decision.instance,
                round: proposals.0.round,
                decisions: [proposals.0.decision.hash(), proposals.1.decision.hash()],
            },
            Self::Log(entries) => Offence::Log {
                entries: [&entries.0, &entries.1]
                    .map(|entry| (entry.record.index, entry.record.hash())),
            },
            Self::Blocks(blocks) => Offence::Blocks {
                slot_start_ms: blocks.0.header.timestamp_ms,
                blocks: [&blocks.0, &blocks.1].map(|sealed| sealed.header.hash()),
            },
        };
        let (key, _) = self.accused(relay);
        Conviction { key, offence }
    }

    /// Whom it accuses, and of what kind of contradiction.
    #[must_use]
    pub fn accused(&self, relay: &PublicKey) -> (PublicKey, EvidenceKind) {
        match self {
            Self::Votes(votes) => (votes.0.voter, EvidenceKind::Votes),
            Self::Proposals(proposals) => (proposals.0.proposer, EvidenceKind::Proposals),
            Self::Log(_) => (*relay, EvidenceKind::Log),
            Self::Blocks(blocks) => (blocks.0.header.producer, EvidenceKind::Blocks),
        }
    }
}

impl Offence {
    /// What kind of statements were signed.
    #[must_use]
    pub fn kind(&self) -> EvidenceKind {
        match self {
            Self::Votes { .. } => EvidenceKind::Votes,
            Self::Proposals { .. } => EvidenceKind::Proposals,
            Self::Log { .. } => EvidenceKind::Log,
            Self::Blocks { .. } => EvidenceKind::Blocks,
        }
    }
}

/// The evidence that is kept: one piece for each key and kind, rows of [`Table::Evidence`].
#[derive(Clone, Debug, Default)]
pub struct EvidenceBook {
    pieces: BTreeMap<(PublicKey, EvidenceKind), Evidence>,
    convictions: Vec<Conviction>,
}

impl EvidenceBook {
    /// The stored evidence of a network. It was verified before it was stored.
    pub fn restore(network: &NetworkParameters, rows: &Rows) -> Result<Self, RestoreError> {
        let mut book = Self::default();
        for row in rows.table(Table::Evidence) {
            book.keep(network, row_value(Table::Evidence, &row.value)?);
        }
        Ok(book)
    }

    /// Keeps what holds and is new, and returns the rows to be written; none where it is known
    /// or there is no room. `matters` says of a key whether it votes or holds stake: where the
    /// room is full, evidence against it takes the place of evidence against one that does not.
    /// So nobody fills the room with keys of their own making.
    pub fn add(
        &mut self,
        network: &NetworkParameters,
        evidence: &Evidence,
        matters: impl Fn(&PublicKey) -> bool,
    ) -> Result<Vec<Write>, EvidenceError> {
        let accused = evidence.accused(&network.relay);
        if self.pieces.contains_key(&accused) {
            return Ok(Vec::new());
        }
        let mut rows = Vec::new();
        let mut replaced = None;
        // There is always room for the relay's.
        if self.pieces.len() >= EVIDENCE_MAX && accused.1 != EvidenceKind::Log {
            let mut kept = self.pieces.keys();
            replaced = kept
                .find(|(key, kind)| *kind != EvidenceKind::Log && !matters(key))
                .filter(|_| matters(&accused.0))
                .copied();
            if replaced.is_none() {
                return Ok(rows);
            }
        }
        evidence.verify(network)?;
        if let Some(replaced) = replaced {
            self.pieces.remove(&replaced);
            self.convictions
                .retain(|conviction| (conviction.key, conviction.offence.kind()) != replaced);
            rows.push(Write::remove(Table::Evidence, encode(&replaced)));
        }
        self.keep(network, evidence.clone());
        rows.push(Write::put(Table::Evidence, encode(&accused), evidence));
        Ok(rows)
    }

    /// Who is convicted, and of what: in the order in which it came up, after a restart in that of
    /// the keys.
    #[must_use]
    pub fn convictions(&self) -> &[Conviction] {
        &self.convictions
    }

    /// All of it.
    pub fn iter(&self) -> impl Iterator<Item = &Evidence> {
        self.pieces.values()
    }

    /// Whether the relay is convicted of having signed two logs.
    #[must_use]
    pub fn convicts_relay(&self) -> bool {
        let mut offences = self.convictions.iter().map(|conviction| conviction.offence);
        offences.any(|offence| offence.kind() == EvidenceKind::Log)
    }

    /// How much is kept: the relay's comes on top.
    pub(crate) fn held(&self) -> Held {
        Held::new("evidence", self.pieces.len(), EVIDENCE_MAX + 1)
    }

    fn keep(&mut self, network: &NetworkParameters, evidence: Evidence) {
        self.convictions.push(evidence.conviction(&network.relay));
        let accused = evidence.accused(&network.relay);
        self.pieces.insert(accused, evidence);
    }
}
