//! A chain from the rows of a store: what was verified before it was written is not verified
//! again, but that the rows are still those that were written is.

use std::sync::OnceLock;

use super::headers::Judged;
use super::{Chain, Checkpoint, Known, history_leaf};
use crate::block::Seal;
use crate::block::SealedHeader;
use crate::difficulty::{self, Target};
use crate::encoding::{DecodeError, decode};
use crate::hash::{BlockHash, Hash};
use crate::network::{Consensus, NetworkParameters, Work};
use crate::state::{Entry, Progress, State, Undo};
use crate::store::{Rows, Table, key_number};

/// Why the rows of a store are no chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A row does not decode.
    #[error("a row of table {table} is damaged: {error}")]
    Row {
        /// The table.
        table: &'static str,
        /// What was wrong.
        error: DecodeError,
    },
    /// A header does not follow the one before.
    #[error("the stored header at height {0} does not follow the one before it")]
    Header(u64),
    /// The state is not that of the last block.
    #[error("the stored state has root {came}, the last block says {expected}")]
    State {
        /// The last header's.
        expected: Hash,
        /// Of the rows.
        came: Hash,
    },
    /// The decided block is not on the stored chain, and there is no way back to where it could be.
    #[error(
        "the stored chain does not contain the block decided at height {0}, and cannot be taken back"
    )]
    Decision(u64),
    /// What it takes to take a block back is lacking.
    #[error("the stored block at height {0} is not final, and its undo row is missing")]
    Undo(u64),
    /// The decision log is damaged.
    #[error("the stored decision log is damaged: {0}")]
    Log(String),
}

impl Chain {
    /// The chain of these rows, bound to the last logged decision.
    pub fn restore(
        network: NetworkParameters,
        rows: &Rows,
        decided: Option<Checkpoint>,
    ) -> Result<Self, RestoreError> {
        let mut chain = Self::new(network);
        for row in rows.table(Table::Undo) {
            let undo: Undo = row_value(Table::Undo, &row.value)?;
            if let Some(height) = key_number(&row.key) {
                chain.undo.insert(height, undo);
            }
        }
        // Blocks that may still be taken back have an undo row, and they are the last ones.
        let settled = match chain.undo.first() {
            Some((&lowest, _)) => lowest.saturating_sub(1),
            None => u64::MAX,
        };
        let headers = rows.table(Table::Headers);
        chain.headers.reserve(headers.len());
        chain.best.reserve(headers.len());
        for row in headers {
            let sealed: SealedHeader = row_value(Table::Headers, &row.value)?;
            chain.push_stored(sealed, settled)?;
        }
        let entries: Result<Vec<Entry>, _> = rows
            .table(Table::State)
            .iter()
            .map(|row| row_value(Table::State, &row.value))
            .collect();
        chain.state = State::from_entries(entries?);
        let came = chain.state.root();
        let expected = chain
            .header(chain.height())
            .map(|sealed| sealed.header.state_root)
            .unwrap_or_default();
        if came != expected {
            return Err(RestoreError::State { expected, came });
        }
        chain.restore_frozen();
        if let Some(decided) = decided {
            chain.bind(decided)?;
        }
        match (chain.final_height + 1..=chain.height())
            .find(|height| !chain.undo.contains_key(height))
        {
            Some(height) => Err(RestoreError::Undo(height)),
            None => Ok(chain),
        }
    }

    /// Puts a block upon the tip. Those up to the height `settled` are final.
    fn push_stored(&mut self, sealed: SealedHeader, settled: u64) -> Result<(), RestoreError> {
        let header = &sealed.header;
        let height = self.height() + 1;
        let damaged = RestoreError::Header(height);
        let hash = header.hash();
        if header.height != height || header.previous != self.tip_hash() {
            return Err(damaged);
        }
        let judged = match &self.network.consensus {
            Consensus::Work(rules) => self.stored_work(rules, &sealed, &hash),
            Consensus::Stake(rules) => self.stored_stake(rules, &sealed),
        };
        let judged = judged.ok_or(damaged)?;
        let work = self.work_of(&self.tip_hash()).plus(judged.work);
        self.headers.insert(
            hash,
            Known {
                sealed,
                work,
                ticket: judged.ticket,
                progress: judged.progress,
                frozen: judged.frozen,
                held: OnceLock::new(),
                is_invalid: false,
                was_executed: true,
            },
        );
        if height <= settled {
            self.final_height = height;
        } else {
            self.unsettled.entry(height).or_default().push(hash);
        }
        self.best.push(hash);
        self.history.push(history_leaf(&hash));
        self.target = hash;
        Ok(())
    }

    fn stored_work(&self, rules: &Work, sealed: &SealedHeader, hash: &BlockHash) -> Option<Judged> {
        let header = &sealed.header;
        let parent = self.difficulty_parent();
        let (bits, schedule) = difficulty::next(rules, &parent, header.timestamp_ms);
        let target = Target::from_compact(header.bits).ok()?;
        let follows = sealed.seal == Seal::Work && header.bits == bits && target.is_met_by(hash);
        follows.then_some(Judged {
            work: target.work(),
            ticket: *hash,
            progress: Progress::Work(schedule),
            frozen: None,
        })
    }

    /// A stored chain may lag behind the log. It may also stand on a branch that the decision has
    /// left, where a crash came between the log and the reorganisation; but then there is a way back.
    fn bind(&mut self, decided: Checkpoint) -> Result<(), RestoreError> {
        self.decided = decided;
        match self.hash_at(decided.height) {
            Some(hash) if hash == decided.hash => self.raise_final_height(decided.height),
            Some(_) if self.final_height >= decided.height => {
                return Err(RestoreError::Decision(decided.height));
            }
            _ => {}
        }
        Ok(())
    }

    /// Gives back the stored body of a block that may still be taken back.
    pub fn restore_body(&mut self, height: u64, body: crate::block::Body) {
        self.put_back(height, body);
    }
}

pub(crate) fn row_value<T: borsh::BorshDeserialize>(
    table: Table,
    bytes: &[u8],
) -> Result<T, RestoreError> {
    decode("stored value", bytes).map_err(|error| RestoreError::Row {
        table: table.name(),
        error,
    })
}
