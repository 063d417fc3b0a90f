//! The promise on who is in the next roster.

use std::collections::{BTreeMap, BTreeSet};

use shared::finality::{Ballot, Decision, LogEntry, LogEvent, Roster, Step};
use shared::hash::Hash;
use shared::keys::PublicKey;
use shared::limits::FORCED_CHANGE_MS;

use super::Broken;
use crate::world::World;

/// Who has been here so long is known to everyone, also over slow links and after a freeze.
const KNOWN_AFTER_MS: u64 = FORCED_CHANGE_MS;

#[derive(Debug, Default)]
pub(super) struct Succession {
    /// When each member joined last.
    joined_ms: BTreeMap<PublicKey, u64>,
    /// When an honest member first voted for each decision.
    agreed_ms: BTreeMap<Hash, u64>,
    /// The roster after the last entry.
    roster: Roster,
    /// Who has ever lied: it may have said that it does not stay.
    liars: BTreeSet<PublicKey>,
}

impl Succession {
    pub(super) fn joined(&mut self, world: &World, key: PublicKey) {
        self.joined_ms.insert(key, world.now_ms);
    }

    pub(super) fn signs(&mut self, world: &World, ballot: &Ballot) {
        if let (Step::Prevote, Some(decision)) = (ballot.step, ballot.value) {
            self.agreed_ms.entry(decision).or_insert(world.now_ms);
            self.liars.extend(world.liars());
        }
    }

    /// Nobody of a roster who is here and stays is left out of the next one, whoever leads.
    pub(super) fn logged(&mut self, world: &World, entry: &LogEntry) -> Result<(), Broken> {
        match &entry.record.event {
            LogEvent::Forced { new_roster, .. } => self.roster = new_roster.clone(),
            LogEvent::Decided { decision, .. } => {
                let before = core::mem::replace(&mut self.roster, decision.next_roster.clone());
                self.nobody_is_left_out(world, &before, decision)?;
            }
        }
        Ok(())
    }

    fn nobody_is_left_out(
        &self,
        world: &World,
        before: &Roster,
        decision: &Decision,
    ) -> Result<(), Broken> {
        let relay = world.relays.first().and_then(|sim| sim.core.as_ref());
        let (Some(relay), Some(agreed_ms)) = (relay, self.agreed_ms.get(&decision.hash())) else {
            return Ok(());
        };
        let known = |key: &PublicKey| {
            let joined_ms = self.joined_ms.get(key);
            joined_ms.is_some_and(|joined_ms| joined_ms + KNOWN_AFTER_MS < *agreed_ms)
        };
        let members = relay.view().members;
        let left_out = members.iter().find(|member| {
            member.status.stays
                && !self.liars.contains(&member.key)
                && known(&member.key)
                && before.index_of(&member.key).is_some()
                && decision.next_roster.index_of(&member.key).is_none()
        });
        match left_out {
            Some(member) => Err((
                "nobody who is here and stays is left out of the next roster",
                format!(
                    "decision {} leaves out member {}",
                    decision.instance, member.id
                ),
            )),
            None => Ok(()),
        }
    }
}
