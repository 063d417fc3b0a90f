//! Promises on what was acknowledged, and on members' numbers.

use std::collections::{BTreeMap, BTreeSet};

use shared::hash::TransactionId;
use shared::keys::PublicKey;
use shared::message::{Member, MemberId};
use shared::node::Node;
use shared::replica::Replica;

use super::Broken;
use crate::naive::NaiveLedger;

#[derive(Debug, Default)]
pub(super) struct Transactions {
    acknowledged: BTreeMap<TransactionId, Acknowledged>,
    numbers: BTreeMap<MemberId, PublicKey>,
}

#[derive(Clone, Copy, Debug)]
struct Acknowledged {
    sender: PublicKey,
    sequence: u64,
    valid_until: Option<u64>,
}

impl Transactions {
    pub(super) fn acknowledged(&self) -> usize {
        self.acknowledged.len()
    }

    pub(super) fn note(
        &mut self,
        id: TransactionId,
        sender: PublicKey,
        sequence: u64,
        valid_until: Option<u64>,
    ) {
        let acknowledged = Acknowledged {
            sender,
            sequence,
            valid_until,
        };
        self.acknowledged.insert(id, acknowledged);
    }

    /// Notes which of a node's own transactions the relay has acknowledged.
    pub(super) fn note_acknowledged(&mut self, node: &Node) {
        let Some(replica) = node.replica() else {
            return;
        };
        for pending in replica.mempool().iter() {
            let transaction = pending.verified.transaction();
            if pending.is_acknowledged && transaction.sender == node.key() {
                self.note(
                    pending.verified.id(),
                    transaction.sender,
                    transaction.sequence,
                    transaction.valid_until,
                );
            }
        }
    }

    /// Each acknowledged transaction is exactly one of mined, pending, expired, superseded.
    pub(super) fn each_has_one_fate(
        &self,
        replica: &Replica,
        naive: &NaiveLedger,
    ) -> Result<(), Broken> {
        let chain = replica.chain();
        let Some(state) = naive.state(&chain.tip().hash) else {
            return Ok(());
        };
        let mut pending = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for one in replica.mempool().iter() {
            let transaction = one.verified.transaction();
            pending.insert(one.verified.id());
            taken.insert((transaction.sender, transaction.sequence));
        }
        for (id, one) in &self.acknowledged {
            let is_mined = state.executed.contains(id);
            let is_pending = pending.contains(id);
            let next = chain.state().account(&one.sender).next_sequence;
            let is_expired = one.valid_until.is_some_and(|last| last <= chain.height());
            let is_superseded = next > one.sequence || taken.contains(&(one.sender, one.sequence));
            let has_one_fate = match (is_mined, is_pending) {
                (true, true) => false,
                (true, false) => true,
                (false, true) => !is_expired && next <= one.sequence,
                (false, false) => is_expired || is_superseded,
            };
            if !has_one_fate {
                return Err((
                    "each acknowledged transaction is one of mined, pending, expired, superseded",
                    format!(
                        "{id}, {one:?}, at height {}: mined {is_mined}, pending {is_pending}, \
                         expired {is_expired}, superseded {is_superseded}",
                        chain.height()
                    ),
                ));
            }
        }
        Ok(())
    }

    /// Ids never reused.
    pub(super) fn numbers_are_never_reused(&mut self, members: &[Member]) -> Result<(), Broken> {
        for member in members {
            let held = *self.numbers.entry(member.id).or_insert(member.key);
            if held != member.key {
                let what = format!("number {} is {}'s, and was {held}'s", member.id, member.key);
                return Err(("numbers of members are never reused", what));
            }
        }
        Ok(())
    }
}
