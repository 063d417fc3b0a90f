//! `add_transaction`: write a value under a key.

use serde_json::json;
use shared::node::interface::Command;
use shared::transaction::Expect;

use super::submission;
use crate::access::Access;
use crate::arguments::AddTransaction;
use crate::failure::Failure;
use crate::output::{Output, Report};

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
    let (shown_key, shown_value) = (key.to_string(), value.to_string());
    let id = submission::submit(node, output, Command::Put { key, value, expect }).await?;
    let json = json!({ "id": id.to_string(), "key": shown_key, "value": shown_value });
    Ok(Report::new(json, submission::text(&id)))
}
