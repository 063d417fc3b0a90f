//! Promises on members that vote twice, or produce twice in a slot.

use std::collections::{BTreeMap, BTreeSet};

use shared::finality::evidence::Conviction;
use shared::finality::{Step, Vote};
use shared::hash::Hash;
use shared::keys::PublicKey;

use super::Broken;
use crate::world::World;

const PROMISE: &str = "who signs twice is convicted";

/// Which relay, when its life began, who voted, in which step.
type Place = (usize, u64, PublicKey, Step);
/// Length of the log, round, value.
type Cast = (u64, u64, Option<Hash>);

#[derive(Debug, Default)]
pub(super) struct Equivocators {
    /// The newest vote of each lying member and step that a relay has got in a life.
    newest: BTreeMap<Place, Cast>,
    /// Against whom a relay's store has evidence.
    convicted: BTreeSet<PublicKey>,
}

impl Equivocators {
    /// A relay that gets two votes of one round knows who cast them.
    pub(super) fn received(
        &mut self,
        world: &World,
        relay: usize,
        log_length: u64,
        vote: &Vote,
    ) -> Result<(), Broken> {
        let Some(sim) = world.relays.get(relay) else {
            return Ok(());
        };
        let Some(core) = sim.core.as_ref() else {
            return Ok(());
        };
        let place = (relay, sim.started_ms, vote.voter, vote.ballot.step);
        let came = (log_length, vote.ballot.round, vote.ballot.value);
        let newest = self.newest.entry(place).or_insert(came);
        if (newest.0, newest.1) < (came.0, came.1) {
            *newest = came;
        }
        let is_second = (newest.0, newest.1) == (came.0, came.1) && newest.2 != came.2;
        if !is_second {
            return Ok(());
        }
        convicts(&core.view().convicted, &vote.voter, || {
            "the relay".to_owned()
        })
    }

    /// Evidence is durable: a crash does not undo it.
    pub(super) fn convicted(&mut self, key: PublicKey) {
        self.convicted.insert(key);
    }

    /// In the end every honest node knows.
    pub(super) fn are_known_to(&self, node: usize, convicted: &[Conviction]) -> Result<(), Broken> {
        let who = || format!("node {node}");
        self.convicted
            .iter()
            .try_for_each(|key| convicts(convicted, key, who))
    }
}

/// A relay that gets a second block for a slot knows whose it is.
pub(super) fn produces_twice(world: &World, relay: usize, key: &PublicKey) -> Result<(), Broken> {
    let core = world.relays.get(relay).and_then(|sim| sim.core.as_ref());
    let Some(core) = core else {
        return Ok(());
    };
    let convicted = core.view().convicted;
    convicts(&convicted, key, || "the relay".to_owned())
}

fn convicts(
    convicted: &[Conviction],
    key: &PublicKey,
    who: impl Fn() -> String,
) -> Result<(), Broken> {
    if convicted.iter().any(|conviction| conviction.key == *key) {
        return Ok(());
    }
    let what = format!("{} has no evidence against {key}, who signed twice", who());
    Err((PROMISE, what))
}
