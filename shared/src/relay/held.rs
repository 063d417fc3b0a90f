//! What a relay keeps that its members can make grow.

use super::Relay;
use crate::held::Held;
use crate::limits::{INVITATIONS_MAX, MEMBERS_MAX};

impl Relay {
    /// What is kept, beside its limits. The shell bounds the connections.
    #[must_use]
    pub fn held(&self) -> Vec<Held> {
        let mut held = vec![
            Held::new("members", self.joined.len(), MEMBERS_MAX),
            Held::new(
                "invitations",
                self.invitations.iter().count(),
                INVITATIONS_MAX,
            ),
        ];
        // Those of keys that are here, and those on their way to or from the store.
        let rows_max = self.connections.len() + self.unanswered();
        let rows_max = rows_max.min(MEMBERS_MAX);
        held.push(Held::new("rows of members", self.held.len(), rows_max));
        held.extend(self.replica.held());
        held.push(self.log.held());
        held.push(self.evidence.held());
        held
    }

    /// How many effects wait for their answers: none, once the world has come to rest.
    #[must_use]
    pub fn unanswered(&self) -> usize {
        self.after_write.len() + self.after_load.len()
    }
}
