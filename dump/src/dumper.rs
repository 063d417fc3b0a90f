//! Dumps as those who start and stop them see them; [`task`] does the work.

mod gather;
mod retries;
mod task;

use std::sync::Arc;

use shared::network::NetworkParameters;
use sqlx::PgConnection;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use self::task::{Stopped, Task};
use crate::error::DumpError;
use crate::limits::{BATCH_TIMEOUT, CLAIM_ATTEMPTS, CLAIM_INTERVAL};
use crate::progress::{Progress, Status};
use crate::schema;
use crate::source::{Position, Source};
use crate::target::Target;

/// Starts dumps. It needs a tokio runtime.
#[derive(Debug)]
pub struct Dumper;

impl Dumper {
    /// Connects, makes the tables where they are not there, and goes on by itself from then on: it
    /// reads where they stand, however long that takes, and writes what they lack. An error means
    /// that nothing was changed.
    pub async fn start<S: Source>(target: Target, source: S) -> Result<Handle, DumpError> {
        let opening = open_patiently(&target, source.network());
        let opened = timeout(BATCH_TIMEOUT, opening).await;
        let connection = opened.map_err(|_| no_answer(&target))??;
        Ok(spawn(target, source, Some(connection)))
    }

    /// Goes on with a dump that was started before: what may pass is waited for, as it would have
    /// been without the interruption.
    pub fn resume<S: Source>(target: Target, source: S) -> Handle {
        spawn(target, source, None)
    }
}

/// Holds a running dump. Dropping it stops the dump, too, but without waiting for it.
#[derive(Debug)]
pub struct Handle {
    target: Target,
    progress: Arc<Progress>,
    positions: watch::Receiver<Position>,
    stop: watch::Sender<bool>,
    /// Closes when the task has ended.
    running: watch::Receiver<()>,
}

impl Handle {
    /// Where it writes to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// How far it is.
    #[must_use]
    pub fn status(&self) -> Status {
        let replica_height = self.positions.borrow().height;
        self.progress.status(replica_height)
    }

    /// Completes when the dump has ended, by itself or because it was stopped.
    pub async fn ended(&self) {
        let mut running = self.running.clone();
        while running.changed().await.is_ok() {}
    }

    /// Stops the dump. When this returns, nothing will be written any more.
    pub async fn stop(&self) {
        self.stop.send_replace(true);
        self.ended().await;
    }
}

fn spawn<S: Source>(target: Target, source: S, opened: Option<PgConnection>) -> Handle {
    let progress = Arc::new(Progress::new());
    let positions = source.positions();
    let (stop, stopped) = watch::channel(false);
    let (ending, running) = watch::channel(());
    let task = Task {
        target: target.clone(),
        positions: positions.clone(),
        source,
        progress: Arc::clone(&progress),
        stopped: Stopped(stopped),
    };
    tokio::spawn(async move {
        task.run(opened).await;
        drop(ending);
    });
    Handle {
        target,
        progress,
        positions,
        stop,
        running,
    }
}

/// A connection that holds the network's claim. A dumper that was stopped a moment ago may still
/// have it, until the server has noticed that its connection is closed.
async fn open_patiently(
    target: &Target,
    network: &NetworkParameters,
) -> Result<PgConnection, DumpError> {
    for _ in 1..CLAIM_ATTEMPTS {
        match schema::open_for_writing(target, network).await {
            Err(DumpError::Busy { .. }) => sleep(CLAIM_INTERVAL).await,
            opened => return opened,
        }
    }
    schema::open_for_writing(target, network).await
}

fn no_answer(target: &Target) -> DumpError {
    DumpError::Unreachable {
        target: target.to_string(),
        reason: "no answer for a long time".to_owned(),
    }
}
