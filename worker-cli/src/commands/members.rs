//! `get_id` and `get_leader`.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::access::{Access, Place};
use crate::arguments::Global;
use crate::failure::{Class, Failure};
use crate::output::{FAINT, Report, STRONG};

/// A relay that has lost its leader names another one well within this.
const LEADER_PATIENCE: Duration = Duration::from_secs(20);

/// The number that the relay gave to this key; it never gives another.
pub(super) fn get_id(global: &Global) -> Result<Report, Failure> {
    let membership = Place::membership(global)?;
    let (id, key) = (membership.id, membership.key);
    let text = format!("{STRONG}{id}{STRONG:#}\n  key  {key}");
    Ok(Report::new(json!({ "id": id, "key": key }), text))
}

/// Who leads; a network that has just lost its leader soon has another.
pub(super) async fn get_leader(node: &mut Access) -> Result<Report, Failure> {
    let named = node.until(|seen| seen.view.leader.map(|leader| (leader, seen.view.id)));
    let (leader, own) = timeout(LEADER_PATIENCE, named).await.map_err(|_| {
        Failure::new(
            Class::NotYet,
            "no member leads at the moment: only one that stays can, so keep a worker running (`block-chain-worker run`) or a page open",
        )
    })??;
    let is_self = own == Some(leader.id);
    let json = json!({
        "id": leader.id,
        "key": leader.key.to_string(),
        "term": leader.term,
        "is_self": is_self,
    });
    let remark = if is_self { " (this node)" } else { "" };
    let text = format!(
        "{STRONG}{}{STRONG:#}{remark}\n  key   {}\n  {FAINT}term  {}{FAINT:#}",
        leader.id, leader.key, leader.term
    );
    Ok(Report::new(json, text))
}
