//! The task of a dump: from one connection to the next, from one batch to the next.

use std::sync::Arc;

use sqlx::{Connection, PgConnection};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

use super::gather::{gather, off_the_runtime};
use super::no_answer;
use super::retries::Retries;
use crate::batch::Portion;
use crate::error::DumpError;
use crate::follower::Follower;
use crate::limits::{BATCH_DURATION_MAX, BATCH_TIMEOUT, IDLE_CHECK_INTERVAL, INDEXES_TIMEOUT};
use crate::progress::{Progress, State};
use crate::source::{Position, Source, SourceError};
use crate::target::Target;
use crate::writer::Writer;
use crate::{loader, schema};

/// Keeps the tables up to date until it is told to stop, or a person must see to something.
pub(super) struct Task<S> {
    pub(super) target: Target,
    pub(super) source: S,
    pub(super) positions: watch::Receiver<Position>,
    pub(super) progress: Arc<Progress>,
    pub(super) stopped: Stopped,
}

/// Why a session ended.
pub(super) enum End {
    Stopped,
    Failed(DumpError),
}

impl From<DumpError> for End {
    fn from(error: DumpError) -> Self {
        Self::Failed(error)
    }
}

impl<S: Source> Task<S> {
    pub(super) async fn run(mut self, mut first: Option<PgConnection>) {
        let mut retries = Retries::default();
        loop {
            let error = match self.session(first.take(), &mut retries).await {
                End::Stopped => return self.progress.enter(State::Stopped),
                End::Failed(error) => error,
            };
            let target = self.target.to_string();
            if !error.is_passing() || matches!(error, DumpError::Source(SourceError::Ended)) {
                error!(target, "the dump has halted: {error}");
                return self.progress.failed(Arc::new(error), State::Halted);
            }
            warn!(target, "the dump will try again: {error}");
            self.progress.failed(Arc::new(error), State::Retrying);
            if self.stopped.or(sleep(retries.next())).await.is_none() {
                return self.progress.enter(State::Stopped);
            }
        }
    }

    /// From a connection to its end.
    async fn session(&mut self, opened: Option<PgConnection>, retries: &mut Retries) -> End {
        let network = self.source.network().clone();
        let target = self.target.clone();
        let stand = async {
            let mut connection = match opened {
                Some(connection) => connection,
                None => schema::open_for_writing(&target, &network).await?,
            };
            let follower = loader::load(&mut connection, &target, &network).await?;
            Ok::<_, DumpError>((connection, follower))
        };
        let (mut connection, follower) = match self.stopped.or(stand).await {
            None => return End::Stopped,
            Some(Err(error)) => return error.into(),
            Some(Ok(standing)) => standing,
        };
        self.progress.stand(follower.head());
        self.progress.enter(State::Backfilling);
        info!(
            target = self.target.to_string(),
            height = follower.head().height,
            "the dump goes on"
        );
        match self.follow(&mut connection, follower, retries).await {
            Ok(never) => match never {},
            Err(End::Stopped) => {
                schema::close(connection).await;
                End::Stopped
            }
            Err(failed) => failed,
        }
    }

    async fn follow(
        &mut self,
        connection: &mut PgConnection,
        follower: Follower,
        retries: &mut Retries,
    ) -> Result<std::convert::Infallible, End> {
        self.check_log(&follower).await?;
        let (mut follower, mut portion) = self.gather(follower).await?;
        loop {
            (follower, portion) = if portion.from == portion.to {
                self.caught_up(connection).await?;
                self.idle(connection).await?;
                self.gather(follower).await?
            } else {
                let next = self.write_batch(connection, follower, portion).await?;
                retries.reset();
                next?
            };
        }
    }

    /// The tables have everything: from now on they are for queries.
    async fn caught_up(&self, connection: &mut PgConnection) -> Result<(), End> {
        if self.progress.state() != State::Following {
            let made = timeout(
                INDEXES_TIMEOUT,
                schema::make_indexes(connection, &self.target),
            );
            let made = self.stopped.or(made).await.ok_or(End::Stopped)?;
            made.map_err(|_| self.too_slow())??;
            self.progress.enter(State::Following);
        }
        Ok(())
    }

