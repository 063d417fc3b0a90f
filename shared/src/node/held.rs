//! What a node keeps that its relay and its members can make grow.

use super::Node;
use crate::held::Held;
use crate::limits::{LEFT_MEMBERS_KEPT_MAX, MEMBERS_MAX, REJECTIONS_KEPT_MAX};

impl Node {
    /// What is kept, beside its limits.
    #[must_use]
    pub fn held(&self) -> Vec<Held> {
        let mut held = vec![
            Held::new("members", self.members.len(), MEMBERS_MAX),
            Held::new("members that left", self.left.len(), LEFT_MEMBERS_KEPT_MAX),
            Held::new(
                "rejections",
                self.rejections.latest().count(),
                REJECTIONS_KEPT_MAX,
            ),
        ];
        if let Some(ledger) = &self.ledger {
            held.extend(ledger.replica.held());
            held.extend(ledger.voter.held());
            held.push(ledger.log.held());
            held.push(ledger.evidence.held());
        }
        held
    }

    /// How many effects wait for their answers: none, once the world has come to rest.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.after_write.len() + self.after_load.len() + self.after_sign.len()
    }
}
