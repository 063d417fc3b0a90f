//! Why a voter refuses votes and proposals of others.

use crate::finality::certificate::CertificateError;
use crate::hash::NetworkId;
use crate::keys::{PublicKey, SignatureError};

/// A vote that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VoteError {
    /// It belongs to another network.
    #[error("a vote of network {expected} was expected, one of {came} came")]
    Network {
        /// This network.
        expected: NetworkId,
        /// The vote's.
        came: NetworkId,
    },
    /// The voter is not in the roster.
    #[error("{voter} is not in the roster that votes on decision {instance}")]
    NotMember {
        /// Who voted.
        voter: PublicKey,
        /// The number of the decision.
        instance: u64,
    },
    /// The signature is not the voter's.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// The member voted differently in this step before. The proof is kept.
    #[error("{voter} has cast two different votes in round {round} of decision {instance}")]
    Equivocation {
        /// Who voted.
        voter: PublicKey,
        /// The number of the decision.
        instance: u64,
        /// The round.
        round: u64,
    },
}

/// A proposal that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposalError {
    /// It belongs to another network.
    #[error("a proposal of network {expected} was expected, one of {came} came")]
    Network {
        /// This network.
        expected: NetworkId,
        /// The proposal's.
        came: NetworkId,
    },
    /// Its proposer does not lead in its term.
    #[error("{expected} leads in term {round}, a proposal of {came} came")]
    NotLeader {
        /// Who leads.
        expected: PublicKey,
        /// Who proposed.
        came: PublicKey,
        /// The term.
        round: u64,
    },
    /// The leader has proposed something else in this term.
    #[error("{proposer} has proposed something else in term {round} before")]
    Second {
        /// The leader.
        proposer: PublicKey,
        /// The term.
        round: u64,
    },
    /// The prevotes that it rests on are of no earlier round.
    #[error(
        "a proposal of round {round} rests on prevotes of an earlier round, those of round {came} came"
    )]
    ValidRound {
        /// The proposal's round.
        round: u64,
        /// The round of the prevotes.
        came: u64,
    },
    /// The prevotes that it rests on do not hold.
    #[error("the prevotes of an earlier round do not hold: {0}")]
    Valid(#[from] CertificateError),
    /// The signature is not the proposer's.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}
