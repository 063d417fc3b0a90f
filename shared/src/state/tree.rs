//! An authenticated map: a binary tree over 256-bit paths in which a leaf stands at the shallowest
//! depth where it is alone. Its shape, and so its root, depends on its content only, not on the
//! order of changes.
//!
//! Cost of a change: about log2 of the number of entries in hashes.

use borsh::{BorshDeserialize, BorshSerialize};

use super::{Entry, Path, value_hash};
use crate::encoding::List;
use crate::hash::{Hash, Tag};

/// The root of a state without entries.
pub const EMPTY_ROOT: Hash = Hash::ZERO;

/// Depth of the tree at most: a path's bits.
const DEPTH_MAX: usize = 256;

#[derive(Debug, Default)]
enum Node {
    #[default]
    Empty,
    Leaf {
        path: Path,
        entry: Box<Entry>,
        hash: Option<Hash>,
    },
    Branch {
        children: Box<[Node; 2]>,
        hash: Option<Hash>,
    },
}

/// The map from paths to entries with its root.
#[derive(Debug, Default)]
pub struct StateTree {
    root: Node,
    entries: usize,
}

impl StateTree {
    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether there is no entry.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// The entry at a path.
    #[must_use]
    pub fn get(&self, path: &Path) -> Option<&Entry> {
        let mut node = &self.root;
        for depth in 0..=DEPTH_MAX {
            match node {
                Node::Empty => return None,
                Node::Leaf {
                    path: found, entry, ..
                } => return (found == path).then_some(entry),
                Node::Branch { children, .. } => {
                    let [left, right] = children.as_ref();
                    node = if bit(path, depth) { right } else { left };
                }
            }
        }
        None
    }

    /// Sets or removes the entry at a path and returns what was there.
    pub fn set(&mut self, path: Path, entry: Option<Entry>) -> Option<Entry> {
        let is_set = entry.is_some();
        let before = match entry {
            Some(entry) => insert(&mut self.root, path, Box::new(entry), 0),
            None => remove(&mut self.root, &path, 0),
        };
        match (&before, is_set) {
            (None, true) => self.entries += 1,
            (Some(_), false) => self.entries -= 1,
            _ => {}
        }
        before.map(|entry| *entry)
    }

    /// The root that commits to all entries.
    pub fn root(&mut self) -> Hash {
        self.root.hash()
    }

    /// All entries, in the order of their paths.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let mut stack = vec![&self.root];
        core::iter::from_fn(move || {
            while let Some(node) = stack.pop() {
                match node {
                    Node::Empty => {}
                    Node::Leaf { entry, .. } => return Some(entry.as_ref()),
                    Node::Branch { children, .. } => stack.extend(children.iter().rev()),
                }
            }
            None
        })
    }

    /// The proof that an entry is present at a path, or that none is.
    pub fn prove(&self, path: &Path) -> StateProof {
        let mut siblings = Vec::new();
        let mut node = &self.root;
        let mut depth = 0;
        let end = loop {
            match node {
                Node::Empty => break ProofEnd::Empty,
                Node::Leaf { path, entry, .. } => {
                    break ProofEnd::Leaf(*path, value_hash(entry));
                }
                Node::Branch { children, .. } => {
                    let [left, right] = children.as_ref();
                    let (next, sibling) = if bit(path, depth) {
                        (right, left)
                    } else {
                        (left, right)
                    };
                    siblings.push(sibling.present_hash());
                    node = next;
                    depth += 1;
                }
            }
        };
        StateProof {
            siblings: List::truncated(siblings),
            end,
        }
    }
}

impl Node {
    /// The hash without keeping it: most are kept from the last root.
    fn present_hash(&self) -> Hash {
        match self {
            Self::Empty => EMPTY_ROOT,
            Self::Leaf {
                hash: Some(hash), ..
            }
            | Self::Branch {
                hash: Some(hash), ..
            } => *hash,
            Self::Leaf { path, entry, .. } => leaf_hash(path, &value_hash(entry)),
            Self::Branch { children, .. } => {
                let [left, right] = children.as_ref();
                branch_hash(&left.present_hash(), &right.present_hash())
            }
        }
    }

    fn hash(&mut self) -> Hash {
        match self {
            Self::Empty => EMPTY_ROOT,
            Self::Leaf { path, entry, hash } => {
                *hash.get_or_insert_with(|| leaf_hash(path, &value_hash(entry)))
            }
            Self::Branch { children, hash } => *hash.get_or_insert_with(|| {
                let [left, right] = children.as_mut();
                branch_hash(&left.hash(), &right.hash())
            }),
        }
    }
}

