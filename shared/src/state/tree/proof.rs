//! What stands at a path, or that nothing does, shown by the hashes beside the way down to it.

use borsh::{BorshDeserialize, BorshSerialize};

use super::{DEPTH_MAX, EMPTY_ROOT, bit, branch_hash, leaf_hash};
use crate::encoding::List;
use crate::hash::Hash;
use crate::state::{Entry, Path, value_hash};

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
