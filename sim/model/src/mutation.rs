//! Faults planted into the rules. The checker must refute each one, or it would not find it in
//! the rules either.

/// One rule, broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutation {
    /// Two thirds are a quorum, instead of more than two thirds.
    QuorumOfTwoThirds,
    /// A signer counts once for each of its signatures.
    SignerCountedTwice,
    /// A restart forgets what was locked.
    LockLostInRestart,
    /// A vote is sent before it is durable: a restart forgets that it was cast.
    VoteSentBeforeDurable,
    /// A lock is released by prevotes of an older round than the lock's.
    LockReleasedByOlderProof,
    /// A forced change builds on the decision before the last one.
    ForcedChangeDropsBase,
    /// The relay logs a certificate of any roster of the instance.
    OtherRostersCertificate,
    /// A node takes a certificate for final that the log does not have.
    UnloggedIsFinal,
    /// The relay tells an entry before it is durable.
    ToldBeforeDurable,
    /// Votes do not say how many forced changes came before them.
    VotesOutliveForcedChanges,
    /// A key restored from an older state votes on, and the relay passes that on.
    RestoredKeyVotes,
}

impl Mutation {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::QuorumOfTwoThirds,
        Self::SignerCountedTwice,
        Self::LockLostInRestart,
        Self::VoteSentBeforeDurable,
        Self::LockReleasedByOlderProof,
        Self::ForcedChangeDropsBase,
        Self::OtherRostersCertificate,
        Self::UnloggedIsFinal,
        Self::ToldBeforeDurable,
        Self::VotesOutliveForcedChanges,
        Self::RestoredKeyVotes,
    ];
}
