//! `rebuild`: a replica from the tables of a dump, verified as if strangers had sent it.

use std::fs;

use ::dump::Rebuild;
use serde_json::json;
use sqlite_store::{Claim, Completion, ReplicaNumber, Store};
use tokio::sync::mpsc;

use super::dump;
use crate::arguments::{Database, Global};
use crate::failure::{Class, Failure};
use crate::folder::{FolderError, WORKER};
use crate::node::NodeError;
use crate::output::{GOOD, Output, Report};

/// Fills a data folder that has no replica yet; written aside, and put in place at the end.
pub(super) async fn run(
    global: &Global,
    output: Output,
    database: &Database,
) -> Result<Report, Failure> {
    let target = dump::target(database)?;
    let folder = global.folder()?;
    folder.create()?;
    // Until the replica is in its place: no other command is to make one meanwhile.
    let _claim = Claim::of(folder.path(), &WORKER)?;
    let place = folder.path().join("worker.sqlite");
    if place.exists() {
        return Err(Failure::new(
            Class::Folder,
            format!(
                "{} has a replica already: name an empty folder with --data-dir",
                folder.path().display()
            ),
        ));
    }
    let aside = folder.path().join("rebuild");
    let mut rebuild = Rebuild::open(&target, global.network.as_deref()).await?;
    let rebuilt = write(&mut rebuild, &aside, output).await;
    let moved = rebuilt.and_then(|()| {
        fs::rename(aside.join("worker.sqlite"), &place)
            .map_err(FolderError::io(&place))
            .map_err(Failure::from)
    });
    // Whether it was moved or is worth nothing, the rest is in nobody's way.
    let _ = fs::remove_dir_all(&aside);
    moved?;
    let (height, network) = (rebuild.height(), rebuild.network().name.to_string());
    let id = rebuild.network().id().to_string();
    let json = json!({ "height": height, "network": { "id": id, "name": network } });
    let text = format!("{GOOD}rebuilt{GOOD:#} and verified {network} up to block {height}");
    Ok(Report::new(json, text))
}

async fn write(
    rebuild: &mut Rebuild,
    aside: &std::path::Path,
    output: Output,
) -> Result<(), Failure> {
    // What an attempt that was killed has left.
    let _ = fs::remove_dir_all(aside);
    let (client, task) = Store::open(aside, &WORKER).await?.start();
    let (completions, mut reports) = mpsc::unbounded_channel();
    let replica = client.of_replica(ReplicaNumber(1), completions);
    let bar = output.progress("verifying blocks");
    bar.set_length(rebuild.height());
    while let Some(writes) = rebuild.next().await? {
        replica.write(0, writes).await;
        if let Some(Completion::WriteFailed(_, reason)) = reports.recv().await {
            return Err(Failure::new(Class::Storage, reason));
        }
        bar.set_position(rebuild.verified_height());
    }
    bar.finish_and_clear();
    drop((client, replica));
    task.await.map_err(NodeError::from)??;
    Ok(())
}
