//! How a receipt is made from a replica's rows: node and relay make the very same.

use borsh::{BorshDeserialize, BorshSerialize};

use super::Receipt;
use super::roster_chain::{Link, RosterChain};
use crate::block::Body;
use crate::chain::{Chain, index_of};
use crate::encoding::{List, decode};
use crate::finality::{LogEntry, LogEvent, Roster};
use crate::hash::TransactionId;
use crate::limits::{RECEIPT_BYTES_MAX, RECEIPT_LINKS_MAX};
use crate::replica::query_rows;
use crate::store::{Place, Query, Row, Table};

/// Why there is no receipt of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
pub enum NoReceipt {
    /// No block of the best chain has it.
    #[error("no block has transaction {0}: wait until it is mined, or check the id")]
    NotMined(TransactionId),
    /// Its block is not final.
    #[error(
        "block {height} is not final yet, blocks up to {final_height} are: wait until the members have decided it"
    )]
    NotFinal {
        /// Height of its block.
        height: u64,
        /// Height of the last final block.
        final_height: u64,
    },
    /// The block that was decided above it is not here yet.
    #[error("the blocks up to height {0}, which is decided, are still being fetched: try again")]
    Fetching(u64),
    /// Stored bytes are lacking, or are not those that were verified.
    #[error("the stored rows are damaged: repair the replica, or fetch it anew")]
    Damaged,
    /// The way from the first roster to the decision is too long for a receipt.
    #[error(
        "a receipt has at most {RECEIPT_LINKS_MAX} log entries and {RECEIPT_BYTES_MAX} bytes, this one would have more"
    )]
    TooLong,
}

/// A receipt in the making.
#[derive(Debug)]
pub(crate) struct Maker {
    id: TransactionId,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Where the transaction stands.
    Place,
    /// Its block's body.
    Body(Place),
    /// The first decision at or above its block, between these two indexes of the log.
    Decision(Box<Proven>, Bounds),
    /// The entries that lead to it.
    Links(Box<Proven>, Box<Chained>),
}

/// What is known once the block was read.
#[derive(Debug)]
struct Proven {
    place: Place,
    body: Body,
}

/// The entry that is searched for has an index from `low` to before `high`.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    low: u64,
    high: u64,
}

/// The entries found so far.
#[derive(Debug)]
struct Chained {
    chain: RosterChain,
    links: Vec<Link>,
    /// Index of the decision.
    decision: u64,
    /// Index of the entry that is tried.
    tried: u64,
}

/// What a maker needs next.
#[derive(Debug)]
pub(crate) enum Step {
    Load(Query),
    Made(Box<Receipt>),
}

impl Maker {
    pub(crate) fn new(id: TransactionId) -> (Self, Query) {
        let query = Query::Keys {
            table: Table::Transactions,
            keys: vec![id.0.to_vec()],
        };
        let stage = Stage::Place;
        (Self { id, stage }, query)
    }

    /// Goes on with the rows that it asked for.
    pub(crate) fn loaded(
        &mut self,
        rows: &[Row],
        chain: &Chain,
        log_length: u64,
    ) -> Result<Step, NoReceipt> {
        match core::mem::replace(&mut self.stage, Stage::Place) {
            Stage::Place => self.placed(rows, chain),
            Stage::Body(place) => {
                let body = row(rows, 0)?;
                let proven = Box::new(Proven { place, body });
                let (low, high) = (0, log_length);
                self.search_decision(proven, Bounds { low, high }, chain)
            }
            Stage::Decision(proven, Bounds { low, high }) => {
                let entry: LogEntry = row(rows, 0)?;
                let middle = low.midpoint(high);
                let bounds = if decided_height(&entry.record.event) < proven.place.height {
                    let low = middle + 1;
                    Bounds { low, high }
                } else {
                    let high = middle;
                    Bounds { low, high }
                };
                self.search_decision(proven, bounds, chain)
            }
            Stage::Links(proven, chained) => self.chain_on(proven, chained, rows, chain),
        }
    }

    fn placed(&mut self, rows: &[Row], chain: &Chain) -> Result<Step, NoReceipt> {
        if rows.is_empty() {
            return Err(NoReceipt::NotMined(self.id));
        }
        let place: Place = row(rows, 0)?;
        let (height, final_height) = (place.height, chain.final_height());
        if height > final_height {
            return Err(NoReceipt::NotFinal {
                height,
                final_height,
            });
        }
        self.stage = Stage::Body(place);
        Ok(Step::Load(query_rows(Table::Bodies, [height])))
    }

