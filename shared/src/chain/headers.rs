//! Headers and bodies as they come in: what is judged at once, and what is kept for later.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use super::staking::Frozen;
use super::{Chain, Checkpoint, Known};
use crate::block::{Body, Header, Seal, SealedHeader};
use crate::difficulty::{self, ChainWork, Target, TargetError};
use crate::hash::{BlockHash, Hash};
use crate::keys::{PublicKey, SignatureError};
use crate::limits::{FUTURE_SPACINGS_MAX, SIDE_BODIES_MAX, SIDE_HEADERS_MAX, UNDECIDED_BLOCKS_MAX};
use crate::network::{Consensus, Work};
use crate::stake::StakeError;
use crate::state::Progress;

/// Why a header was not accepted. Only those that [`HeaderError::is_forged`] are the sender's fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The block before it is not known.
    #[error("the block before, {0}, is not known here")]
    Orphan(BlockHash),
    /// It is of other rules.
    #[error("headers have version {expected}, this one has {came}")]
    Version {
        /// The version of the rules.
        expected: u32,
        /// The header's.
        came: u32,
    },
    /// Its height does not follow.
    #[error("the height after the block before is {expected}, the header has {came}")]
    Height {
        /// The parent's height and one.
        expected: u64,
        /// The header's.
        came: u64,
    },
    /// It extends a block that was found invalid.
    #[error("it extends block {0}, which is invalid")]
    InvalidParent(BlockHash),
    /// It leaves the decided chain.
    #[error("block {} at height {} is final, this header leaves it", .0.hash, .0.height)]
    Undecided(Checkpoint),
    /// Too many blocks stand above the last decision.
    #[error(
        "at most {UNDECIDED_BLOCKS_MAX} blocks may stand above the last decision, at height {decided}; this one has height {came}"
    )]
    TooFar {
        /// Height of the last decision.
        decided: u64,
        /// The header's.
        came: u64,
    },
    /// Its timestamp is not above the median of those before.
    #[error(
        "the timestamp must be above {median_ms}, the median of the blocks before; {came_ms} came"
    )]
    TooOld {
        /// Median of the ancestors, milliseconds since 1970 UTC.
        median_ms: u64,
        /// The header's.
        came_ms: u64,
    },
    /// Its timestamp lies ahead of the clock: not wrong, but not yet acceptable.
    #[error(
        "the timestamp is {ahead_ms} ms ahead of this clock, at most {allowed_ms} ms are allowed"
    )]
    Future {
        /// How far ahead it is.
        ahead_ms: u64,
        /// How far ahead it may be.
        allowed_ms: u64,
    },
    /// Its compact target is malformed.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Its target is not the one due.
    #[error("the compact target due is {expected:#010x}, the header has {came:#010x}")]
    Bits {
        /// The target due.
        expected: u32,
        /// The header's.
        came: u32,
    },
    /// Its hash does not meet its target.
    #[error("the hash {0} does not meet the header's target")]
    Work(BlockHash),
    /// Its seal is of another kind of consensus.
    #[error("the header's seal is of another kind of consensus than the network's")]
    Seal,
    /// It has a nonce where nothing is searched.
    #[error("where the proof is stake the nonce is 0, {0} came")]
    Nonce(u64),
    /// Its timestamp is not the beginning of a slot.
    #[error("the timestamp must be the beginning of a slot, {0} is none")]
    Slot(u64),
    /// Its producer may not produce in its slot.
    #[error(transparent)]
    Stake(#[from] StakeError),
    /// The producer did not sign it.
    #[error("the seal: {0}")]
    Signature(#[from] SignatureError),
    /// The producer has signed another block for this slot.
    #[error(
        "{producer} has signed two blocks for the slot that begins at {slot_start_ms}: this one and {known}"
    )]
    Equivocation {
        /// The producer.
        producer: PublicKey,
        /// When the slot begins.
        slot_start_ms: u64,
        /// The block that was known first.
        known: BlockHash,
    },
    /// Whose stake counts in its epoch follows from blocks that are not executed yet.
    #[error(
        "whose stake counts in epoch {0} follows from blocks that are not executed, and their branch is much lighter than the best chain"
    )]
    StakeAhead(u64),
}

