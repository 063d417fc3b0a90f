//! `run`: stay a member, and serve the other commands.

use std::time::Duration;

use ::dump::{Handle, State, Status, Target};
use indicatif::ProgressBar;
use shared::node::interface::{Command, Connection};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::dump::{self, Progress};
use super::events;
use crate::access::{Access, Place, interrupted};
use crate::arguments::{Global, Run};
use crate::control::{Server, Wish};
use crate::failure::{Class, Failure};
use crate::node::{NodeHandle, OwnNode, Seen};
use crate::output::Output;

/// Time between two looks at how far a dump is.
const BAR_INTERVAL: Duration = Duration::from_millis(200);

/// What a worker stays for.
pub(super) enum Purpose {
    /// To be a member.
    Member { mine: bool },
    /// To dump into this database, until that is stopped.
    Dump(Box<Target>),
}

pub(super) async fn run(global: &Global, output: Output, options: &Run) -> Result<(), Failure> {
    let mine = options.mine;
    serve(global, output, Purpose::Member { mine }).await
}

/// Stays until it is told to leave.
pub(super) async fn serve(
    global: &Global,
    output: Output,
    purpose: Purpose,
) -> Result<(), Failure> {
    let place = Place::remembered(global)?;
    let socket = place.folder.socket();
    let node = Access::start(place, global.threads(), true).await?;
    let (wishes, mut wished) = mpsc::channel(1);
    let mut server = match Server::start(socket, node.handle().clone(), wishes) {
        Ok(server) => server,
        Err(error) => {
            node.stop().await?;
            return Err(error.into());
        }
    };
    let mut dump = None;
    let ended = tokio::select! {
        ended = stay(&node, output, &purpose, &mut wished, &mut dump) => ended,
        () = interrupted() => Ok(()),
    };
    output.note("leaving");
    // Commands find no worker that is about to end; one that waits for its end is told by it.
    server.close_door();
    if let Some(dump) = dump {
        dump.stop().await;
        // It reads the store, which ends with its last reader.
        drop(dump);
    }
    node.stop().await?;
    ended
}

async fn stay(
    node: &OwnNode,
    output: Output,
    purpose: &Purpose,
    wished: &mut mpsc::Receiver<Wish>,
    dump: &mut Option<Handle>,
) -> Result<(), Failure> {
    match purpose {
        Purpose::Member { mine: false } => {}
        Purpose::Member { mine: true } => {
            let mine = Command::StartMining { once: false };
            node.handle().command(mine).await?;
        }
        Purpose::Dump(target) => {
            joined(node.handle()).await?;
            let begun = dump.insert(dump::begin(node, Target::clone(target)).await?);
            output.report(&Progress::of(begun).report());
        }
    }
    let bar = match purpose {
        Purpose::Dump(_) => output.progress("dumping blocks"),
        Purpose::Member { .. } => ProgressBar::hidden(),
    };
    let mut reports = core::pin::pin!(report(node.handle(), output, &bar));
    // How the dump stood that has halted by itself, until another is started.
    let mut last = None;
    loop {
        let wish = tokio::select! {
            ended = &mut reports => return ended,
            () = ended(dump.as_ref(), &bar) => None,
            Some(wish) = wished.recv() => Some(wish),
        };
        match wish {
            Some(Wish::Leave) => return Ok(()),
            Some(Wish::StartDump(url, answer)) => {
                let begun = start_dump(node, &url, dump).await;
                if begun.is_ok() {
                    last = None;
                }
                // Whoever asked may have given up.
                let _ = answer.send(begun);
            }
            Some(Wish::StopDump(answer)) => {
                let stopped = match dump.take() {
                    Some(dump) => {
                        dump.stop().await;
                        Ok(Progress::of(&dump))
                    }
                    None => Err(dump::not_dumping()),
                };
                // Whoever asked may have given up.
                let _ = answer.send(stopped);
                if matches!(purpose, Purpose::Dump(_)) {
                    return Ok(());
                }
            }
            Some(Wish::DumpStatus(answer)) => {
                let status = dump.as_ref().map(Progress::of).or_else(|| last.clone());
                // Whoever asked may have given up.
                let _ = answer.send(status.ok_or_else(dump::not_dumping));
            }
            None => last = halted(dump.take(), output, purpose)?,
        }
    }
}

