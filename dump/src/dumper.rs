//! Dumps as those who start and stop them see them; [`task`] does the work.

mod gather;
mod retries;
mod task;

use std::sync::Arc;

use shared::network::NetworkParameters;
use sqlx::PgConnection;
use tokio::sync::watch;
use tokio::time::sleep;

use self::task::{Stopped, Task};
use crate::error::DumpError;
use crate::follower::Follower;
use crate::limits::{CLAIM_ATTEMPTS, CLAIM_INTERVAL};
use crate::progress::{Progress, Status};
use crate::source::{Position, Source};
use crate::target::Target;
use crate::{loader, schema};

/// Starts dumps. It needs a tokio runtime.
#[derive(Debug)]
pub struct Dumper;

impl Dumper {
    /// Connects, makes the tables where they are not there, and goes on by itself from then on.
    /// An error means that nothing was changed.
    pub async fn start<S: Source>(target: Target, source: S) -> Result<Handle, DumpError> {
        let session = open_patiently(&target, source.network()).await?;
        Ok(spawn(target, source, Some(session)))
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

fn spawn<S: Source>(target: Target, source: S, session: Option<Session>) -> Handle {
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
        task.run(session).await;
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

/// A connection that holds the network's claim, and a follower that stands where the tables stand.
struct Session {
    connection: PgConnection,
    follower: Follower,
}

async fn open(target: &Target, network: &NetworkParameters) -> Result<Session, DumpError> {
    let mut connection = schema::open_for_writing(target, network).await?;
    let follower = loader::load(&mut connection, target, network).await?;
    Ok(Session {
        connection,
        follower,
    })
}

/// A dumper that was stopped a moment ago may still hold the claim, until the server has noticed
/// that its connection is closed.
async fn open_patiently(
    target: &Target,
    network: &NetworkParameters,
) -> Result<Session, DumpError> {
    for _ in 1..CLAIM_ATTEMPTS {
        match open(target, network).await {
            Err(DumpError::Busy { .. }) => sleep(CLAIM_INTERVAL).await,
            opened => return opened,
        }
    }
    open(target, network).await
}