/// What the rules of a kind of consensus say of a header that they accept.
pub(super) struct Judged {
    /// Its own work, without that of its ancestors.
    pub(super) work: ChainWork,
    pub(super) ticket: BlockHash,
    pub(super) progress: Progress,
    pub(super) frozen: Option<Frozen>,
}

impl HeaderError {
    /// Whether no honest node would have sent this.
    #[must_use]
    pub fn is_forged(&self) -> bool {
        !matches!(
            self,
            Self::Orphan(_)
                | Self::Future { .. }
                | Self::Undecided(_)
                | Self::TooFar { .. }
                | Self::StakeAhead(_)
        )
    }
}

/// Why a body was not kept. The header is not condemned by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// No header of this hash was accepted.
    #[error("no header {0} is known here")]
    NoHeader(BlockHash),
    /// Its block was found invalid.
    #[error("block {0} is invalid: its body is not kept")]
    Condemned(BlockHash),
    /// Transactions and outcomes do not go together.
    #[error("the body has {transactions} transactions and {outcomes} outcomes")]
    Outcomes {
        /// Number of transactions.
        transactions: usize,
        /// Number of outcomes.
        outcomes: usize,
    },
    /// Too many bodies of side branches.
    #[error("{SIDE_BODIES_MAX} bodies off the best chain are kept, and they are")]
    TooManySides,
    /// The header commits to another body.
    #[error("the header's tx_root is {expected}, the body has {came}")]
    Root {
        /// The header's.
        expected: Hash,
        /// The body's.
        came: Hash,
    },
}

impl Chain {
    /// Judges a header and keeps it. True where it was not known before.
    pub fn insert_header(
        &mut self,
        sealed: &SealedHeader,
        now_ms: u64,
    ) -> Result<bool, HeaderError> {
        let header = &sealed.header;
        let hash = header.hash();
        if self.headers.contains_key(&hash) {
            return Ok(false);
        }
        let known = self
            .judge(sealed, &hash, now_ms)
            .inspect_err(|_| self.note_evidence(sealed))?;
        self.make_room_beside(&header.previous);
        self.headers.insert(hash, known);
        self.unsettled.entry(header.height).or_default().push(hash);
        if hash == self.decided.hash {
            self.choose_target();
        } else if self.rank(&hash) > self.rank(&self.target) && self.leads_from_decision(&hash) {
            self.aim_at(hash);
        }
        Ok(true)
    }

    /// Keeps the body of a block that is not executed yet, if it is what its header commits to.
    pub fn insert_body(
        &mut self,
        hash: &BlockHash,
        body: impl Into<Arc<Body>>,
    ) -> Result<(), BodyError> {
        let body = body.into();
        let known = self.headers.get(hash).ok_or(BodyError::NoHeader(*hash))?;
        if known.is_invalid {
            return Err(BodyError::Condemned(*hash));
        }
        let header = &known.sealed.header;
        if body.transactions.len() != body.outcomes.len() {
            return Err(BodyError::Outcomes {
                transactions: body.transactions.len(),
                outcomes: body.outcomes.len(),
            });
        }
        let came = body.root();
        if came != header.tx_root {
            return Err(BodyError::Root {
                expected: header.tx_root,
                came,
            });
        }
        if self.height_of(hash).is_some() {
            return Ok(());
        }
        if self.bodies.len() >= Self::bodies_max() && self.plan.front() != Some(hash) {
            return Err(BodyError::TooManySides);
        }
        self.bodies.insert(*hash, body);
        Ok(())
    }

    /// Binds the chain to a logged decision. What contradicts it is left at the next advance.
    pub fn decide(&mut self, decided: Checkpoint) {
        if decided.height <= self.decided.height {
            return;
        }
        self.decided = decided;
        if !self.leads_from_decision(&self.target) {
            self.choose_target();
        }
    }

