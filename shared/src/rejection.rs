//! What was refused: of what kind, why, and how often. Who makes others refuse too much is dropped.

use std::collections::VecDeque;

use borsh::{BorshDeserialize, BorshSerialize};

use crate::limits::{PEER_ERRORS_PER_MINUTE_MAX, REJECTIONS_KEPT_MAX};

/// What was refused.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize,
)]
pub enum RejectionKind {
    /// Bytes that are no message of this version.
    Frame,
    /// A message that its receiver does not take from this side, from this member, or now.
    OutOfTurn,
    /// A registration: another network, a key that was not proved, no invitation that holds.
    Registration,
    /// A transaction that is not valid.
    Transaction,
    /// A header.
    Header,
    /// A body that is not its header's.
    Body,
    /// A block that execution has found invalid.
    Block,
    /// A leader's proposal.
    Proposal,
    /// A vote, or the relay's account of a key's votes.
    Vote,
    /// A certified decision.
    Decision,
    /// An entry of the decision log.
    LogEntry,
    /// Evidence that convicts nobody.
    Evidence,
    /// An answer in a consistency check.
    Check,
    /// Something of this node's own that the relay has refused.
    Own,
    /// What this side's own store holds or should have taken.
    Storage,
    /// More than a member may send in a time.
    Rate,
}

impl RejectionKind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 16] = [
        Self::Frame,
        Self::OutOfTurn,
        Self::Registration,
        Self::Transaction,
        Self::Header,
        Self::Body,
        Self::Block,
        Self::Proposal,
        Self::Vote,
        Self::Decision,
        Self::LogEntry,
        Self::Evidence,
        Self::Check,
        Self::Own,
        Self::Storage,
        Self::Rate,
    ];

    /// The kind's name for programs: in metrics, in JSON. It stays as it is.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Frame => "frame",
            Self::OutOfTurn => "out_of_turn",
            Self::Registration => "registration",
            Self::Transaction => "transaction",
            Self::Header => "header",
            Self::Body => "body",
            Self::Block => "block",
            Self::Proposal => "proposal",
            Self::Vote => "vote",
            Self::Decision => "decision",
            Self::LogEntry => "log_entry",
            Self::Evidence => "evidence",
            Self::Check => "check",
            Self::Own => "own",
            Self::Storage => "storage",
            Self::Rate => "rate",
        }
    }
}

/// Something that was refused.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Rejection {
    /// When, milliseconds since 1970 UTC.
    pub time_ms: u64,
    /// What.
    pub kind: RejectionKind,
    /// What was expected and what came.
    pub reason: String,
}

/// How often something of each kind was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct RejectionCounts([u64; RejectionKind::ALL.len()]);

impl RejectionCounts {
    /// Counts one more.
    pub fn add(&mut self, kind: RejectionKind) {
        for (counted, count) in RejectionKind::ALL.into_iter().zip(&mut self.0) {
            *count = count.saturating_add(u64::from(counted == kind));
        }
    }

    /// The kinds that were refused at all, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (RejectionKind, u64)> {
        let all = RejectionKind::ALL.into_iter().zip(self.0);
        all.filter(|(_, count)| *count > 0)
    }

    /// How often one kind was.
    #[must_use]
    pub fn of(&self, kind: RejectionKind) -> u64 {
        let mut kinds = self.iter();
        kinds
            .find(|(counted, _)| *counted == kind)
            .map_or(0, |(_, count)| count)
    }
}

/// The last rejections, and the number of all.
#[derive(Debug, Default)]
pub struct RejectionLog {
    latest: VecDeque<Rejection>,
    counts: RejectionCounts,
}

impl RejectionLog {
    /// Notes one more; the oldest goes where there are too many.
    pub fn add(&mut self, rejection: Rejection) {
        if self.latest.len() == REJECTIONS_KEPT_MAX {
            self.latest.pop_front();
        }
        self.counts.add(rejection.kind);
        self.latest.push_back(rejection);
    }

    /// The last ones, newest last.
    pub fn latest(&self) -> impl Iterator<Item = &Rejection> {
        self.latest.iter()
    }

    /// How many there were of each kind.
    #[must_use]
    pub fn counts(&self) -> &RejectionCounts {
        &self.counts
    }
}

/// How many errors of a peer are borne: [`PEER_ERRORS_PER_MINUTE_MAX`].
#[derive(Debug, Default)]
pub struct ErrorBudget {
    /// In the present minute, and when it began.
    errors: u32,
    since_ms: u64,
}

impl ErrorBudget {
    /// Counts an error. False where it is one too many; the peer then begins anew.
    #[must_use]
    pub fn spend(&mut self, now_ms: u64) -> bool {
        if self.since_ms.saturating_add(60_000) <= now_ms {
            *self = Self {
                errors: 0,
                since_ms: now_ms,
            };
        }
        self.errors += 1;
        let is_borne = self.errors <= PEER_ERRORS_PER_MINUTE_MAX;
        if !is_borne {
            *self = Self::default();
        }
        is_borne
    }
}
