//! What must hold after every step, whatever happens, and what must hold once faults are over.

use std::collections::BTreeMap;

use shared::hash::{BlockHash, Hash, TransactionId};
use shared::keys::PublicKey;
use shared::node::Node;
use shared::node::interface::Connection;

use crate::world::{World, network};

/// Something that must never happen has happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// After how many steps.
    pub step: u64,
    /// What it was.
    pub what: String,
}

impl core::fmt::Display for Violation {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "violation at step {}: {}", self.step, self.what)
    }
}

/// What any honest node has ever held for final, acknowledged or given.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    finals: BTreeMap<u64, BlockHash>,
    log: BTreeMap<u64, Hash>,
    numbers: BTreeMap<u64, PublicKey>,
    acknowledged: BTreeMap<TransactionId, (PublicKey, u64)>,
    /// What was checked of each node last, so that only news is checked.
    checked: BTreeMap<usize, (u64, u64, BlockHash)>,
}

impl Memory {
    /// Checks a node after it has handled something.
    pub(crate) fn check_node(&mut self, index: usize, node: &Node) -> Result<(), String> {
        let Some(replica) = node.replica() else {
            return Ok(());
        };
        let chain = replica.chain();
        let (final_height, log_length, tip) = (
            chain.final_height(),
            node.log().map_or(0, |log| log.length()),
            chain.tip().hash,
        );
        let news = (final_height, log_length, tip);
        if self.checked.get(&index) == Some(&news) {
            return Ok(());
        }
        let (was_final, was_logged, _) = self.checked.insert(index, news).unwrap_or_default();
        let first = if final_height < was_final {
            0
        } else {
            was_final
        };
        for height in first..=final_height {
            let hash = chain
                .hash_at(height)
                .ok_or_else(|| format!("node {index} has no block at its final height {height}"))?;
            let held = *self.finals.entry(height).or_insert(hash);
            if held != hash {
                return Err(format!(
                    "node {index} has {hash} as final at height {height}, another had {held}"
                ));
            }
        }
        if log_length != was_logged
            && let Some(log) = node.log().filter(|log| log.length() > 0)
        {
            let held = *self.log.entry(log_length).or_insert(log.head());
            if held != log.head() {
                return Err(format!(
                    "node {index}'s log of {log_length} entries ends in {}, another's in {held}",
                    log.head()
                ));
            }
        }
        if let Some(equivocation) = node.voter().and_then(|voter| voter.equivocations().next()) {
            return Err(format!(
                "node {index} holds a proof that an honest member voted twice: {equivocation:?}"
            ));
        }
        self.check_balances(index, node)?;
        self.check_numbers(index, node)
    }

    /// Forgets what was last seen of a node that starts again, so that all of it is checked.
    pub(crate) fn forget(&mut self, index: usize) {
        self.checked.remove(&index);
    }

    /// Notes which transactions of a node's own the relay has acknowledged. Their number.
    pub(crate) fn note_acknowledged(&mut self, node: &Node) -> usize {
        let key = node.view().key;
        if let Some(replica) = node.replica() {
            for pending in replica.mempool().iter() {
                if pending.is_acknowledged && pending.verified.transaction().sender == key {
                    let sequence = pending.verified.transaction().sequence;
                    self.acknowledged
                        .insert(pending.verified.id(), (key, sequence));
                }
            }
        }
        self.acknowledged.len()
    }

    /// Once all faults are over and some time has passed.
    pub(crate) fn check_end(&self, world: &World) -> Result<(), String> {
        let mut tips = Vec::new();
        for (index, sim) in world.nodes.iter().enumerate() {
            let Some(node) = &sim.node else {
                continue;
            };
            let view = node.view();
            if view.connection != Connection::Joined {
                return Err(format!(
                    "node {index} is not back long after the last fault: {:?}",
                    view.connection
                ));
            }
            let (height, decided) = (view.chain.height, view.chain.final_height);
            if decided + 2 < height {
                return Err(format!(
                    "node {index} has height {height} but only {decided} is final long after the \
                     last fault; {:?} {:?}",
                    view.chain, view.rejections
                ));
            }
            tips.push((index, view.chain.tip));
            self.check_acknowledged(index, node)?;
        }
        let first = tips.first().copied();
        match tips
            .iter()
            .find(|(_, tip)| Some(*tip) != first.map(|(_, tip)| tip))
        {
            Some((index, tip)) => Err(format!(
                "long after the last fault node {index} is at {tip}, others at {first:?}"
            )),
            None => Ok(()),
        }
    }

    fn check_acknowledged(&self, index: usize, node: &Node) -> Result<(), String> {
        let Some(replica) = node.replica() else {
            return Ok(());
        };
        for (id, (sender, sequence)) in &self.acknowledged {
            let pending = replica
                .mempool()
                .iter()
                .find(|one| one.verified.id() == *id);
            let next = replica.chain().state().account(sender).next_sequence;
            if pending.is_none() && next <= *sequence {
                return Err(format!(
                    "transaction {id} was acknowledged; node {index} has it neither pending nor mined"
                ));
            }
        }
        Ok(())
    }

    fn check_balances(&self, index: usize, node: &Node) -> Result<(), String> {
        let Some(replica) = node.replica() else {
            return Ok(());
        };
        let chain = replica.chain();
        let total: u64 = chain
            .state()
            .entries()
            .filter_map(|entry| match entry {
                shared::state::Entry::Account(_, account) => Some(account.balance),
                _ => None,
            })
            .sum();
        let rewards = chain.height() * network().block_reward;
        if total == rewards {
            Ok(())
        } else {
            Err(format!(
                "node {index}: all balances are {total}, all rewards {rewards}"
            ))
        }
    }

    fn check_numbers(&mut self, index: usize, node: &Node) -> Result<(), String> {
        for member in node.view().members {
            let held = *self.numbers.entry(member.id).or_insert(member.key);
            if held != member.key {
                return Err(format!(
                    "node {index} sees number {} given to {}, which was {held}'s",
                    member.id, member.key
                ));
            }
        }
        Ok(())
    }
}
