//! What has happened between two looks at a node, one line each.

use serde_json::json;
use shared::finality::evidence::{Conviction, Offence};
use shared::message::{Member, MemberId};
use shared::node::interface::{Connection, View};

use crate::node::Seen;
use crate::output::{BAD, GOOD, Report, STRONG, plain, short};

/// Why a node does not vote.
pub(super) const ABSTAINS: &str =
    "this node does not vote: its storage is older than its key's last votes";

/// What happened, oldest first; all that is there at the first look.
pub(super) fn between(before: Option<&Seen>, now: &Seen) -> Vec<Report> {
    let mut events = Vec::new();
    let view = &now.view;
    let old = before.map(|seen| &seen.view);
    if before.is_none_or(|seen| is_joined(&seen.view) != is_joined(view)) && is_joined(view) {
        events.push(joined(view));
    }
    if let Some(trouble) = &now.trouble
        && before.is_none_or(|seen| seen.trouble != now.trouble)
    {
        let json = json!({ "event": "unreachable", "reason": trouble.message });
        let text = format!("{BAD}no connection:{BAD:#} {}", trouble.message);
        events.push(Report::new(json, text));
    } else if old.is_some_and(is_joined) && !is_joined(view) {
        let json = json!({ "event": "disconnected" });
        events.push(Report::new(
            json,
            format!("{BAD}the connection is lost{BAD:#}"),
        ));
    }
    if is_joined(view) && old.is_some_and(is_joined) {
        events.extend(of_members(
            old.map_or(&[], |old| &old.members),
            &view.members,
        ));
    }
    if let Some(leader) = view.leader
        && old
            .and_then(|old| old.leader)
            .is_none_or(|before| before.term != leader.term)
    {
        let json = json!({ "event": "leader", "id": leader.id, "term": leader.term });
        events.push(Report::new(json, format!("member {} leads", leader.id)));
    }
    let known = old.map_or(0, |old| old.convicted.len());
    events.extend(view.convicted.iter().skip(known).map(convicted));
    if view.abstention.is_some() && old.is_none_or(|old| old.abstention.is_none()) {
        events.push(Report::new(
            json!({ "event": "abstains" }),
            ABSTAINS.to_owned(),
        ));
    }
    let chain = &view.chain;
    if old.is_none_or(|old| old.chain.tip != chain.tip) && view.network.is_some() {
        let json = json!({
            "event": "block",
            "height": chain.height,
            "hash": chain.tip.to_string(),
            "pending": view.pending,
        });
        let text = format!(
            "{STRONG}block {}{STRONG:#}  {}  {} pending",
            chain.height,
            short(&chain.tip),
            view.pending
        );
        events.push(Report::new(json, text));
    }
    if chain.final_height > old.map_or(0, |old| old.chain.final_height) {
        let (signers, members) = chain.final_by.unwrap_or_default();
        let json = json!({
            "event": "final",
            "height": chain.final_height,
            "signers": signers,
            "members": members,
        });
        let text = format!(
            "{GOOD}final{GOOD:#} up to block {} by {signers} of {members}",
            chain.final_height
        );
        events.push(Report::new(json, text));
    }
    events
}

/// Somebody has signed what contradicts itself.
fn convicted(conviction: &Conviction) -> Report {
    let (name, offence) = offence(conviction);
    let key = conviction.key.to_string();
    let json = json!({ "event": "convicted", "key": key, "offence": name });
    Report::new(json, format!("{BAD}proved:{BAD:#} {key} {offence}"))
}

/// What was proved, in a word for scripts and in words for people.
pub(super) fn offence(conviction: &Conviction) -> (&'static str, &'static str) {
    match conviction.offence {
        Offence::Votes { .. } => ("votes", "voted twice in one round"),
        Offence::Proposals { .. } => ("proposals", "proposed two blocks in one term"),
        Offence::Log { .. } => ("log", "is the relay, and signed two logs"),
        Offence::Blocks { .. } => ("blocks", "signed two blocks for one slot"),
    }
}

fn joined(view: &View) -> Report {
    let name = view.network.as_ref().map(|network| network.name.as_str());
    let name = name.unwrap_or_default();
    let id = view.id.unwrap_or_default();
    let json =
        json!({ "event": "joined", "id": id, "network": name, "members": view.members.len() });
    let text = format!("{GOOD}joined{GOOD:#} {} as member {id}", plain(name));
    Report::new(json, text)
}

fn of_members(before: &[Member], now: &[Member]) -> Vec<Report> {
    let ids =
        |members: &[Member]| -> Vec<MemberId> { members.iter().map(|member| member.id).collect() };
    let (before, now) = (ids(before), ids(now));
    let came = now.iter().filter(|id| !before.contains(id));
    let came = came.map(|id| (id, "member_joined", "joined"));
    let left = before.iter().filter(|id| !now.contains(id));
    let left = left.map(|id| (id, "member_left", "left"));
    came.chain(left)
        .map(|(id, event, word)| {
            let json = json!({ "event": event, "id": id });
            Report::new(json, format!("member {id} {word}"))
        })
        .collect()
}

fn is_joined(view: &View) -> bool {
    view.connection == Connection::Joined
}