fn insert(node: &mut Node, path: Path, entry: Box<Entry>, depth: usize) -> Option<Box<Entry>> {
    match node {
        Node::Empty => {
            *node = Node::Leaf {
                path,
                entry,
                hash: None,
            };
            None
        }
        Node::Leaf {
            path: found,
            entry: old,
            hash,
        } if *found == path => {
            *hash = None;
            Some(core::mem::replace(old, entry))
        }
        Node::Leaf { path: found, .. } => {
            let side = bit(found, depth);
            let leaf = core::mem::take(node);
            let children = if side {
                [Node::Empty, leaf]
            } else {
                [leaf, Node::Empty]
            };
            *node = Node::Branch {
                children: Box::new(children),
                hash: None,
            };
            insert(node, path, entry, depth)
        }
        Node::Branch { children, hash } => {
            *hash = None;
            let [left, right] = children.as_mut();
            let child = if bit(&path, depth) { right } else { left };
            insert(child, path, entry, depth + 1)
        }
    }
}

fn remove(node: &mut Node, path: &Path, depth: usize) -> Option<Box<Entry>> {
    match node {
        Node::Empty => None,
        Node::Leaf { path: found, .. } if found != path => None,
        Node::Leaf { .. } => match core::mem::take(node) {
            Node::Leaf { entry, .. } => Some(entry),
            _ => None,
        },
        Node::Branch { children, hash } => {
            let [left, right] = children.as_mut();
            let child = if bit(path, depth) {
                &mut *right
            } else {
                &mut *left
            };
            let removed = remove(child, path, depth + 1)?;
            *hash = None;
            let only = match (&mut *left, &mut *right) {
                (Node::Empty, leaf @ Node::Leaf { .. })
                | (leaf @ Node::Leaf { .. }, Node::Empty) => Some(core::mem::take(leaf)),
                _ => None,
            };
            if let Some(leaf) = only {
                *node = leaf;
            }
            Some(removed)
        }
    }
}

fn bit(path: &Path, depth: usize) -> bool {
    path.0
        .get(depth / 8)
        .is_some_and(|byte| byte >> (7 - depth % 8) & 1 == 1)
}

fn leaf_hash(path: &Path, value: &Hash) -> Hash {
    Tag::STATE_LEAF.hash(&[&path.0, &value.0])
}

fn branch_hash(left: &Hash, right: &Hash) -> Hash {
    Tag::STATE_BRANCH.hash(&[&left.0, &right.0])
}

/// A proof that an entry stands at a path under a root, or that none does.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StateProof {
    /// The hashes beside the way down, from the root.
    pub siblings: List<Hash, DEPTH_MAX>,
    /// What stands at the end of the way.
    pub end: ProofEnd,
}

/// What stands where the way down to a path ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ProofEnd {
    /// Nothing.
    Empty,
    /// A leaf: its path, and the hash of its entry.
    Leaf(Path, Hash),
}

/// A state proof that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateProofError {
    /// It leads to another root.
    #[error("the proof leads to state root {came}, expected was {expected}")]
    Root {
        /// The root that is trusted.
        expected: Hash,
        /// The root that the proof yields.
        came: Hash,
    },
    /// It proves something else.
    #[error("the proof ends at another entry than the one it is for")]
    Entry,
}

impl StateProof {
    /// Whether this proves, under `root`, that `entry` stands at `path`, or with no entry that
    /// nothing stands there.
    pub fn verify(
        &self,
        root: &Hash,
        path: &Path,
        entry: Option<&Entry>,
    ) -> Result<(), StateProofError> {
        let holds = match (&self.end, entry) {
            (ProofEnd::Empty, None) => true,
            (ProofEnd::Leaf(found, _), None) => {
                found != path
                    && (0..self.siblings.len()).all(|depth| bit(found, depth) == bit(path, depth))
            }
            (ProofEnd::Leaf(found, value), Some(entry)) => {
                found == path && entry.path() == *path && *value == value_hash(entry)
            }
            (ProofEnd::Empty, Some(_)) => false,
        };
        if !holds {
            return Err(StateProofError::Entry);
        }
        let end = match &self.end {
            ProofEnd::Empty => EMPTY_ROOT,
            ProofEnd::Leaf(path, value) => leaf_hash(path, value),
        };
        let came = self
            .siblings
            .iter()
            .enumerate()
            .rev()
            .fold(end, |hash, (depth, sibling)| {
                if bit(path, depth) {
                    branch_hash(sibling, &hash)
                } else {
                    branch_hash(&hash, sibling)
                }
            });
        if came == *root {
            Ok(())
        } else {
            Err(StateProofError::Root {
                expected: *root,
                came,
            })
        }
    }
}