    fn judge(
        &self,
        sealed: &SealedHeader,
        hash: &BlockHash,
        now_ms: u64,
    ) -> Result<Known, HeaderError> {
        let header = &sealed.header;
        let came = match &self.network.consensus {
            Consensus::Work(_) => header.rules(),
            Consensus::Stake(_) => header.version,
        };
        if came != Header::VERSION {
            return Err(HeaderError::Version {
                expected: Header::VERSION,
                came,
            });
        }
        let parent = self
            .headers
            .get(&header.previous)
            .ok_or(HeaderError::Orphan(header.previous))?;
        if parent.is_invalid {
            return Err(HeaderError::InvalidParent(header.previous));
        }
        let expected = parent.sealed.header.height.saturating_add(1);
        if header.height != expected {
            return Err(HeaderError::Height {
                expected,
                came: header.height,
            });
        }
        self.check_place(header)?;
        let judged = match &self.network.consensus {
            Consensus::Work(rules) => self.judge_work(rules, sealed, hash)?,
            Consensus::Stake(rules) => self.judge_stake(rules, sealed, parent)?,
        };
        // Last: what is put off until its time comes has done its work, or was its producer's turn.
        self.check_time(header, now_ms)?;
        Ok(Known {
            sealed: sealed.clone(),
            work: parent.work.plus(judged.work),
            ticket: judged.ticket,
            progress: judged.progress,
            frozen: judged.frozen,
            held: OnceLock::new(),
            is_invalid: false,
            was_executed: false,
        })
    }

    fn judge_work(
        &self,
        rules: &Work,
        sealed: &SealedHeader,
        hash: &BlockHash,
    ) -> Result<Judged, HeaderError> {
        let header = &sealed.header;
        if sealed.seal != Seal::Work {
            return Err(HeaderError::Seal);
        }
        let before = self.parent_of_successor(&header.previous);
        let (bits, schedule) = difficulty::next(rules, &before, header.timestamp_ms);
        if header.bits != bits {
            return Err(HeaderError::Bits {
                expected: bits,
                came: header.bits,
            });
        }
        let target = Target::from_compact(bits)?;
        if !target.is_met_by(hash) {
            return Err(HeaderError::Work(*hash));
        }
        Ok(Judged {
            work: target.work(),
            ticket: *hash,
            progress: Progress::Work(schedule),
            frozen: None,
        })
    }

    fn check_place(&self, header: &Header) -> Result<(), HeaderError> {
        if header.height <= self.final_height() {
            return Err(HeaderError::Undecided(self.decided));
        }
        if header.height > self.decided.height.saturating_add(UNDECIDED_BLOCKS_MAX) {
            return Err(HeaderError::TooFar {
                decided: self.decided.height,
                came: header.height,
            });
        }
        Ok(())
    }

    /// Headers off the best chain are bounded: a new one takes the place of the worst that nothing
    /// stands on, first of those whose body never came. If new ones were refused, whoever filled the
    /// room, which is cheap at the easiest target, would keep honest blocks out until the next
    /// decision, and so would prevent that one.
    fn make_room_beside(&mut self, parent: &BlockHash) {
        while self.side_headers() >= SIDE_HEADERS_MAX {
            let Some(worst) = self.worst_side_leaf(parent) else {
                return;
            };
            self.bodies.remove(&worst);
            let Some(known) = self.headers.remove(&worst) else {
                return;
            };
            if let Some(hashes) = self.unsettled.get_mut(&known.sealed.header.height) {
                hashes.retain(|hash| *hash != worst);
            }
        }
    }

    fn worst_side_leaf(&self, parent: &BlockHash) -> Option<BlockHash> {
        let known = || self.unsettled.values().flatten();
        let parents: HashSet<_> = known()
            .filter_map(|hash| Some(self.headers.get(hash)?.sealed.header.previous))
            .chain([*parent])
            .collect();
        known()
            .filter(|hash| {
                // The way to the target has no other leaf.
                let is_on_the_way = **hash == self.target || self.height_of(hash).is_some();
                !is_on_the_way && !parents.contains(*hash)
            })
            .min_by_key(|hash| (self.bodies.contains_key(*hash), self.weight(hash)))
            .copied()
    }

    fn check_time(&self, header: &Header, now_ms: u64) -> Result<(), HeaderError> {
        let allowed_ms = match &self.network.consensus {
            Consensus::Work(rules) => {
                let median_ms = self.median_time_ms(&header.previous);
                if header.timestamp_ms <= median_ms {
                    return Err(HeaderError::TooOld {
                        median_ms,
                        came_ms: header.timestamp_ms,
                    });
                }
                FUTURE_SPACINGS_MAX * rules.spacing_ms
            }
            Consensus::Stake(rules) => rules.slot_ms,
        };
        let ahead_ms = header.timestamp_ms.saturating_sub(now_ms);
        if ahead_ms > allowed_ms {
            return Err(HeaderError::Future {
                ahead_ms,
                allowed_ms,
            });
        }
        Ok(())
    }
}
