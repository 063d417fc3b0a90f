//! The promise on who is let into a network by invitation.

use std::collections::{BTreeMap, BTreeSet};

use shared::keys::PublicKey;
use shared::network::Admission;

use super::Broken;
use crate::world::World;

/// From the use of an invitation until its row and the member's are durable.
const JOINING_MS: u64 = 1_000;

const PROMISE: &str = "only who shows an invitation that holds joins and writes";

/// Who has ever joined, and how often each invitation was used.
#[derive(Debug, Default)]
pub(super) struct Admissions {
    joined: BTreeSet<PublicKey>,
    uses: BTreeMap<usize, u32>,
}

impl Admissions {
    /// A key that joins for the first time uses an invitation. It needs none again.
    pub(super) fn joined(&mut self, world: &World, key: PublicKey) -> Result<(), Broken> {
        if world.network.admission == Admission::Open || !self.joined.insert(key) {
            return Ok(());
        }
        let shown = world.invitations.shown.get(&key);
        let issued = shown.and_then(|shown| Some((*shown, world.invitations.issued.get(*shown)?)));
        let Some((shown, issued)) = issued else {
            return Err((PROMISE, format!("{key} joined and has shown none")));
        };
        let uses = self.uses.entry(shown).or_default();
        *uses += 1;
        if *uses > issued.uses_max {
            let what = format!(
                "{key} is number {uses} to join by one for {}",
                issued.uses_max
            );
            return Err((PROMISE, what));
        }
        match issued.revoked_ms {
            Some(revoked_ms) if revoked_ms + JOINING_MS < world.now_ms => {
                Err((PROMISE, format!("{key} joined by one that was revoked")))
            }
            _ => Ok(()),
        }
    }

    /// Over REST only who has joined may write.
    pub(super) fn admitted(&self, world: &World, sender: &PublicKey) -> Result<(), Broken> {
        if world.network.admission == Admission::Open || self.joined.contains(sender) {
            return Ok(());
        }
        Err((PROMISE, format!("{sender} writes and has never joined")))
    }
}
