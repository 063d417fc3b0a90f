//! Questions of people to a replica: blocks, pending transactions, a key and its history, receipts.
//!
//! What is on disk is loaded in between, so a question is a small state machine of its own.

use std::collections::{BTreeSet, HashMap};

use super::Replica;
use crate::block::Body;
use crate::chain::{Chain, index_of};
use crate::chain_file::{Export, ExportStep};
use crate::command::{
    Answer, BlockDetail, BlockSummary, Command, CommandError, HistoryItem, Lookup,
    PendingTransaction,
};
use crate::encoding::decode;
use crate::finality::log::LogSummary;
use crate::keys::PublicKey;
use crate::message::MemberId;
use crate::receipt;
use crate::state::{Path, key_path};
use crate::store::{Place, Query, RequestId, Row, Table, key_number, number_key};
use crate::transaction::{Action, Key};

/// Blocks in one answer.
const BLOCKS_PER_ANSWER_MAX: u32 = 200;
/// Pending transactions in one answer.
const PENDING_PER_ANSWER_MAX: u32 = 500;
/// Writes in the history of a key.
const HISTORY_ITEMS_MAX: u32 = 100;

/// Questions that wait for rows.
#[derive(Debug, Default)]
pub struct Lookups {
    waiting: HashMap<RequestId, (RequestId, Stage)>,
    export: Option<Export>,
}

#[derive(Debug)]
enum Stage {
    Blocks { heights: Vec<u64> },
    Block { height: u64 },
    History { key: Key },
    HistoryBodies { key: Key, places: Vec<Place> },
    Receipt(receipt::Maker),
    Export,
}

/// What a question needs next.
#[derive(Debug)]
pub enum NextStep {
    /// Rows.
    Load(RequestId, Query),
    /// Nothing: here is the answer.
    Answer(RequestId, Answer),
}

/// What a replica does not know by itself but an answer mentions.
pub struct Surroundings<'a> {
    /// Heights whose stored bytes are known to be damaged.
    pub damaged: &'a [u64],
    /// The decision log, as far as it may be shown.
    pub log: LogSummary,
    /// The numbers of members that are present.
    pub member_of: &'a dyn Fn(&PublicKey) -> Option<MemberId>,
}

/// The query for rows of one table by heights.
#[must_use]
pub fn query_rows(table: Table, heights: impl IntoIterator<Item = u64>) -> Query {
    Query::Keys {
        table,
        keys: heights.into_iter().map(number_key).collect(),
    }
}

impl Lookups {
    /// Begins to answer a question; nothing where the command is none.
    pub fn ask(
        &mut self,
        id: RequestId,
        command: &Command,
        replica: &Replica,
        around: &Surroundings<'_>,
        load: RequestId,
    ) -> Option<NextStep> {
        let chain = replica.chain();
        let (stage, query) = match command {
            Command::Blocks { from, count } => {
                let newest = (*from).min(chain.height());
                let count = u64::from((*count).min(BLOCKS_PER_ANSWER_MAX));
                let heights: Vec<_> = (0..=newest).rev().take(index_of(count)).collect();
                let query = query_rows(Table::Bodies, heights.iter().copied());
                (Stage::Blocks { heights }, query)
            }
            Command::Block { height } => {
                if *height > chain.height() {
                    return Some(NextStep::Answer(id, Answer::Block(None)));
                }
                let query = query_rows(Table::Bodies, [*height]);
                (Stage::Block { height: *height }, query)
            }
            Command::Lookup { key } => {
                let path = key_path(key);
                let query = Query::Range {
                    table: Table::KeyHistory,
                    from: path.0.to_vec(),
                    to: after(&path),
                    rows_max: HISTORY_ITEMS_MAX,
                    newest_first: true,
                };
                (Stage::History { key: key.clone() }, query)
            }
            Command::Pending { skip, count } => {
                let answer = pending(replica, around, *skip, *count);
                return Some(NextStep::Answer(id, answer));
            }
            Command::Receipt { id } => {
                let (maker, query) = receipt::Maker::new(*id);
                (Stage::Receipt(maker), query)
            }
            Command::Export { begin } => {
                if *begin {
                    self.export = Some(Export::new(chain, around.log.length));
                }
                return Some(self.export_on(id, load, chain, None));
            }
            Command::KeyProof { key } => {
                let proof = replica.key_proof(key).map(Box::new);
                return proof.map(|proof| NextStep::Answer(id, Answer::KeyProof(proof)));
            }
            _ => return None,
        };
        self.waiting.insert(load, (id, stage));
        Some(NextStep::Load(load, query))
    }

