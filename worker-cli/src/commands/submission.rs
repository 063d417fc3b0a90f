//! A transaction of this node's on its way, until the relay has stored it.

use shared::hash::TransactionId;
use shared::node::interface::{Answer, Command, PendingTransaction};

use crate::access::Access;
use crate::failure::{Class, Failure};
use crate::output::{GOOD, Output};

/// Pending transactions that are asked for at once.
const PAGE: u32 = 500;

/// Has the node sign and send a transaction; returns when the relay has stored it.
pub(super) async fn submit(
    node: &mut Access,
    output: Output,
    command: Command,
) -> Result<TransactionId, Failure> {
    let Answer::Submitted(id) = node.command(command).await? else {
        return Err(Failure::new(Class::Defect, "the node gave another answer"));
    };
    let spinner = output.spinner("waiting until the relay has stored it");
    let stored = stored(node, id).await;
    spinner.finish_and_clear();
    stored.map(|()| id)
}

/// What people are told about it.
pub(super) fn text(id: &TransactionId) -> String {
    format!(
        "{GOOD}stored{GOOD:#} transaction {id}\n  it is in every mempool; `mine_block` puts it into a block"
    )
}

/// Waits until the relay has stored or refused the transaction.
async fn stored(node: &mut Access, id: TransactionId) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let seen = node.see(after).await?;
        after = seen.version;
        let own = id.to_string();
        let refusal = seen.view.rejections.iter().rev();
        if let Some(refusal) = refusal
            .map(|one| &one.reason)
            .find(|one| one.contains(&own))
        {
            return Err(Failure::new(Class::Transaction, refusal.clone()));
        }
        if seen.view.unacknowledged == 0 {
            return Ok(());
        }
        // Others of this node's may wait longer.
        match pending(node, id).await? {
            Some(pending) if !pending.is_acknowledged => {}
            _ => return Ok(()),
        }
        if let Some(trouble) = seen.trouble {
            return Err(Failure::new(trouble.class, trouble.message));
        }
    }
}

async fn pending(
    node: &mut Access,
    id: TransactionId,
) -> Result<Option<PendingTransaction>, Failure> {
    let mut skip = 0;
    loop {
        let page = Command::Pending { skip, count: PAGE };
        let Answer::Pending(page) = node.command(page).await? else {
            return Ok(None);
        };
        let count = u32::try_from(page.len()).unwrap_or(PAGE);
        let found = page.into_iter().find(|pending| pending.id == id);
        if found.is_some() || count < PAGE {
            return Ok(found);
        }
        skip += count;
    }
}
