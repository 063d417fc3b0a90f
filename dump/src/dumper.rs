//! The task that keeps the tables of one network up to date, and who holds its reins.

use std::sync::Arc;
use std::time::Duration;

use shared::network::NetworkParameters;
use sqlx::{Connection, PgConnection};
use tokio::sync::watch;
use tokio::task::JoinError;
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

use crate::batch::Portion;
use crate::error::DumpError;
use crate::follower::Follower;
use crate::limits::{
    BATCH_DURATION_MAX, BATCH_TIMEOUT, BLOCKS_PER_ANSWER_MAX, CLAIM_ATTEMPTS, CLAIM_INTERVAL,
    IDLE_CHECK_INTERVAL, INDEXES_TIMEOUT, RETRY_MAX, RETRY_MIN,
};
use crate::progress::{Progress, State, Status};
use crate::source::{Position, Source, SourceError};
use crate::target::Target;
use crate::writer::Writer;
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

/// Completes when the dump is told to stop.
#[derive(Clone)]
struct Stopped(watch::Receiver<bool>);

impl Stopped {
    async fn wait(&self) {
        // Without a handle nobody wants the dump any more.
        let _ = self.0.clone().wait_for(|stopped| *stopped).await;
    }

    /// What a future yields, unless the dump is told to stop before.
    async fn or<T>(&self, future: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.wait() => None,
            done = future => Some(done),
        }
    }
}

struct Task<S> {
    target: Target,
    source: S,
    positions: watch::Receiver<Position>,
    progress: Arc<Progress>,
    stopped: Stopped,
}

/// Why a session ended.
enum End {
    Stopped,
    Failed(DumpError),
}

impl From<DumpError> for End {
    fn from(error: DumpError) -> Self {
        Self::Failed(error)
    }
}

impl<S: Source> Task<S> {
    async fn run(mut self, mut first: Option<Session>) {
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
    async fn session(&mut self, opened: Option<Session>, retries: &mut Retries) -> End {
        let session = match opened {
            Some(session) => session,
            None => {
                let network = self.source.network().clone();
                match self.stopped.or(open(&self.target, &network)).await {
                    None => return End::Stopped,
                    Some(Err(error)) => return error.into(),
                    Some(Ok(session)) => session,
                }
            }
        };
        let Session {
            mut connection,
            follower,
        } = session;
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
        End::Failed(DumpError::Unreachable {
            target: self.target.to_string(),
            reason: "no answer for a long time".to_owned(),
        })
    }
}

/// Takes from the source what there is, up to one portion. It ends its batch where there is no
/// more, or where the batch must end.
async fn gather<S: Source>(
    source: &S,
    positions: &mut watch::Receiver<Position>,
    stopped: &Stopped,
    follower: Follower,
    must_end: bool,
) -> Result<(Follower, Portion), End> {
    stopped
        .or(gather_all(source, positions, follower, must_end))
        .await
        .ok_or(End::Stopped)?
        .map_err(End::Failed)
}

async fn gather_all<S: Source>(
    source: &S,
    positions: &mut watch::Receiver<Position>,
    mut follower: Follower,
    must_end: bool,
) -> Result<(Follower, Portion), DumpError> {
    let blocks_max = u64::try_from(BLOCKS_PER_ANSWER_MAX).unwrap_or(u64::MAX);
    loop {
        let position = *positions.borrow_and_update();
        while follower.head().log_length < position.log_length
            && !follower.knows_decisions_for(blocks_max)
        {
            let entries = source.log_from(follower.head().log_length).await?;
            if entries.is_empty() {
                break;
            }
            follower.take_log(entries)?;
        }
        let blocks = source.blocks_after(&follower.locator()).await?;
        let has_more;
        (follower, has_more) = off_the_runtime(move || {
            let has_more = follower.take_blocks(blocks)?;
            Ok((follower, has_more))
        })
        .await?;
        if follower.has_portion() || !has_more {
            let is_last = must_end || !has_more;
            return off_the_runtime(move || {
                let portion = follower.take_portion(is_last);
                Ok((follower, portion))
            })
            .await;
        }
    }
}

/// Executing blocks takes a while: other tasks go on meanwhile.
async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DumpError> + Send + 'static,
) -> Result<T, DumpError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error: JoinError| {
            // The runtime is ending, or there is a defect that the log has already.
            Err(SourceError::Failed(error.to_string()).into())
        })
}

/// Waits between attempts: doubling, with chance, so that dumps that lost one server together do
/// not come back together.
#[derive(Default)]
struct Retries(u32);

impl Retries {
    fn reset(&mut self) {
        self.0 = 0;
    }

    fn next(&mut self) -> Duration {
        let full = RETRY_MIN.saturating_mul(1 << self.0.min(16)).min(RETRY_MAX);
        self.0 += 1;
        // Without randomness the longer wait is right.
        let chance = getrandom::u32().unwrap_or(u32::MAX);
        full.mul_f64(0.5 + 0.5 * f64::from(chance) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, VecDeque};

    use shared::chain::Chain;
    use shared::hash::Hash;

    use super::*;
    use crate::limits::PORTION_BLOCKS_MAX;
    use crate::testing::{TestReplica, network};

    #[tokio::test]
    async fn a_batch_ends_where_it_must_or_where_there_is_no_more() {
        let replica = TestReplica::new(network("test"));
        let portion = u64::try_from(PORTION_BLOCKS_MAX).unwrap();
        for height in 1..=portion + 100 {
            replica.mine(1, &[]);
            replica.decide(height);
        }
        for must_end in [false, true] {
            let chain = Chain::new(network("test"));
            let log = (0, Hash::ZERO);
            let mut follower = Follower::new(chain, HashMap::new(), log, VecDeque::new());
            let mut positions = replica.positions();
            let mut portions = Vec::new();
            loop {
                let gathered = gather_all(&replica, &mut positions, follower, must_end).await;
                let (so_far, portion) = gathered.unwrap();
                if portion.from == portion.to {
                    break;
                }
                portions.push((portion.blocks.len(), portion.state.is_some()));
                follower = so_far;
            }
            let (first, last) = (portions[0], portions[1]);
            let expected = PORTION_BLOCKS_MAX..PORTION_BLOCKS_MAX + 100;
            assert!(expected.contains(&first.0), "{first:?}");
            assert_eq!(first.0 + last.0, PORTION_BLOCKS_MAX + 100);
            assert_eq!((first.1, last.1), (must_end, true));
        }
    }

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew() {
        let mut retries = Retries::default();
        let mut expected = RETRY_MIN;
        for _ in 0..40 {
            let wait = retries.next();
            assert!(wait <= expected && wait >= expected / 2, "{wait:?}");
            expected = (expected * 2).min(RETRY_MAX);
        }
        retries.reset();
        assert!(retries.next() <= RETRY_MIN);
    }
}
