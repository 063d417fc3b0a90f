//! What others can make a node or a relay keep, beside its limit. The simulator looks at it after
//! every step.

/// How much of something is kept, and how much may be: `docs/limits.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// What is counted.
    pub what: &'static str,
    /// How many are kept.
    pub count: usize,
    /// How many are kept at most.
    pub max: usize,
}

impl Held {
    pub(crate) fn new(what: &'static str, count: usize, max: usize) -> Self {
        Self { what, count, max }
    }

    /// Whether the limit is kept.
    #[must_use]
    pub fn is_within(&self) -> bool {
        self.count <= self.max
    }
}
