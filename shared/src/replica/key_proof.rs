//! What the state at a block holds under a key, proved against the block's header.

use borsh::{BorshDeserialize, BorshSerialize};

use super::Replica;
use crate::block::SealedHeader;
use crate::state::tree::StateProofError;
use crate::state::{Entry, KeyEntry, StateProof, key_path};
use crate::transaction::Key;

/// A key's presence or absence in the state at a block. What the header is worth is for its
/// reader to judge: it is the tip's, and may not be final yet.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct KeyProof {
    /// The block whose `state_root` the proof leads to.
    pub sealed: SealedHeader,
    /// What the key holds; nothing where it was never written.
    pub entry: Option<KeyEntry>,
    /// The way from there to the root.
    pub proof: StateProof,
}

impl KeyProof {
    /// Whether the state under the header's `state_root` holds just this entry under the key, or
    /// none.
    pub fn verify(&self, key: &Key) -> Result<(), StateProofError> {
        let entry = self.entry.clone().map(Entry::Key);
        let root = &self.sealed.header.state_root;
        self.proof.verify(root, &key_path(key), entry.as_ref())
    }
}

impl Replica {
    /// What the state at the tip holds under a key, with its proof.
    #[must_use]
    pub fn key_proof(&self, key: &Key) -> Option<KeyProof> {
        let chain = self.chain();
        Some(KeyProof {
            sealed: chain.header(chain.height())?.clone(),
            entry: chain.state().key(key).cloned(),
            proof: chain.state().prove(&key_path(key)),
        })
    }
}
