//! Rosters, decisions, votes, certificates, the log.

use serde_json::{Value, json};
use shared::finality::{LogEntry, Step};

use super::{encoded, hex};
use crate::samples;

pub(super) fn finality() -> Value {
    let roster = samples::roster();
    let decision = samples::decision();
    let proposal = samples::proposal();
    let vote = |step| {
        let vote = samples::vote(1, step);
        json!({
            "statement": hex(vote.ballot.statement()),
            "signature": hex(vote.signature.0),
            "encoded": encoded(&vote),
        })
    };
    let quorums: Vec<_> = (1..=12_u8)
        .map(|members| {
            let roster = shared::finality::Roster::of((1..=members).map(crate::common::public));
            json!([members, roster.quorum()])
        })
        .collect();
    json!({
        "roster": { "encoded": encoded(&roster), "hash": hex(roster.hash().0) },
        "quorums_by_members": quorums,
        "decision": { "encoded": encoded(&decision), "hash": hex(decision.hash().0) },
        "prevote": vote(Step::Prevote),
        "precommit": vote(Step::Precommit),
        "certificate_of_prevotes": encoded(&samples::certificate(Step::Prevote)),
        "certificate_of_precommits": encoded(&samples::certificate(Step::Precommit)),
        "proposal": {
            "statement": hex(proposal.statement()),
            "encoded": encoded(&proposal),
        },
        "log": samples::log().iter().map(entry).collect::<Vec<_>>(),
    })
}

fn entry(entry: &LogEntry) -> Value {
    json!({
        "record": encoded(&entry.record),
        "hash": hex(entry.record.hash().0),
        "statement": hex(entry.record.statement()),
        "signature": hex(entry.signature.0),
        "encoded": encoded(entry),
    })
}
