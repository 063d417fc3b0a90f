//! `add_transaction`: write a value under a key.

use serde_json::json;
use shared::hash::TransactionId;
use shared::node::interface::{Answer, Command, PendingTransaction};
use shared::transaction::Expect;

use crate::access::Access;
use crate::arguments::AddTransaction;
use crate::failure::{Class, Failure};
use crate::output::{GOOD, Output, Report};

/// Pending transactions that are asked for at once.
const PAGE: u32 = 500;

pub(super) async fn run(
    node: &mut Access,
    output: Output,
    options: AddTransaction,
) -> Result<Report, Failure> {
    let AddTransaction {
        key,
        value,
        expect_absent,
        expect,
    } = options;
    let expect = match (expect_absent, expect) {
        (true, _) => Expect::Absent,
        (false, Some(id)) => Expect::WrittenBy(id),
        (false, None) => Expect::Anything,
    };
    let json = json!({ "key": key.as_str(), "value": value.as_str() });
    let Answer::Submitted(id) = node.command(Command::Put { key, value, expect }).await? else {
        return Err(Failure::new(Class::Defect, "the node gave another answer"));
    };
    let spinner = output.spinner("waiting until the relay has stored it");
    let stored = stored(node, id).await;
    spinner.finish_and_clear();
    stored?;
    let mut json = json;
    if let Some(fields) = json.as_object_mut() {
        fields.insert("id".to_owned(), id.to_string().into());
    }
    let text = format!(
        "{GOOD}stored{GOOD:#} transaction {id}\n  it is in every mempool; `mine_block` puts it into a block"
    );
    Ok(Report::new(json, text))
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
