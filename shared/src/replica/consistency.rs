//! The consistency check: what a replica's stored bytes hash to, against what the certified
//! history says they must.
//!
//! A leaf is recomputed from stored bytes, header and body, since an edited body would pass a
//! comparison of stored hashes. Rows are read in portions, so that a long chain is never in memory.

use crate::block::{Body, SealedHeader};
use crate::chain::Chain;
use crate::encoding::decode;
use crate::hash::{BlockHash, Hash, Tag};
use crate::limits::CHECK_PORTION_BLOCKS;
use crate::merkle;
use crate::store::{Query, Row, Table, number_key};

/// Reads a range of stored blocks and hashes them.
#[derive(Clone, Debug)]
pub struct StoredRange {
    start: u64,
    end: u64,
    /// The next height to be read.
    next: u64,
    headers: Option<Vec<Row>>,
    tree: merkle::Tree,
    /// Heights at which rows are lacking, do not decode, or are not those of the given history.
    damaged: Vec<u64>,
}

impl StoredRange {
    /// The blocks from `start` to before `end`.
    #[must_use]
    pub fn new(start: u64, end: u64) -> Self {
        Self {
            start,
            end,
            next: start,
            headers: None,
            tree: merkle::Tree::default(),
            damaged: Vec::new(),
        }
    }

    /// The rows that must be read next; nothing once all have been.
    #[must_use]
    pub fn query(&self) -> Option<Query> {
        let table = match self.headers {
            None => Table::Headers,
            Some(_) => Table::Bodies,
        };
        (self.next < self.end).then(|| Query::Range {
            table,
            from: number_key(self.next),
            to: number_key(self.portion_end()),
            rows_max: u32::MAX,
            newest_first: false,
        })
    }

    /// Takes the rows of the last query.
    pub fn take(&mut self, chain: &Chain, rows: &[Row]) {
        let Some(headers) = self.headers.take() else {
            self.headers = Some(rows.to_vec());
            return;
        };
        for height in self.next..self.portion_end() {
            let certified = certified_leaf(chain, height);
            let stored = match height {
                // Genesis follows from the network's parameters and is not stored.
                0 => certified,
                _ => stored_leaf(height, &headers, rows),
            };
            if stored.is_none() || stored != certified {
                self.damaged.push(height);
            }
            // What cannot be read must not hash to what it should.
            self.tree.push(stored.unwrap_or(Hash::ZERO));
        }
        self.next = self.portion_end();
    }

    /// The root over the range.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.tree.root()
    }

    /// Heights at which stored bytes are not those of this node's own verified headers.
    #[must_use]
    pub fn damaged(&self) -> &[u64] {
        &self.damaged
    }

    /// First height of the range.
    #[must_use]
    pub fn start(&self) -> u64 {
        self.start
    }

    fn portion_end(&self) -> u64 {
        self.end.min(self.next.saturating_add(CHECK_PORTION_BLOCKS))
    }
}

/// The tree that stored blocks of the heights 0 to before `end` must hash to, by the headers that
/// this node has verified.
#[must_use]
pub fn certified_tree(chain: &Chain, end: u64) -> merkle::Tree {
    let mut tree = merkle::Tree::default();
    for leaf in (0..end).map_while(|height| certified_leaf(chain, height)) {
        tree.push(leaf);
    }
    tree
}

fn certified_leaf(chain: &Chain, height: u64) -> Option<Hash> {
    let header = &chain.header(height)?.header;
    Some(leaf(&chain.hash_at(height)?, &header.tx_root))
}

fn stored_leaf(height: u64, headers: &[Row], bodies: &[Row]) -> Option<Hash> {
    let key = number_key(height);
    let row = |rows: &[Row]| -> Option<Vec<u8>> {
        let index = rows.binary_search_by(|row| row.key.cmp(&key)).ok()?;
        rows.get(index).map(|row| row.value.clone())
    };
    let sealed: SealedHeader = decode("header", &row(headers)?).ok()?;
    let body: Body = decode("body", &row(bodies)?).ok()?;
    Some(leaf(&sealed.header.hash(), &body.root()))
}

fn leaf(block: &BlockHash, tx_root: &Hash) -> Hash {
    merkle::leaf_hash(&Tag::CONSISTENCY_LEAF.statement(&(block, tx_root)))
}