    /// Writes a batch, from its first portion to the one that ends it. Yields what comes next.
    ///
    /// Where the dump is told to stop, the batch is given up, unless its commit is under way: that
    /// is waited for.
    async fn write_batch(
        &mut self,
        connection: &mut PgConnection,
        mut follower: Follower,
        mut portion: Portion,
    ) -> Result<Result<(Follower, Portion), End>, End> {
        let begun = Instant::now();
        let target = self.target.clone();
        let writer = Writer::begin(connection, &target, &portion.from);
        let mut writer = self.in_time(writer).await?;
        loop {
            let (head, is_last) = (portion.to, portion.state.is_some());
            let must_end = begun.elapsed() >= BATCH_DURATION_MAX;
            // While PostgreSQL takes one portion in, the next is made.
            let mut positions = self.positions.clone();
            let send = async {
                let (portion, rows) = off_the_runtime(move || {
                    let rows = portion.rows();
                    Ok((portion, rows))
                })
                .await?;
                let count = rows.count();
                writer.send(portion, rows).await?;
                Ok(count)
            };
            let (sent, gathered) = tokio::join!(
                self.in_time(send),
                gather(
                    &self.source,
                    &mut positions,
                    &self.stopped,
                    follower,
                    must_end
                ),
            );
            self.progress.sent(sent?, head.height);
            self.positions = positions;
            if is_last {
                let committed = timeout(BATCH_TIMEOUT, writer.commit()).await;
                committed.map_err(|_| self.too_slow())??;
                self.progress.committed(head);
                return Ok(gathered);
            }
            (follower, portion) = gathered?;
        }
    }

    /// Whether the log that is dumped is the one that the replica has.
    async fn check_log(&self, follower: &Follower) -> Result<(), End> {
        let head = follower.head();
        let Some(last) = head.log_length.checked_sub(1) else {
            return Ok(());
        };
        let entries = self.stopped.or(self.source.log_from(last)).await;
        let entries = entries.ok_or(End::Stopped)?.map_err(DumpError::from)?;
        // A replica that has less catches up.
        match entries.first() {
            Some(entry) if entry.record.hash() != head.log_head => {
                Err(End::Failed(DumpError::LogConflict {
                    index: last,
                    expected: head.log_head,
                    came: entry.record.hash(),
                }))
            }
            _ => Ok(()),
        }
    }

    /// Waits for something new, and looks from time to time whether PostgreSQL is still there.
    async fn idle(&mut self, connection: &mut PgConnection) -> Result<(), End> {
        loop {
            tokio::select! {
                biased;
                () = self.stopped.wait() => return Err(End::Stopped),
                changed = self.positions.changed() => {
                    return changed.map_err(|_| DumpError::from(SourceError::Ended).into());
                }
                () = sleep(IDLE_CHECK_INTERVAL) => {}
            }
            let alive = self
                .stopped
                .or(timeout(BATCH_TIMEOUT, connection.ping()))
                .await;
            match alive {
                None => return Err(End::Stopped),
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => {
                    return Err(DumpError::of_statement(&self.target, error).into());
                }
                Some(Err(_)) => return Err(self.too_slow()),
            }
        }
    }

    async fn gather(&mut self, follower: Follower) -> Result<(Follower, Portion), End> {
        gather(
            &self.source,
            &mut self.positions,
            &self.stopped,
            follower,
            false,
        )
        .await
    }

    /// Does something with the database, unless the dump is told to stop.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, DumpError>>) -> Result<T, End> {
        match self.stopped.or(timeout(BATCH_TIMEOUT, work)).await {
            None => Err(End::Stopped),
            Some(Ok(done)) => Ok(done?),
            Some(Err(_)) => Err(self.too_slow()),
        }
    }

    fn too_slow(&self) -> End {
        End::Failed(no_answer(&self.target))
    }
}

/// Completes when the dump is told to stop.
#[derive(Clone)]
pub(super) struct Stopped(pub(super) watch::Receiver<bool>);

impl Stopped {
    async fn wait(&self) {
        // Without a handle nobody wants the dump any more.
        let _ = self.0.clone().wait_for(|stopped| *stopped).await;
    }

    /// What a future yields, unless the dump is told to stop before.
    pub(super) async fn or<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.wait() => None,
            done = future => Some(done),
        }
    }
}
