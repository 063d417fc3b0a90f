//! `check_consistency`: compare the replicas of all members.

use serde_json::json;
use shared::message::{CheckReport, MemberId};
use shared::node::interface::Command;

use crate::access::Access;
use crate::failure::{Class, Failure};
use crate::output::{BAD, FAINT, GOOD, Output, Report, table};

pub(super) async fn run(node: &mut Access, output: Output) -> Result<Report, Failure> {
    let before = node
        .until(|seen| {
            let is_led = seen.view.leader.is_some();
            is_led.then(|| seen.view.check.as_ref().map(|report| report.check))
        })
        .await?;
    node.command(Command::CheckConsistency).await?;
    let spinner = output.spinner("every member hashes what it has stored");
    let report = node
        .until(|seen| {
            let report = seen.view.check.clone()?;
            (Some(report.check) != before).then_some(report)
        })
        .await;
    spinner.finish_and_clear();
    Ok(reported(&report?))
}

fn reported(report: &CheckReport) -> Report {
    let agree: Vec<MemberId> = report.agree.iter().copied().collect();
    let silent: Vec<MemberId> = report.silent.iter().copied().collect();
    let differ: Vec<_> = report
        .differ
        .iter()
        .map(|(member, height)| json!({ "member": member, "from_height": height }))
        .collect();
    let is_consistent = differ.is_empty();
    let json = json!({
        "consistent": is_consistent,
        "height": report.height,
        "agree": agree,
        "differ": differ,
        "silent": silent,
    });
    let mut text = if is_consistent {
        format!("{GOOD}consistent{GOOD:#} up to block {}", report.height)
    } else {
        format!(
            "{BAD}replicas differ{BAD:#}; compared up to block {}",
            report.height
        )
    };
    let mut rows = table(["member", "replica"]);
    for member in &agree {
        rows.add_row([member.to_string(), "agrees".to_owned()]);
    }
    for (member, height) in report.differ.iter() {
        rows.add_row([
            member.to_string(),
            format!("differs from block {height} on"),
        ]);
    }
    for member in &silent {
        rows.add_row([member.to_string(), "did not answer".to_owned()]);
    }
    text = format!("{text}\n{rows}");
    if !silent.is_empty() {
        text = format!("{text}\n{FAINT}who did not answer may have left{FAINT:#}");
    }
    Report {
        json,
        text,
        class: (!is_consistent).then_some(Class::Differ),
    }
}