    fn search_decision(
        &mut self,
        proven: Box<Proven>,
        bounds: Bounds,
        chain: &Chain,
    ) -> Result<Step, NoReceipt> {
        if bounds.low < bounds.high {
            self.stage = Stage::Decision(proven, bounds);
            let middle = bounds.low.midpoint(bounds.high);
            return Ok(Step::Load(query_rows(Table::Log, [middle])));
        }
        let chained = Chained {
            chain: RosterChain::new(chain.network()),
            links: Vec::new(),
            decision: bounds.low,
            tried: 0,
        };
        Ok(self.try_link(proven, Box::new(chained)))
    }

    /// Reads the entry that is tried, and the one before, which names its roster.
    fn try_link(&mut self, proven: Box<Proven>, chained: Box<Chained>) -> Step {
        let before = chained.tried.checked_sub(1);
        let query = query_rows(Table::Log, before.into_iter().chain([chained.tried]));
        self.stage = Stage::Links(proven, chained);
        Step::Load(query)
    }

    /// Bisects: an entry that does not follow from those found is tried again after one that
    /// stands halfway there. The next entry always follows.
    fn chain_on(
        &mut self,
        proven: Box<Proven>,
        mut chained: Box<Chained>,
        rows: &[Row],
        chain: &Chain,
    ) -> Result<Step, NoReceipt> {
        let (roster, entry): (Roster, LogEntry) = if chained.tried == 0 {
            (Roster::default(), row(rows, 0)?)
        } else {
            let before: LogEntry = row(rows, 0)?;
            (roster_after(before.record.event), row(rows, 1)?)
        };
        let link = chained.chain.link(entry, roster);
        if chained.chain.follow(&link).is_ok() {
            chained.links.push(link);
            if chained.tried == chained.decision {
                return self.made(&proven, chained.links, chain);
            }
            if chained.links.len() == RECEIPT_LINKS_MAX {
                return Err(NoReceipt::TooLong);
            }
            chained.tried = chained.decision;
        } else if chained.tried > chained.chain.length() {
            chained.tried = chained.chain.length().midpoint(chained.tried);
        } else {
            return Err(NoReceipt::Damaged);
        }
        Ok(self.try_link(proven, chained))
    }

    fn made(&self, proven: &Proven, links: Vec<Link>, chain: &Chain) -> Result<Step, NoReceipt> {
        let decided = links
            .last()
            .map_or(0, |link| decided_height(&link.entry.record.event));
        if decided > chain.height() {
            return Err(NoReceipt::Fetching(decided));
        }
        let receipt = receipt(proven, links, decided, chain).ok_or(NoReceipt::Damaged)?;
        if receipt.to_file().len() > RECEIPT_BYTES_MAX {
            return Err(NoReceipt::TooLong);
        }
        match receipt.verify() {
            Ok(verified) if verified.id == self.id => Ok(Step::Made(Box::new(receipt))),
            _ => Err(NoReceipt::Damaged),
        }
    }
}

fn receipt(proven: &Proven, links: Vec<Link>, decided: u64, chain: &Chain) -> Option<Receipt> {
    let Proven { place, body } = proven;
    let position = usize::try_from(place.index).ok()?;
    let tree = body.tree();
    let path = |leaf: usize| tree.inclusion_proof(leaf, tree.len()).and_then(List::new);
    let history = chain.history();
    Some(Receipt {
        network: chain.network().clone(),
        transaction: body.transactions.get(position)?.clone(),
        outcome: *body.outcomes.get(position)?,
        index: place.index,
        transactions: u32::try_from(body.transactions.len()).ok()?,
        record_path: path(0)?,
        transaction_path: path(position + 1)?,
        sealed: chain.header(place.height)?.clone(),
        history_path: history
            .inclusion_proof(index_of(place.height), index_of(decided) + 1)
            .and_then(List::new)?,
        links: List::new(links)?,
    })
}

/// Height of the last decision when this entry was written.
fn decided_height(event: &LogEvent) -> u64 {
    match event {
        LogEvent::Decided { decision, .. } => decision.height,
        LogEvent::Forced { base_height, .. } => *base_height,
    }
}

fn roster_after(event: LogEvent) -> Roster {
    match event {
        LogEvent::Decided { decision, .. } => decision.next_roster,
        LogEvent::Forced { new_roster, .. } => new_roster,
    }
}

fn row<T: BorshDeserialize>(rows: &[Row], index: usize) -> Result<T, NoReceipt> {
    rows.get(index)
        .and_then(|row| decode("row", &row.value).ok())
        .ok_or(NoReceipt::Damaged)
}
