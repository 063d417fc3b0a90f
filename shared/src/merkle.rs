//! Merkle trees, roots, inclusion and consistency proofs of RFC 6962 (section 2.1), verified by
//! the algorithms of RFC 9162 (sections 2.1.3.2 and 2.1.4.2).

use crate::hash::{Hash, sha256};

/// The hash of a leaf's content.
#[must_use]
pub fn leaf_hash(content: &[u8]) -> Hash {
    leaf_hash_of(&[content])
}

/// The same of a content in parts.
pub(crate) fn leaf_hash_of(parts: &[&[u8]]) -> Hash {
    let prefix: &[u8] = &[0];
    Hash(sha256([&prefix].into_iter().chain(parts)))
}

/// The hash of an inner node.
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let parts: [&[u8]; 3] = [&[1], &left.0, &right.0];
    Hash(sha256(parts.iter()))
}

/// The root of a tree without leaves.
#[must_use]
pub fn empty_root() -> Hash {
    Hash(sha256([].iter()))
}

/// A proof that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf lies outside the tree.
    #[error("leaf {index} does not exist in a tree of {size} leaves")]
    Index {
        /// The leaf's index.
        index: u64,
        /// The tree's size in leaves.
        size: u64,
    },
    /// The older tree is larger than the newer.
    #[error("a tree of {old} leaves cannot be the beginning of one of {new}")]
    Sizes {
        /// Leaves of the older tree.
        old: u64,
        /// Leaves of the newer tree.
        new: u64,
    },
    /// The proof has the wrong number of hashes.
    #[error("the proof has {came} hashes, which does not fit these tree sizes")]
    Length {
        /// Hashes that came.
        came: usize,
    },
    /// The proof leads to another root.
    #[error("the proof leads to root {came}, expected was {expected}")]
    Root {
        /// The root that is trusted.
        expected: Hash,
        /// The root that the proof yields.
        came: Hash,
    },
}

/// An append-only tree that keeps the hash of every complete subtree: 64 bytes a leaf.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// `levels[k][i]` is the root of the complete subtree of 2^k leaves that begins at leaf i·2^k.
    levels: Vec<Vec<Hash>>,
}

impl Tree {
    /// A tree over the contents of its leaves.
    pub fn from_contents<C: AsRef<[u8]>>(contents: impl IntoIterator<Item = C>) -> Self {
        let mut tree = Self::default();
        for content in contents {
            tree.push(leaf_hash(content.as_ref()));
        }
        tree
    }

    /// Number of leaves.
    #[must_use]
    pub fn len(&self) -> usize {
        self.levels.first().map_or(0, Vec::len)
    }

    /// Whether there is no leaf.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a leaf by its hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(Vec::new());
            }
            let Some(row) = self.levels.get_mut(level) else {
                return;
            };
            row.push(hash);
            if row.len() % 2 == 1 {
                return;
            }
            let Some([left, right]) = row.last_chunk::<2>() else {
                return;
            };
            hash = node_hash(left, right);
        }
    }

    /// Forgets all leaves from `size` on.
    pub fn truncate(&mut self, size: usize) {
        for (level, row) in self.levels.iter_mut().enumerate() {
            row.truncate(size >> level);
        }
        self.levels.retain(|row| !row.is_empty());
    }

    /// The hash of the leaf at `index`.
    #[must_use]
    pub fn leaf(&self, index: usize) -> Option<Hash> {
        self.levels.first()?.get(index).copied()
    }

    /// The root over all leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.range(0, self.len()).unwrap_or_else(empty_root)
    }

    /// The root that the tree had with `size` leaves; nothing where it never had so many.
    #[must_use]
    pub fn root_at(&self, size: usize) -> Option<Hash> {
        match size {
            0 => Some(empty_root()),
            _ => self.range(0, size),
        }
    }

    /// The root over the leaves from `start` to before `end`: what a descent by subtree compares.
    #[must_use]
    pub fn range(&self, start: usize, end: usize) -> Option<Hash> {
        let length = end.checked_sub(start)?;
        if length == 0 || end > self.len() {
            return None;
        }
        if length.is_power_of_two() && start.is_multiple_of(length) {
            let level = usize::try_from(length.trailing_zeros()).ok()?;
            return self.levels.get(level)?.get(start / length).copied();
        }
        let middle = start + split(length);
        Some(node_hash(
            &self.range(start, middle)?,
            &self.range(middle, end)?,
        ))
    }

    /// The path from leaf `index` to the root of the first `size` leaves, lowest hash first.
    #[must_use]
    pub fn inclusion_proof(&self, index: usize, size: usize) -> Option<Vec<Hash>> {
        if index >= size || size > self.len() {
            return None;
        }
        let (mut start, mut end) = (0, size);
        let mut path = Vec::new();
        while end - start > 1 {
            let middle = start + split(end - start);
            if index < middle {
                path.push(self.range(middle, end)?);
                end = middle;
            } else {
                path.push(self.range(start, middle)?);
                start = middle;
            }
        }
        path.reverse();
        Some(path)
    }

    /// The proof that the first `old` leaves are the beginning of the first `new`.
    #[must_use]
    pub fn consistency_proof(&self, old: usize, new: usize) -> Option<Vec<Hash>> {
        if old == 0 || old > new || new > self.len() {
            return None;
        }
        let (mut start, mut end) = (0, new);
        let mut old_is_complete = true;
        let mut path = Vec::new();
        while old != end {
            let middle = start + split(end - start);
            if old <= middle {
                path.push(self.range(middle, end)?);
                end = middle;
            } else {
                path.push(self.range(start, middle)?);
                start = middle;
                old_is_complete = false;
            }
        }
        if !old_is_complete {
            path.push(self.range(start, end)?);
        }
        path.reverse();
        Some(path)
    }
}

/// The largest power of two smaller than `length`, which is at least 2.
fn split(length: usize) -> usize {
    length.div_ceil(2).next_power_of_two()
}

/// Whether the leaf with this hash stands at `index` in the tree of `size` leaves with this root.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Index { index, size });
    }
    let length = ProofError::Length { came: path.len() };
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in path {
        if last == 0 {
            return Err(length);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(length);
    }
    same_root(root, hash)
}

/// Whether the tree of `old` leaves with `old_root` is the beginning of the one of `new` leaves
/// with `new_root`.
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Hash,
    new_root: &Hash,
    path: &[Hash],
) -> Result<(), ProofError> {
    let length = ProofError::Length { came: path.len() };
    if old == 0 || old > new {
        return Err(ProofError::Sizes { old, new });
    }
    if old == new {
        return if path.is_empty() {
            same_root(old_root, *new_root)
        } else {
            Err(length)
        };
    }
    let (mut node, mut last) = (old - 1, new - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    let mut hashes = path.iter();
    let seed = if old.is_power_of_two() {
        *old_root
    } else {
        *hashes.next().ok_or(length)?
    };
    let (mut old_hash, mut new_hash) = (seed, seed);
    for sibling in hashes {
        if last == 0 {
            return Err(length);
        }
        if node & 1 == 1 || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(length);
    }
    same_root(old_root, old_hash)?;
    same_root(new_root, new_hash)
}

fn same_root(expected: &Hash, came: Hash) -> Result<(), ProofError> {
    if *expected == came {
        Ok(())
    } else {
        Err(ProofError::Root {
            expected: *expected,
            came,
        })
    }
}
