//! `transfer`: move balance to another member's key.

use serde_json::json;
use shared::node::interface::Command;

use super::submission;
use crate::access::Access;
use crate::arguments::Transfer;
use crate::failure::Failure;
use crate::output::{Output, Report};

pub(super) async fn run(
    node: &mut Access,
    output: Output,
    options: Transfer,
) -> Result<Report, Failure> {
    let Transfer { to, amount } = options;
    let id = submission::submit(node, output, Command::Transfer { to, amount }).await?;
    let json = json!({ "id": id.to_string(), "to": to.to_string(), "amount": amount.to_string() });
    Ok(Report::new(json, submission::text(&id)))
}