    /// Goes on with the rows of a load; nothing where no question waits for it. A further load
    /// takes the number `next_load`.
    pub fn loaded(
        &mut self,
        load: RequestId,
        rows: &[Row],
        replica: &Replica,
        around: &Surroundings<'_>,
        next_load: RequestId,
    ) -> Option<NextStep> {
        let (id, stage) = self.waiting.remove(&load)?;
        let answer = match stage {
            Stage::Blocks { heights } => {
                let counts = rows
                    .iter()
                    .filter_map(|row| Some((key_number(&row.key)?, Body::count_in(&row.value)?)));
                let counts: HashMap<_, _> = counts.collect();
                let blocks = heights.into_iter().filter_map(|height| {
                    let count = counts.get(&height).copied().unwrap_or_default();
                    summary(replica, around, height, count)
                });
                Answer::Blocks(blocks.collect())
            }
            Stage::Block { height } => {
                let bodies = bodies_by_height(rows);
                Answer::Block(detail(replica, around, height, bodies.get(&height)).map(Box::new))
            }
            Stage::History { key } => {
                let places: Vec<_> = rows.iter().filter_map(|row| place(&row.key)).collect();
                if !places.is_empty() {
                    let mut heights = BTreeSet::new();
                    heights.extend(places.iter().map(|place| place.height));
                    let query = query_rows(Table::Bodies, heights);
                    let stage = Stage::HistoryBodies { key, places };
                    self.waiting.insert(next_load, (id, stage));
                    return Some(NextStep::Load(next_load, query));
                }
                lookup(replica, &key, &[], rows)
            }
            Stage::HistoryBodies { key, places } => lookup(replica, &key, &places, rows),
            Stage::Export => {
                return Some(self.export_on(id, next_load, replica.chain(), Some(rows)));
            }
            Stage::Receipt(mut maker) => {
                match maker.loaded(rows, replica.chain(), around.log.length) {
                    Ok(receipt::Step::Load(query)) => {
                        let stage = Stage::Receipt(maker);
                        self.waiting.insert(next_load, (id, stage));
                        return Some(NextStep::Load(next_load, query));
                    }
                    Ok(receipt::Step::Made(receipt)) => Answer::Receipt(receipt.to_file()),
                    Err(reason) => Answer::Failed(CommandError::NoReceipt(reason)),
                }
            }
        };
        Some(NextStep::Answer(id, answer))
    }

    /// Goes on with the export, with the rows that it asked for.
    fn export_on(
        &mut self,
        id: RequestId,
        load: RequestId,
        chain: &Chain,
        rows: Option<&[Row]>,
    ) -> NextStep {
        let step = match (&mut self.export, rows) {
            (Some(export), Some(rows)) => export.loaded(rows, chain),
            (Some(export), None) => export.advance(chain),
            (None, _) => Ok(ExportStep::Part(Vec::new())),
        };
        match step {
            Ok(ExportStep::Load(query)) => {
                self.waiting.insert(load, (id, Stage::Export));
                NextStep::Load(load, query)
            }
            Ok(ExportStep::Part(bytes)) => NextStep::Answer(id, Answer::Part(bytes)),
            Err(moved) => {
                self.export = None;
                let error = CommandError::Storage(moved.to_string());
                NextStep::Answer(id, Answer::Failed(error))
            }
        }
    }

