//! `watch`: what happens, as it happens: a panel on a terminal, else a line for each event.

use std::io::Write;

use shared::node::interface::{Connection, MiningPause, View};

use super::events::{self, ABSTAINS, offence};
use crate::access::{Access, Place, interrupted};
use crate::arguments::Global;
use crate::failure::{Class, Failure};
use crate::node::Seen;
use crate::output::{BAD, FAINT, GOOD, Output, STRONG, plain, short, table, time};

/// Members that are listed; a class has more than a terminal has lines.
const MEMBERS_SHOWN_MAX: usize = 12;

/// Watches the running worker, else joins to watch, until Ctrl-C.
pub(super) async fn run(global: &Global, output: Output) -> Result<(), Failure> {
    let place = Place::remembered(global)?;
    let mut node = Access::open(place, global.threads()).await?;
    let watched = tokio::select! {
        watched = watch(&mut node, output) => watched,
        () = interrupted() => Ok(()),
    };
    node.close().await?;
    watched
}

async fn watch(node: &mut Access, output: Output) -> Result<(), Failure> {
    let mut before: Option<Seen> = None;
    let mut lines_drawn = 0;
    loop {
        let seen = node
            .see(before.as_ref().map_or(0, |seen| seen.version))
            .await;
        let seen = match seen {
            // The worker that was watched has ended, as it should.
            Err(failure) if before.is_some() && failure.class() == Class::NotRunning => {
                return Ok(());
            }
            seen => seen?,
        };
        if let Connection::Refused(error) = &seen.view.connection {
            return Err(Failure::refused(error));
        }
        if output.is_live() {
            lines_drawn = draw(&seen, lines_drawn);
        } else {
            for event in events::between(before.as_ref(), &seen) {
                if !output.report(&event) {
                    return Ok(());
                }
            }
        }
        before = Some(seen);
    }
}

/// Draws the panel over the one before; returns how many lines it has.
fn draw(seen: &Seen, lines_before: usize) -> usize {
    let text = panel(seen);
    let mut out = anstream::stdout().lock();
    let back = match lines_before {
        0 => String::new(),
        lines => format!("\x1b[{lines}A\x1b[J"),
    };
    // A terminal that is gone ends this process by a signal.
    let _ = write!(out, "{back}{text}").and_then(|()| out.flush());
    text.lines().count()
}

fn panel(seen: &Seen) -> String {
    let view = &seen.view;
    let network = view.network.as_ref().map(|network| plain(&network.name));
    let chain = &view.chain;
    let (signers, members) = chain.final_by.unwrap_or_default();
    let leader = view.leader.map_or_else(
        || "nobody".to_owned(),
        |leader| format!("member {}", leader.id),
    );
    let mut lines = vec![
        format!(
            "{STRONG}{}{STRONG:#}  {}",
            network.unwrap_or_else(|| "no network yet".to_owned()),
            connection(seen)
        ),
        format!("height    {}  {}", chain.height, short(&chain.tip)),
        format!("final     {} by {signers} of {members}", chain.final_height),
        format!("newest    {}", time(chain.tip_timestamp_ms)),
        format!("pending   {}", view.pending),
        format!("leader    {leader}"),
        format!("mining    {}", mining(view)),
    ];
    if view.abstention.is_some() {
        lines.push(format!("{BAD}{ABSTAINS}{BAD:#}"));
    }
    for conviction in &view.convicted {
        let (_, offence) = offence(conviction);
        lines.push(format!("{BAD}proved:{BAD:#} {} {offence}", conviction.key));
    }
    let mut rows = table(["member", "height", "hashes/s", "program"]);
    for member in view.members.iter().take(MEMBERS_SHOWN_MAX) {
        let own = if view.id == Some(member.id) { " *" } else { "" };
        rows.add_row([
            format!("{}{own}", member.id),
            member.status.tip.height.to_string(),
            member.status.hashes_per_second.to_string(),
            plain(member.agent.as_str()),
        ]);
    }
    lines.push(rows.to_string());
    let more = view.members.len().saturating_sub(MEMBERS_SHOWN_MAX);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.push(format!("{FAINT}* this node; Ctrl-C ends the view{FAINT:#}"));
    lines.push(String::new());
    lines.join("\n")
}

fn connection(seen: &Seen) -> String {
    let id = seen.view.id.unwrap_or_default();
    match &seen.view.connection {
        Connection::Joined if seen.view.is_synced => format!("{GOOD}member {id}{GOOD:#}"),
        Connection::Joined => format!("member {id}, fetching blocks"),
        Connection::Connecting | Connection::Registering => "connecting".to_owned(),
        Connection::Waiting { attempts, .. } => {
            format!("{BAD}no connection{BAD:#}, {attempts} attempts")
        }
        Connection::Refused(_) | Connection::Left => format!("{BAD}left{BAD:#}"),
    }
}

fn mining(view: &View) -> String {
    match (view.mining.wanted, view.mining.paused) {
        (false, _) => "no".to_owned(),
        (true, None) if view.stake.is_some() => {
            format!("produces, {} blocks made", view.mining.found)
        }
        (true, None) => format!(
            "{} hashes/s, {} blocks found",
            view.mining.hashes_per_second, view.mining.found
        ),
        (true, Some(MiningPause::Syncing)) => "waits for blocks".to_owned(),
        (true, Some(MiningPause::Undecided)) => "waits for the members' decision".to_owned(),
        (true, Some(MiningPause::NoNetwork)) => "waits for a network".to_owned(),
        (true, Some(MiningPause::NoRelay)) => "waits for the relay".to_owned(),
        (true, Some(MiningPause::NoStake)) => "waits until stake of this key counts".to_owned(),
    }
}
