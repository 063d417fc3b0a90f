//! A replica written as a chain file, in parts, from its rows.

use std::collections::VecDeque;

use super::Writer;
use crate::block::{Block, Body};
use crate::chain::Chain;
use crate::encoding::decode;
use crate::finality::{LogEntry, LogEvent};
use crate::hash::BlockHash;
use crate::limits::{BODIES_PER_REQUEST_MAX, CHAIN_FILE_PART_BYTES};
use crate::replica::query_rows;
use crate::store::{Query, Row, Table, number_key};

/// An export that is under way.
#[derive(Debug)]
pub(crate) struct Export {
    /// Nothing once the file has ended.
    writer: Option<Writer>,
    /// Bytes that were not given out yet.
    out: Vec<u8>,
    /// The block to be written next, and the one before it.
    next_block: u64,
    previous: BlockHash,
    /// The last block to be written: the tip at the beginning.
    end: u64,
    /// Bodies that were read, from `next_block` on.
    bodies: VecDeque<Body>,
    /// Entries that were read.
    entries: VecDeque<LogEntry>,
    /// The entry to be read next, and their number at the beginning.
    next_entry: u64,
    log_length: u64,
    /// Up to this height the entries that were written decide.
    decided: u64,
    waits_for: Option<Table>,
}

/// What an export needs next.
#[derive(Debug)]
pub(crate) enum ExportStep {
    Load(Query),
    /// Bytes to be appended to the file; none where it has ended.
    Part(Vec<u8>),
}

/// The chain has moved under an export, or its rows are damaged.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the chain was reorganised, or rows are damaged, at height {0}: begin the export again")]
pub(crate) struct Moved(u64);

impl Export {
    pub(crate) fn new(chain: &Chain, log_length: u64) -> Self {
        let mut out = Vec::new();
        Self {
            writer: Some(Writer::new(chain.network(), &mut out)),
            out,
            next_block: 1,
            previous: chain.hash_at(0).unwrap_or_default(),
            end: chain.height(),
            bodies: VecDeque::new(),
            entries: VecDeque::new(),
            next_entry: 0,
            log_length,
            decided: 0,
            waits_for: None,
        }
    }

    /// Goes on with the rows that it asked for.
    pub(crate) fn loaded(&mut self, rows: &[Row], chain: &Chain) -> Result<ExportStep, Moved> {
        let damaged = Moved(self.next_block);
        match self.waits_for.take() {
            Some(Table::Log) => {
                let entries = rows.iter().map(|row| decode("log entry", &row.value).ok());
                let entries: Option<Vec<LogEntry>> = entries.collect();
                let entries = entries.filter(|entries| !entries.is_empty());
                self.entries.extend(entries.ok_or(damaged)?);
                self.next_entry += crate::chain::height_of(rows.len());
            }
            Some(_) => {
                let bodies = rows.iter().map(|row| decode("body", &row.value).ok());
                let bodies: Option<Vec<Body>> = bodies.collect();
                let bodies = bodies.filter(|bodies| !bodies.is_empty());
                self.bodies.extend(bodies.ok_or(damaged)?);
            }
            None => {}
        }
        self.advance(chain)
    }

    /// Writes what is here, until a part is full or more must be read.
    pub(crate) fn advance(&mut self, chain: &Chain) -> Result<ExportStep, Moved> {
        while let Some(writer) = &mut self.writer {
            if self.out.len() >= CHAIN_FILE_PART_BYTES {
                break;
            }
            let blocks_are_written = self.next_block > self.end;
            if self.next_block > self.decided || blocks_are_written {
                // The entries that decide the next block; behind the last block all the others.
                if let Some(entry) = self.entries.pop_front() {
                    let decided = decided_height(&entry.record.event);
                    if decided > self.end {
                        // It decides what is not here yet, and so do all that follow.
                        self.log_length = self.next_entry;
                        self.entries.clear();
                    } else {
                        writer.entry(&entry, &mut self.out);
                        self.decided = self.decided.max(decided);
                    }
                    continue;
                }
                if self.next_entry < self.log_length {
                    return Ok(self.load_entries());
                }
            }
            if blocks_are_written {
                if let Some(writer) = self.writer.take() {
                    writer.end(&mut self.out);
                }
                break;
            }
            let Some(body) = self.bodies.pop_front() else {
                return Ok(self.load_bodies());
            };
            let moved = Moved(self.next_block);
            let sealed = chain.header(self.next_block).ok_or(moved)?.clone();
            if sealed.header.previous != self.previous || sealed.header.tx_root != body.root() {
                return Err(moved);
            }
            self.previous = sealed.header.hash();
            self.next_block += 1;
            writer.block(&Block { sealed, body }, &mut self.out);
        }
        Ok(ExportStep::Part(core::mem::take(&mut self.out)))
    }

    fn load_entries(&mut self) -> ExportStep {
        self.waits_for = Some(Table::Log);
        let count = self.log_length - self.next_entry;
        ExportStep::Load(Query::Range {
            table: Table::Log,
            from: number_key(self.next_entry),
            to: number_key(self.log_length),
            rows_max: u32::try_from(portion(count)).unwrap_or(u32::MAX),
            newest_first: false,
        })
    }

    fn load_bodies(&mut self) -> ExportStep {
        self.waits_for = Some(Table::Bodies);
        let count = portion((self.end + 1).saturating_sub(self.next_block));
        let heights = self.next_block..self.next_block + count;
        ExportStep::Load(query_rows(Table::Bodies, heights))
    }
}

/// How many rows are read at once.
fn portion(wanted: u64) -> u64 {
    wanted.min(crate::chain::height_of(BODIES_PER_REQUEST_MAX))
}

fn decided_height(event: &LogEvent) -> u64 {
    match event {
        LogEvent::Decided { decision, .. } => decision.height,
        LogEvent::Forced { base_height, .. } => *base_height,
    }
}
