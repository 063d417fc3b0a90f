//! A replica: the chain and the pending transactions together, as node and relay both keep them,
//! with the rows that every change asks the store to write.

use crate::block::{Block, Body, Outcomes, SealedHeader};
use crate::chain::{BodyError, Chain, Changes, Checkpoint, HeaderError, RestoreError};
use crate::encoding::{List, decode};
use crate::finality::evidence::Evidence;
use crate::hash::{BlockHash, Hash};
use crate::held::Held;
use crate::keys::PublicKey;
use crate::limits::{
    BLOCK_BODY_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, DEFERRED_BLOCKS_MAX,
    MEMPOOL_RETURNED_TRANSACTIONS_MAX, MEMPOOL_TRANSACTIONS_MAX, TRANSACTIONS_PER_MESSAGE_MAX,
    UNDECIDED_BLOCKS_MAX,
};
use crate::mempool::{AdmissionError, Mempool, Pending, PendingRow};
use crate::message::{AnnouncedBody, BlockAnnouncement, Submission};
use crate::network::NetworkParameters;
use crate::store::{Query, Row, Rows, Table, Write, key_number, number_key};
use crate::transaction::{SignedTransaction, TransactionError, Verified};

mod consistency;
mod key_proof;
mod queries;
mod serve;

pub use consistency::{StoredRange, certified_tree};
pub use key_proof::KeyProof;
pub use queries::{Lookups, NextStep, Surroundings, query_rows};
pub(crate) use serve::{answer_log, log_query};

/// The chain, the mempool, and blocks whose time has not come.
#[derive(Debug)]
pub struct Replica {
    chain: Chain,
    mempool: Mempool,
    /// Announcements whose timestamp lies ahead of the clock, with the time to try them again, the
    /// earliest first.
    deferred: Vec<(u64, BlockAnnouncement)>,
}

