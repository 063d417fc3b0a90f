//! What makes a vote, a proposal and a certificate hold.

use super::{Ballot, Certificate, Decision, Proposal, Roster, Step, Vote};
use crate::hash::{Hash, Tag};
use crate::keys::{PublicKey, SignatureError};

/// A certificate that does not certify.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// Too few signatures.
    #[error("{expected} of {members} members must sign, {came} did")]
    Quorum {
        /// Signatures that are more than two thirds.
        expected: usize,
        /// Members of the roster.
        members: usize,
        /// Signatures that came.
        came: usize,
    },
    /// A signer's index is that of the one before, or a smaller one.
    #[error("signers are listed once and in ascending order, {came} came after {previous}")]
    Order {
        /// The signer before.
        previous: u16,
        /// The signer that came.
        came: u16,
    },
    /// A signer's index lies outside the roster.
    #[error("the roster has {members} members, a signature came from number {came}")]
    Signer {
        /// Members of the roster.
        members: usize,
        /// The index that came.
        came: u16,
    },
    /// A signature does not hold for this decision, round, step and roster.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl Certificate {
    /// Whether more than two thirds of `roster` voted for `decision` in `step` of this round.
    pub fn verify(
        &self,
        decision: &Decision,
        roster: &Roster,
        step: Step,
    ) -> Result<(), CertificateError> {
        self.check_signers(roster)?;
        let statement = Ballot {
            network: decision.network,
            roster: roster.hash(),
            instance: decision.instance,
            forced_changes: decision.forced_changes,
            round: self.round,
            step,
            value: Some(decision.hash()),
        }
        .statement();
        for &(index, ref signature) in self.signatures.iter() {
            let member = roster.members.get(usize::from(index));
            member
                .ok_or_else(|| CertificateError::Signer {
                    members: roster.members.len(),
                    came: index,
                })?
                .verify(&statement, signature)?;
        }
        Ok(())
    }

    /// Whether enough different members of `roster` are named; their signatures are not looked at.
    pub fn check_signers(&self, roster: &Roster) -> Result<(), CertificateError> {
        let members = roster.members.len();
        let pairs = self.signatures.iter().zip(self.signatures.iter().skip(1));
        if let Some((&(previous, _), &(came, _))) =
            pairs.into_iter().find(|(one, next)| one.0 >= next.0)
        {
            return Err(CertificateError::Order { previous, came });
        }
        if let Some(&(came, _)) = self.signatures.last()
            && usize::from(came) >= members
        {
            return Err(CertificateError::Signer { members, came });
        }
        if members == 0 || self.signatures.len() < roster.quorum() {
            return Err(CertificateError::Quorum {
                expected: roster.quorum(),
                members,
                came: self.signatures.len(),
            });
        }
        Ok(())
    }
}

impl Vote {
    /// Whether the signature is the voter's; whether the voter may vote is for the roster to say.
    pub fn verify(&self) -> Result<(), SignatureError> {
        self.voter.verify(&self.ballot.statement(), &self.signature)
    }
}

impl Proposal {
    /// The bytes that the leader signs: all but its signature.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        Self::statement_of(
            &self.decision,
            &self.roster,
            self.round,
            self.valid.as_ref(),
            &self.proposer,
        )
    }

    pub(super) fn statement_of(
        decision: &Decision,
        roster: &Hash,
        round: u64,
        valid: Option<&Certificate>,
        proposer: &PublicKey,
    ) -> Vec<u8> {
        Tag::PROPOSAL.statement(&(decision, roster, round, valid, proposer))
    }

    /// Whether the signature is the proposer's; whether it leads is for its term to say.
    pub fn verify(&self) -> Result<(), SignatureError> {
        self.proposer.verify(&self.statement(), &self.signature)
    }
}
