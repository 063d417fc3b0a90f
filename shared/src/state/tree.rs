//! An authenticated map: a binary tree over 256-bit paths in which a leaf stands at the shallowest
//! depth where it is alone. Its shape, and so its root, depends on its content only, not on the
//! order of changes.
//!
//! Cost of a change: about log2 of the number of entries in hashes. In memory two levels lie in one
//! piece, so that a change waits for half as many pieces of a large tree.

mod proof;

use super::{Entry, Path, value_hash};
use crate::encoding::List;
use crate::hash::{Hash, Tag};

pub use proof::{ProofEnd, StateProof, StateProofError};

/// The root of a state without entries.
pub const EMPTY_ROOT: Hash = Hash::ZERO;

/// Depth of the tree at most: a path's bits.
const DEPTH_MAX: usize = 256;

#[derive(Debug, Default)]
enum Node {
    #[default]
    Empty,
    Leaf {
        leaf: Box<Leaf>,
        hash: Option<Hash>,
    },
    /// Two leaves or more, in two levels of the tree.
    Branch {
        halves: Box<[Half; 2]>,
        hash: Option<Hash>,
    },
}

#[derive(Debug)]
struct Leaf {
    path: Path,
    entry: Entry,
}

/// One side of a branch. A leaf that is alone in it stands for all of it.
#[derive(Debug, Default)]
struct Half {
    children: [Node; 2],
    hash: Option<Hash>,
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
        for depth in (0..=DEPTH_MAX).step_by(2) {
            match node {
                Node::Empty => return None,
                Node::Leaf { leaf, .. } => return (leaf.path == *path).then_some(&leaf.entry),
                Node::Branch { halves, .. } => {
                    let (half, _) = sides(halves, path, depth);
                    (node, _) = sides(&half.children, path, depth + 1);
                }
            }
        }
        None
    }

    /// Sets or removes the entry at a path and returns what was there.
    pub fn set(&mut self, path: Path, entry: Option<Entry>) -> Option<Entry> {
        let is_set = entry.is_some();
        let before = match entry {
            Some(entry) => insert(&mut self.root, path, entry, 0),
            None => remove(&mut self.root, &path, 0),
        };
        match (&before, is_set) {
            (None, true) => self.entries += 1,
            (Some(_), false) => self.entries -= 1,
            _ => {}
        }
        before
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
                    Node::Leaf { leaf, .. } => return Some(&leaf.entry),
                    Node::Branch { halves, .. } => {
                        let children = halves.iter().flat_map(|half| &half.children);
                        stack.extend(children.rev());
                    }
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
                Node::Leaf { leaf, .. } => {
                    break ProofEnd::Leaf(leaf.path, value_hash(&leaf.entry));
                }
                Node::Branch { halves, .. } => {
                    let (half, other) = sides(halves, path, depth);
                    siblings.push(other.present_hash());
                    if let Some(lone) = half.lone() {
                        node = lone;
                        continue;
                    }
                    let (child, other) = sides(&half.children, path, depth + 1);
                    siblings.push(other.present_hash());
                    node = child;
                    depth += 2;
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
            Self::Leaf { leaf, hash } => hash.unwrap_or_else(|| leaf.hash()),
            Self::Branch { halves, hash } => hash.unwrap_or_else(|| {
                let [left, right] = halves.as_ref();
                branch_hash(&left.present_hash(), &right.present_hash())
            }),
        }
    }

    fn hash(&mut self) -> Hash {
        match self {
            Self::Empty => EMPTY_ROOT,
            Self::Leaf { leaf, hash } => *hash.get_or_insert_with(|| leaf.hash()),
            Self::Branch { halves, hash } => *hash.get_or_insert_with(|| {
                let [left, right] = halves.as_mut();
                branch_hash(&left.hash(), &right.hash())
            }),
        }
    }
}

impl Half {
    /// The only leaf, or an empty node where there is none; nothing where there are more.
    fn lone(&self) -> Option<&Node> {
        match &self.children {
            [Node::Empty, only @ (Node::Empty | Node::Leaf { .. })]
            | [only @ Node::Leaf { .. }, Node::Empty] => Some(only),
            _ => None,
        }
    }

    /// As [`Node::present_hash`].
    fn present_hash(&self) -> Hash {
        match self.lone() {
            Some(lone) => lone.present_hash(),
            None => self.hash.unwrap_or_else(|| {
                let [left, right] = &self.children;
                branch_hash(&left.present_hash(), &right.present_hash())
            }),
        }
    }

    fn hash(&mut self) -> Hash {
        let [left, right] = &mut self.children;
        match (left, right) {
            (Node::Empty, only @ (Node::Empty | Node::Leaf { .. }))
            | (only @ Node::Leaf { .. }, Node::Empty) => only.hash(),
            (left, right) => *self
                .hash
                .get_or_insert_with(|| branch_hash(&left.hash(), &right.hash())),
        }
    }
}

impl Leaf {
    fn hash(&self) -> Hash {
        leaf_hash(&self.path, &value_hash(&self.entry))
    }
}

fn insert(node: &mut Node, path: Path, entry: Entry, depth: usize) -> Option<Entry> {
    match node {
        Node::Empty => {
            let leaf = Box::new(Leaf { path, entry });
            *node = Node::Leaf { leaf, hash: None };
            None
        }
        Node::Leaf { leaf, hash } if leaf.path == path => {
            *hash = None;
            Some(core::mem::replace(&mut leaf.entry, entry))
        }
        Node::Leaf { leaf, .. } => {
            let other = leaf.path;
            let mut halves = Box::<[Half; 2]>::default();
            let half = side(&mut halves, &other, depth);
            *side(&mut half.children, &other, depth + 1) = core::mem::take(node);
            *node = Node::Branch { halves, hash: None };
            insert(node, path, entry, depth)
        }
        Node::Branch { halves, hash } => {
            let half = side(halves, &path, depth);
            *hash = None;
            half.hash = None;
            let child = side(&mut half.children, &path, depth + 1);
            insert(child, path, entry, depth + 2)
        }
    }
}

fn remove(node: &mut Node, path: &Path, depth: usize) -> Option<Entry> {
    match node {
        Node::Empty => None,
        Node::Leaf { leaf, .. } if leaf.path != *path => None,
        Node::Leaf { .. } => match core::mem::take(node) {
            Node::Leaf { leaf, .. } => Some(leaf.entry),
            _ => None,
        },
        Node::Branch { halves, hash } => {
            let half = side(halves, path, depth);
            let child = side(&mut half.children, path, depth + 1);
            let removed = remove(child, path, depth + 2)?;
            half.hash = None;
            *hash = None;
            let children = halves.iter_mut().flat_map(|half| &mut half.children);
            let mut rest = children.filter(|child| !matches!(child, Node::Empty));
            if let (Some(only @ Node::Leaf { .. }), None) = (rest.next(), rest.next()) {
                *node = core::mem::take(only);
            }
            Some(removed)
        }
    }
}

/// Of two sides the one that a path leads to, and the other one.
fn sides<'a, T>([left, right]: &'a [T; 2], path: &Path, depth: usize) -> (&'a T, &'a T) {
    if bit(path, depth) {
        (right, left)
    } else {
        (left, right)
    }
}

fn side<'a, T>([left, right]: &'a mut [T; 2], path: &Path, depth: usize) -> &'a mut T {
    if bit(path, depth) { right } else { left }
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
