//! What runs met, to show that they were worth running.

use std::collections::BTreeMap;

/// Counts by name: steps, blocks, decisions, and every kind of fault.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Met(BTreeMap<&'static str, u64>);

impl Met {
    /// How often something was met.
    #[must_use]
    pub fn count(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or_default()
    }

    /// Adds what another run met.
    pub fn add(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            self.note_many(what, *count);
        }
    }

    pub(crate) fn note(&mut self, what: &'static str) {
        self.note_many(what, 1);
    }

    pub(crate) fn note_many(&mut self, what: &'static str, count: u64) {
        *self.0.entry(what).or_default() += count;
    }
}

impl core::fmt::Display for Met {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut separator = "";
        for (what, count) in &self.0 {
            write!(f, "{separator}{count} {what}")?;
            separator = ", ";
        }
        Ok(())
    }
}
