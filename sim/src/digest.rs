//! A run's trace as one hash, to compare runs on different platforms.

use sha2::{Digest as _, Sha256};

/// Takes in every event in the order in which it was handled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Digest(Sha256);

impl Digest {
    pub(crate) fn add(&mut self, at_ms: u64, what: &impl core::fmt::Debug) {
        self.0.update(at_ms.to_le_bytes());
        self.0.update(format!("{what:?}").as_bytes());
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}
