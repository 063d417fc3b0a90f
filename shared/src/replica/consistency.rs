//! The consistency check: what a replica's stored bytes hash to, against what the certified
//! history says they must.
//!
//! A leaf is recomputed from stored bytes, header and body, since an edited body would pass a
//! comparison of stored hashes.

use crate::block::{Body, SealedHeader};
use crate::chain::{Chain, index_of};
use crate::encoding::decode;
use crate::hash::{Hash, Tag};
use crate::merkle;
use crate::store::{Query, Row, Table, number_key};

/// The rows of a range of heights that a check reads: headers first, then bodies.
#[derive(Clone, Debug)]
pub struct ConsistencyRequest {
    /// First height.
    pub start: u64,
    /// First height after the range.
    pub end: u64,
}

impl ConsistencyRequest {
    /// The query for one of the two tables.
    #[must_use]
    pub fn query(&self, table: Table) -> Query {
        Query::Range {
            table,
            from: number_key(self.start.max(1)),
            to: number_key(self.end),
            rows_max: u32::MAX,
            newest_first: false,
        }
    }
}

/// What the blocks of a range must hash to, by the headers that this node has verified.
#[must_use]
pub fn expected_root(chain: &Chain, start: u64, end: u64) -> Option<Hash> {
    let mut tree = merkle::Tree::default();
    for height in start..end {
        let header = &chain.header(height)?.header;
        tree.push(leaf(&header.hash().0, &header.tx_root));
    }
    Some(tree.root())
}

/// What the stored rows of a range hash to; nothing where rows are lacking or do not decode.
#[must_use]
pub fn stored_root(
    chain: &Chain,
    request: &ConsistencyRequest,
    headers: &[Row],
    bodies: &[Row],
) -> Option<Hash> {
    let mut tree = merkle::Tree::default();
    if request.start == 0 {
        let genesis = &chain.header(0)?.header;
        tree.push(leaf(&genesis.hash().0, &genesis.tx_root));
    }
    let first = request.start.max(1);
    let expected = index_of(request.end.checked_sub(first)?);
    if headers.len() != expected || bodies.len() != expected {
        return None;
    }
    for (height, (header, body)) in (first..).zip(headers.iter().zip(bodies)) {
        if header.key != number_key(height) || body.key != number_key(height) {
            return None;
        }
        let sealed: SealedHeader = decode("header", &header.value).ok()?;
        let body: Body = decode("body", &body.value).ok()?;
        tree.push(leaf(&sealed.header.hash().0, &body.root()));
    }
    Some(tree.root())
}

fn leaf(block: &[u8; 32], tx_root: &Hash) -> Hash {
    let mut content = Tag::CONSISTENCY.bytes().to_vec();
    content.extend_from_slice(block);
    content.extend_from_slice(&tx_root.0);
    merkle::leaf_hash(&content)
}