    /// Gives a question up whose load failed.
    pub fn failed(&mut self, load: RequestId, reason: &str) -> Option<NextStep> {
        let (id, _) = self.waiting.remove(&load)?;
        let error = CommandError::Storage(reason.to_owned());
        Some(NextStep::Answer(id, Answer::Failed(error)))
    }
}

fn pending(replica: &Replica, around: &Surroundings<'_>, skip: u32, count: u32) -> Answer {
    let transactions = replica
        .mempool()
        .iter()
        .skip(usize::try_from(skip).unwrap_or(usize::MAX))
        .take(usize::try_from(count.min(PENDING_PER_ANSWER_MAX)).unwrap_or(0))
        .map(|pending| PendingTransaction {
            id: pending.verified.id(),
            signed: pending.verified.signed().clone(),
            sender: (around.member_of)(&pending.verified.transaction().sender),
            is_acknowledged: pending.is_acknowledged,
        })
        .collect();
    Answer::Pending(transactions)
}

fn summary(
    replica: &Replica,
    around: &Surroundings<'_>,
    height: u64,
    transactions: u32,
) -> Option<BlockSummary> {
    let chain = replica.chain();
    Some(BlockSummary {
        header: chain.header(height)?.header.clone(),
        hash: chain.hash_at(height)?,
        transactions,
        is_final: height <= chain.final_height().min(around.log.last.height),
        is_damaged: around.damaged.contains(&height),
    })
}

fn detail(
    replica: &Replica,
    around: &Surroundings<'_>,
    height: u64,
    body: Option<&Body>,
) -> Option<BlockDetail> {
    let genesis = Body::default();
    let body = body.unwrap_or(&genesis);
    let count = u32::try_from(body.transactions.len()).unwrap_or(u32::MAX);
    let summary = summary(replica, around, height, count)?;
    Some(BlockDetail {
        summary,
        tx_root: body.root(),
        transactions: body
            .transactions
            .iter()
            .zip(body.outcomes.iter())
            .map(|(signed, outcome)| (signed.transaction.id(), signed.clone(), *outcome))
            .collect(),
    })
}

fn lookup(replica: &Replica, key: &Key, places: &[Place], rows: &[Row]) -> Answer {
    let bodies = bodies_by_height(rows);
    let history = places
        .iter()
        .filter_map(|place| {
            let body = bodies.get(&place.height)?;
            let index = usize::try_from(place.index).ok()?;
            let signed = body.transactions.get(index)?;
            let Action::Put { value, .. } = &signed.transaction.action else {
                return None;
            };
            Some(HistoryItem {
                height: place.height,
                timestamp_ms: replica.chain().header(place.height)?.header.timestamp_ms,
                id: signed.transaction.id(),
                writer: signed.transaction.sender,
                value: value.clone(),
                outcome: *body.outcomes.get(index)?,
            })
        })
        .collect();
    Answer::Lookup(Lookup {
        entry: replica.chain().state().key(key).cloned(),
        history,
    })
}

fn bodies_by_height(rows: &[Row]) -> HashMap<u64, Body> {
    rows.iter()
        .filter_map(|row| Some((key_number(&row.key)?, decode("body", &row.value).ok()?)))
        .collect()
}

fn place(key: &[u8]) -> Option<Place> {
    let place: &[u8; 12] = key.get(32..)?.try_into().ok()?;
    let (height, index) = place.split_first_chunk::<8>()?;
    Some(Place {
        height: u64::from_be_bytes(*height),
        index: u32::from_be_bytes(index.try_into().ok()?),
    })
}

/// The first key that does not begin with the path.
fn after(path: &Path) -> Vec<u8> {
    let mut end = path.0.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            break;
        }
    }
    end
}
