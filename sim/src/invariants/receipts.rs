//! Promises on receipts.

use std::collections::BTreeMap;

use shared::hash::TransactionId;
use shared::node::interface::{Answer, CommandError};
use shared::receipt::{NoReceipt, Receipt};

use super::{Broken, RelayStanding};
use crate::world::World;

const PROMISE: &str = "receipts of what is final verify, and are the same everywhere";

#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// The first file that anybody made for a transaction.
    files: BTreeMap<TransactionId, Vec<u8>>,
}

impl Receipts {
    /// A node was asked for the receipt of a transaction that it had stored as final.
    pub(super) fn verify(
        &mut self,
        world: &World,
        node: usize,
        id: TransactionId,
        answer: &Answer,
        relay: RelayStanding,
    ) -> Result<(), Broken> {
        let broken =
            |what: String| Err((PROMISE, format!("node {node}, transaction {id}: {what}")));
        let file = match answer {
            Answer::Receipt(file) => file,
            // Its stored bytes were edited, or it cannot store any.
            Answer::Failed(CommandError::NoReceipt(_))
                if world
                    .nodes
                    .get(node)
                    .is_some_and(|sim| sim.is_disk_full || !sim.tampered.is_empty()) =>
            {
                return Ok(());
            }
            // Its log is ahead of its blocks, or it gave its replica up meanwhile.
            Answer::Failed(
                CommandError::NoReceipt(NoReceipt::Fetching(_)) | CommandError::NoNetwork,
            ) => return Ok(()),
            other => return broken(format!("{other:?}")),
        };
        let verified = match Receipt::from_file(file).and_then(|receipt| receipt.verify()) {
            Ok(verified) => verified,
            Err(error) => return broken(error.to_string()),
        };
        if verified.id != id || verified.network != world.network.id() {
            return broken(format!("the receipt is of {}", verified.id));
        }
        let held = world.honest(node).and_then(|node| node.replica());
        let held = held.and_then(|replica| replica.chain().hash_at(verified.height));
        if held.is_some_and(|held| held != verified.block) {
            return broken(format!("block {} is not on the chain", verified.block));
        }
        let first = self.files.entry(id).or_insert_with(|| file.clone());
        if first != file && relay == RelayStanding::Honest {
            return broken("another replica made another receipt".to_owned());
        }
        Ok(())
    }
}