/// A dump that has ended by itself: a worker that is there for it ends too.
fn halted(
    dump: Option<Handle>,
    output: Output,
    purpose: &Purpose,
) -> Result<Option<Progress>, Failure> {
    let Some(dump) = dump else {
        return Ok(None);
    };
    let progress = Progress::of(&dump);
    output.report(&progress.report());
    match (dump.status().last_error, purpose) {
        (Some(error), Purpose::Dump(_)) => {
            let class = crate::failure::of_dump(&error);
            Err(Failure::new(class, error.to_string()))
        }
        _ => Ok(Some(progress)),
    }
}

async fn start_dump(
    node: &OwnNode,
    url: &str,
    dump: &mut Option<Handle>,
) -> Result<Progress, Failure> {
    if let Some(running) = dump.as_ref()
        && !matches!(running.status().state, State::Stopped | State::Halted)
    {
        return Err(Failure::new(
            Class::DatabaseBusy,
            format!(
                "this worker dumps to {} already: `stop_dump_data` ends that",
                running.target()
            ),
        ));
    }
    let begun = dump.insert(dump::begin(node, dump::parse(url)?).await?);
    Ok(Progress::of(begun))
}

/// Completes when there is a dump and it has ended; shows until then how far it is.
async fn ended(dump: Option<&Handle>, bar: &ProgressBar) {
    let Some(dump) = dump else {
        return core::future::pending().await;
    };
    while timeout(BAR_INTERVAL, dump.ended()).await.is_err() {
        show(bar, &dump.status());
    }
    bar.finish_and_clear();
}

/// Shows how far a dump is, until it has caught up for the first time.
fn show(bar: &ProgressBar, status: &Status) {
    if bar.is_finished() {
        return;
    }
    if status.state == State::Following {
        return bar.finish_and_clear();
    }
    if let (Some(height), Some(lag), Some(sent)) =
        (status.height, status.lag_blocks, status.sent_height)
    {
        bar.set_length(height + lag);
        bar.set_position(sent);
        bar.set_message(format!(
            "dumping blocks, {:.0} rows/s",
            status.rows_per_second
        ));
    }
}

async fn joined(node: &NodeHandle) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let seen = node.see(after).await?;
        if let Connection::Refused(error) = &seen.view.connection {
            return Err(Failure::refused(error));
        }
        if let Some(trouble) = seen.trouble {
            return Err(trouble.into());
        }
        if seen.view.connection == Connection::Joined {
            return Ok(());
        }
        after = seen.version;
    }
}

/// Prints what happens, until the relay refuses this node for good.
async fn report(node: &NodeHandle, output: Output, bar: &ProgressBar) -> Result<(), Failure> {
    let mut before: Option<Seen> = None;
    loop {
        let seen = node
            .see(before.as_ref().map_or(0, |seen| seen.version))
            .await?;
        for event in events::between(before.as_ref(), &seen) {
            // A worker goes on where nobody reads.
            bar.suspend(|| output.report(&event));
        }
        if let Connection::Refused(error) = &seen.view.connection {
            return Err(Failure::refused(error));
        }
        before = Some(seen);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_of_a_dump_shows_what_was_sent_until_the_dump_has_caught_up() {
        let bar = ProgressBar::hidden();
        let mut status = Status {
            state: State::Backfilling,
            height: Some(10),
            final_height: Some(8),
            lag_blocks: Some(90),
            sent_height: Some(40),
            rows: 11,
            rows_per_second: 12.0,
            last_error: None,
        };
        show(&bar, &status);
        assert_eq!((bar.position(), bar.length()), (40, Some(100)));
        assert_eq!(bar.message(), "dumping blocks, 12 rows/s");
        status.state = State::Following;
        show(&bar, &status);
        assert!(bar.is_finished());
    }
}