/// Why a transaction was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedTransaction {
    /// It is not valid.
    #[error(transparent)]
    Invalid(#[from] TransactionError),
    /// It does not fit now.
    #[error(transparent)]
    NotAdmitted(#[from] AdmissionError),
}

/// What became of an announced block.
#[derive(Debug)]
pub enum Announced {
    /// It was known before.
    Known,
    /// Its header is accepted, and its body is here.
    Complete,
    /// Its header is accepted, its body must be fetched.
    BodyMissing,
    /// The block before it is not known: headers must be fetched.
    Orphan,
    /// Its time has not come; it will be tried again, unless too many come that are due earlier.
    Deferred,
    /// It was refused.
    Refused(HeaderError),
}

/// What changed, for the store and for those who want to know.
#[derive(Debug, Default)]
pub struct Update {
    /// What the chain did.
    pub changes: Changes,
    /// Everything to be written, as one batch.
    pub writes: Vec<Write>,
}

impl Replica {
    /// The replica of these rows.
    pub fn restore(
        network: NetworkParameters,
        rows: &Rows,
        decided: Option<Checkpoint>,
    ) -> Result<Self, RestoreError> {
        let chain = Chain::restore(network, rows, decided)?;
        let mut mempool = Mempool::default();
        for row in rows.table(Table::Pending) {
            let row: PendingRow = crate::chain::row_value(Table::Pending, &row.value)?;
            let pending = Pending {
                verified: Verified::trusted(row.signed),
                submitter: row.submitter,
                is_acknowledged: row.is_acknowledged,
            };
            // Rows and state are of one batch, so each was pending at this tip, and some may be
            // there by a reorganisation: beyond what is admitted.
            mempool.take_back(pending, chain.state());
        }
        Ok(Self {
            chain,
            mempool,
            deferred: Vec::new(),
        })
    }

    /// What strangers can make it keep.
    pub(crate) fn held(&self) -> impl Iterator<Item = Held> {
        let pending = self.mempool.len();
        let pending_max = MEMPOOL_TRANSACTIONS_MAX + MEMPOOL_RETURNED_TRANSACTIONS_MAX;
        let own = [
            Held::new("deferred blocks", self.deferred.len(), DEFERRED_BLOCKS_MAX),
            Held::new("pending transactions", pending, pending_max),
        ];
        self.chain.held().into_iter().chain(own)
    }

    /// The bodies that must be loaded before anything else: those of blocks that may be taken back.
    #[must_use]
    pub fn bodies_to_restore(&self) -> Option<Query> {
        let lowest = self.chain.height().saturating_sub(UNDECIDED_BLOCKS_MAX);
        let first = self.chain.final_height().max(lowest) + 1;
        (first <= self.chain.height()).then(|| Query::Range {
            table: Table::Bodies,
            from: number_key(first),
            to: number_key(u64::MAX),
            rows_max: u32::MAX,
            newest_first: false,
        })
    }

    /// Gives back these bodies, of blocks that may still be taken back.
    pub fn restore_bodies(&mut self, rows: &[Row]) {
        for row in rows {
            let body = decode("body", &row.value).ok();
            if let (Some(height), Some(body)) = (key_number(&row.key), body) {
                self.chain.restore_body(height, body);
            }
        }
    }

    /// The chain.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The pending transactions.
    #[must_use]
    pub fn mempool(&self) -> &Mempool {
        &self.mempool
    }

    /// Admits a transaction that came through `submitter`; what must be written before anyone is
    /// told that it was.
    pub fn admit(
        &mut self,
        signed: SignedTransaction,
        submitter: PublicKey,
    ) -> Result<(Verified, Vec<Write>), RefusedTransaction> {
        let verified = self.chain.verifier().verify(signed);
        let verified = verified.map_err(|invalid| invalid.error)?;
        self.admit_verified(verified, submitter)
    }

    /// The same for a transaction that was verified elsewhere, for this network.
    pub(crate) fn admit_verified(
        &mut self,
        verified: Verified,
        submitter: PublicKey,
    ) -> Result<(Verified, Vec<Write>), RefusedTransaction> {
        let (expected, came) = (self.chain.network_id(), verified.transaction().network);
        if expected != came {
            return Err(TransactionError::Network { expected, came }.into());
        }
        let pending = Pending {
            verified: verified.clone(),
            submitter,
            is_acknowledged: false,
        };
        let row = pending_row(&pending);
        let replaced = self
            .mempool
            .admit(pending, self.chain.state(), self.chain.height() + 1)?;
        let replaced = replaced.map(|hash| Write::remove(Table::Pending, hash.0));
        Ok((verified, replaced.into_iter().chain([row]).collect()))
    }

    /// Notes that the relay has stored a transaction.
    pub fn acknowledge(&mut self, hash: &Hash) -> Option<Write> {
        self.mempool.acknowledge(hash).then_some(())?;
        self.mempool.get(hash).map(pending_row)
    }

    /// Forgets that the relay has stored those of a sender's transactions that a reorganisation
    /// returned: it may never have seen them.
    pub fn doubt(&mut self, sender: &PublicKey, returned: &[SignedTransaction]) -> Vec<Write> {
        returned
            .iter()
            .filter(|signed| signed.transaction.sender == *sender)
            .filter_map(|signed| {
                let hash = signed.hash();
                self.mempool.doubt(&hash).then_some(())?;
                self.mempool.get(&hash).map(pending_row)
            })
            .collect()
    }

    /// Gives up a pending transaction.
    pub fn withdraw(&mut self, hash: &Hash) -> Option<Write> {
        self.mempool
            .remove(hash)
            .map(|_| Write::remove(Table::Pending, hash.0))
    }

    /// Judges an announced block and takes its body as far as it is here.
    pub fn announced(&mut self, announcement: BlockAnnouncement, now_ms: u64) -> Announced {
        let hash = announcement.sealed.header.hash();
        match self.chain.insert_header(&announcement.sealed, now_ms) {
            Ok(true) => {}
            Ok(false) => {
                let is_here =
                    self.chain.height_of(&hash).is_some() || self.chain.body(&hash).is_some();
                if is_here {
                    return Announced::Known;
                }
            }
            Err(HeaderError::Orphan(_)) => return Announced::Orphan,
            Err(HeaderError::Future {
                ahead_ms,
                allowed_ms,
            }) => {
                let ahead_ms = ahead_ms.saturating_sub(allowed_ms);
                self.defer(now_ms.saturating_add(ahead_ms), announcement);
                return Announced::Deferred;
            }
            Err(error) => return Announced::Refused(error),
        }
        let is_complete = self
            .rebuild(announcement.body)
            .is_some_and(|body| self.chain.insert_body(&hash, body).is_ok());
        if is_complete {
            Announced::Complete
        } else {
            Announced::BodyMissing
        }
    }

    /// Announcements whose time has come.
    pub fn due(&mut self, now_ms: u64) -> Vec<BlockAnnouncement> {
        let due = self.deferred.partition_point(|(at_ms, _)| *at_ms <= now_ms);
        let due = self.deferred.drain(..due);
        due.map(|(_, announcement)| announcement).collect()
    }

    /// When the next deferred announcement is due.
    #[must_use]
    pub fn next_due_ms(&self) -> Option<u64> {
        self.deferred.first().map(|(at_ms, _)| *at_ms)
    }

    /// Judges a header. True where it was not known before.
    pub fn insert_header(
        &mut self,
        sealed: &SealedHeader,
        now_ms: u64,
    ) -> Result<bool, HeaderError> {
        self.chain.insert_header(sealed, now_ms)
    }

    /// Takes a body that was asked for.
    pub fn insert_body(&mut self, hash: &BlockHash, body: Body) -> Result<(), BodyError> {
        self.chain.insert_body(hash, body)
    }

    /// Binds the chain to a logged decision.
    pub fn decide(&mut self, decided: Checkpoint) {
        self.chain.decide(decided);
    }

    /// Makes the branch of a block that a quorum has prevoted better than all others. True where it
    /// is another one than before.
    pub fn justify(&mut self, justified: Option<Checkpoint>) -> bool {
        self.chain.justify(justified)
    }

    /// Proofs against producers that have come up since they were last taken.
    pub fn take_evidence(&mut self) -> Vec<Evidence> {
        self.chain.take_evidence()
    }

    /// Executes what can be executed, and brings the mempool in line with it.
    pub fn advance(&mut self) -> Update {
        let mempool = &self.mempool;
        let changes = self.chain.advance(&|signed| mempool.holds(signed));
        let mut writes = Vec::new();
        if changes.moved_tip() {
            for signed in &changes.returned {
                let pending = Pending {
                    submitter: signed.transaction.sender,
                    verified: Verified::trusted(signed.clone()),
                    is_acknowledged: true,
                };
                let row = pending_row(&pending);
                if self.mempool.take_back(pending, self.chain.state()) {
                    writes.push(row);
                }
            }
            let gone = self
                .mempool
                .refresh(self.chain.state(), self.chain.height() + 1);
            writes.extend(
                gone.iter()
                    .map(|hash| Write::remove(Table::Pending, hash.0)),
            );
        }
        let mut update = Update { changes, writes };
        let mut writes = core::mem::take(&mut update.changes.writes);
        writes.append(&mut update.writes);
        update.writes = writes;
        update
    }

    /// A block to be mined upon the tip.
    pub fn template(&mut self, producer: PublicKey, now_ms: u64) -> (crate::block::Header, Body) {
        let timestamp_ms = now_ms.max(self.chain.timestamp_min_ms());
        let next_height = self.chain.height() + 1;
        let selected = self.mempool.select(
            self.chain.state(),
            next_height,
            BLOCK_TRANSACTIONS_MAX,
            BLOCK_BODY_BYTES_MAX - 16 * 1024,
        );
        match self.chain.template(producer, timestamp_ms, &selected) {
            Ok(template) => template,
            Err(_) => self
                .chain
                .template(producer, timestamp_ms, &[])
                .unwrap_or_else(|_| (self.chain.network().genesis(), Body::default())),
        }
    }

    /// A block as it is announced to those who have its transactions.
    #[must_use]
    pub fn compact(block: &Block) -> BlockAnnouncement {
        BlockAnnouncement {
            sealed: block.sealed.clone(),
            body: AnnouncedBody::Compact {
                transactions: List::truncated(
                    block.body.transactions.iter().map(SignedTransaction::hash),
                ),
                outcomes: block.body.outcomes.clone(),
            },
        }
    }

    /// All pending transactions in messages' portions; only those that the relay has not stored
    /// yet where `unacknowledged_only`.
    #[must_use]
    pub fn pending_portions(
        &self,
        unacknowledged_only: bool,
    ) -> Vec<List<Submission, TRANSACTIONS_PER_MESSAGE_MAX>> {
        let wanted = self
            .mempool
            .iter()
            .filter(|pending| !(unacknowledged_only && pending.is_acknowledged));
        portions(wanted.map(|pending| (pending.submitter, &pending.verified)))
    }

    /// Keeps a block for later. Where there are too many, the one that is due latest goes: whoever
    /// dates blocks far ahead keeps out nobody whose clock is a little wrong.
    fn defer(&mut self, at_ms: u64, announcement: BlockAnnouncement) {
        let mut kept = self.deferred.iter().map(|(_, kept)| &kept.sealed);
        if kept.any(|sealed| *sealed == announcement.sealed) {
            return;
        }
        let place = self.deferred.partition_point(|(kept, _)| *kept <= at_ms);
        self.deferred.insert(place, (at_ms, announcement));
        self.deferred.truncate(DEFERRED_BLOCKS_MAX);
    }

    /// The body of an announcement, from the mempool where it came in compact form.
    fn rebuild(&self, body: AnnouncedBody) -> Option<Body> {
        match body {
            AnnouncedBody::Full(body) => Some(body),
            AnnouncedBody::Compact {
                transactions,
                outcomes,
            } => {
                let transactions: Option<Vec<_>> = transactions
                    .iter()
                    .map(|hash| Some(self.mempool.get(hash)?.verified.signed().clone()))
                    .collect();
                Some(Body {
                    transactions: List::new(transactions?)?,
                    outcomes: Outcomes::truncated(outcomes),
                })
            }
        }
    }
}

/// Transactions with those through whom they came, as many in one list as a message holds.
pub fn portions<'a>(
    transactions: impl IntoIterator<Item = (PublicKey, &'a Verified)>,
) -> Vec<List<Submission, TRANSACTIONS_PER_MESSAGE_MAX>> {
    let mut portions = Vec::new();
    let (mut portion, mut bytes) = (Vec::new(), 0);
    for (submitter, verified) in transactions {
        bytes += verified.bytes();
        if portion.len() == TRANSACTIONS_PER_MESSAGE_MAX || bytes > BLOCK_BODY_BYTES_MAX {
            portions.push(List::truncated(core::mem::take(&mut portion)));
            bytes = verified.bytes();
        }
        let signed = verified.signed().clone();
        portion.push(Submission { submitter, signed });
    }
    if !portion.is_empty() {
        portions.push(List::truncated(portion));
    }
    portions
}

fn pending_row(pending: &Pending) -> Write {
    let row = PendingRow {
        signed: pending.verified.signed().clone(),
        submitter: pending.submitter,
        is_acknowledged: pending.is_acknowledged,
    };
    Write::put(Table::Pending, pending.verified.hash().0, &row)
}
