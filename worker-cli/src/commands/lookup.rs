//! `get` and `history`: what a key is, and was.

use serde_json::json;
use shared::node::interface::{Answer, Command, Lookup};
use shared::transaction::{Key, Outcome};

use crate::access::Access;
use crate::failure::{Class, Failure};
use crate::output::{FAINT, Report, plain, short, table, time};

/// The value alone on standard output, so that scripts can take it as it is.
pub(super) async fn get(node: &mut Access, key: Key) -> Result<Report, Failure> {
    let found = lookup(node, &key).await?;
    let Some(entry) = found.entry else {
        return Err(not_written(&key));
    };
    let json = json!({
        "key": key.as_str(),
        "value": entry.value.as_str(),
        "writer": entry.writer.to_string(),
        "transaction": entry.written_by.to_string(),
    });
    Ok(Report::new(json, plain(entry.value.as_str())))
}

/// All writes in blocks, those without effect too.
pub(super) async fn history(node: &mut Access, key: Key) -> Result<Report, Failure> {
    let found = lookup(node, &key).await?;
    if found.history.is_empty() {
        return Err(not_written(&key));
    }
    let writes: Vec<_> = found
        .history
        .iter()
        .map(|item| {
            json!({
                "height": item.height,
                "timestamp_ms": item.timestamp_ms,
                "transaction": item.id.to_string(),
                "writer": item.writer.to_string(),
                "value": item.value.as_str(),
                "outcome": outcome(item.outcome),
            })
        })
        .collect();
    let mut rows = table([
        "height",
        "time (UTC)",
        "value",
        "writer",
        "transaction",
        "outcome",
    ]);
    for item in &found.history {
        rows.add_row([
            item.height.to_string(),
            time(item.timestamp_ms),
            plain(item.value.as_str()),
            item.writer.short(),
            short(&item.id),
            outcome(item.outcome).to_owned(),
        ]);
    }
    let mut text = rows.to_string();
    if found.history.len() >= 100 {
        text = format!("{text}\n{FAINT}older writes are left out{FAINT:#}");
    }
    let json = json!({ "key": key.as_str(), "writes": writes });
    Ok(Report::new(json, text))
}

async fn lookup(node: &mut Access, key: &Key) -> Result<Lookup, Failure> {
    let key = key.clone();
    match node.command(Command::Lookup { key }).await? {
        Answer::Lookup(found) => Ok(found),
        _ => Err(Failure::new(Class::Defect, "the node gave another answer")),
    }
}

fn not_written(key: &Key) -> Failure {
    let key = plain(key.as_str());
    Failure::new(
        Class::NotFound,
        format!("the key {key:?} was never written in a block"),
    )
}

pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Applied => "applied",
        Outcome::ExpectFailed => "expect_failed",
        Outcome::BalanceTooSmall => "balance_too_small",
        Outcome::QuotaExceeded => "quota_exceeded",
    }
}
