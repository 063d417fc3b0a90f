//! The task that owns the connection to the database: group commit.

use core::pin::Pin;

use shared::store::{Query, Row, Write};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use crate::file::DataFile;
use crate::limits::GROUP_COMMIT_JOBS_MAX;
use crate::{Completion, ReplicaNumber, RequestId, StoreError, WorkError, rows};

/// A piece of a program's own work under way on the connection.
pub type Future<'c, T> =
    Pin<Box<dyn core::future::Future<Output = Result<T, WorkError>> + Send + 'c>>;

/// Something to be done.
pub(crate) enum Job {
    /// For a replica; shares a commit with others.
    Rows(RowsJob),
    /// For the program itself; has a commit of its own.
    Own(OwnWork),
}

/// Works on the connection and replies; it reports no error, and leaves none behind.
pub(crate) type OwnWork = Box<
    dyn for<'c> FnOnce(
            &'c mut SqliteConnection,
            &'c DataFile,
        ) -> Pin<Box<dyn core::future::Future<Output = ()> + Send + 'c>>
        + Send,
>;

/// Something to be read or written, and who wants to know.
#[derive(Debug)]
pub(crate) struct RowsJob {
    pub(crate) replica: ReplicaNumber,
    pub(crate) request: RequestId,
    pub(crate) work: Work,
    pub(crate) completions: mpsc::UnboundedSender<Completion>,
}

#[derive(Debug)]
pub(crate) enum Work {
    Write(Vec<Write>),
    Clear,
    Load(Query),
}

impl Job {
    /// Reports that nothing of it was done.
    pub(crate) fn fail(self, reason: &str) {
        match self {
            Self::Rows(job) => job.fail(reason),
            // Whoever waits is told by the end of the channel.
            Self::Own(work) => drop(work),
        }
    }
}

impl RowsJob {
    /// Two batches of one replica, the one right after the other, may be written as one.
    fn are_one_batch(&self, next: &Self) -> bool {
        let are_batches = matches!((&self.work, &next.work), (Work::Write(_), Work::Write(_)));
        are_batches && self.replica == next.replica
    }

    fn batch(&self) -> &[Write] {
        match &self.work {
            Work::Write(batch) => batch,
            Work::Clear | Work::Load(_) => &[],
        }
    }

    fn fail(self, reason: &str) {
        let reason = reason.to_owned();
        let completion = match self.work {
            Work::Write(_) | Work::Clear => Completion::WriteFailed(self.request, reason),
            Work::Load(_) => Completion::LoadFailed(self.request, reason),
        };
        report(&self.completions, completion);
    }
}

/// Binds a piece of work to whoever waits for it.
pub(crate) fn own_work<T: Send + 'static>(
    work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> Future<'c, T> + Send + 'static,
    reply: oneshot::Sender<Result<T, StoreError>>,
) -> OwnWork {
    Box::new(move |connection, file| {
        Box::pin(async move {
            let result = run_alone(connection, work).await;
            // Whoever asked may have given up.
            let _ = reply.send(result.map_err(|error| file.error(error)));
        })
    })
}

/// Does a piece of work in a transaction of its own.
pub(crate) async fn run_alone<T>(
    connection: &mut SqliteConnection,
    work: impl for<'c> FnOnce(&'c mut SqliteConnection) -> Future<'c, T>,
) -> Result<T, WorkError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let result = work(&mut transaction).await?;
    transaction.commit().await?;
    Ok(result)
}

/// Works until every sender is gone. The first group that cannot be committed ends it: what is
/// queued behind builds on what was lost.
pub(crate) async fn run(
    file: DataFile,
    mut connection: SqliteConnection,
    mut queue: mpsc::Receiver<Job>,
) -> Result<(), StoreError> {
    let mut jobs = Vec::new();
    while queue.recv_many(&mut jobs, GROUP_COMMIT_JOBS_MAX).await > 0 {
        let mut waiting = jobs.drain(..).peekable();
        while let Some(job) = waiting.next() {
            let mut group = match job {
                Job::Own(work) => {
                    work(&mut connection, &file).await;
                    continue;
                }
                Job::Rows(job) => vec![job],
            };
            while let Some(Job::Rows(job)) = waiting.next_if(|job| matches!(job, Job::Rows(_))) {
                group.push(job);
            }
            match commit(&mut connection, &group).await {
                Ok(loaded) => report_done(group, loaded),
                Err(error) => {
                    let error = file.error(WorkError::Sqlite(error));
                    queue.close();
                    let reason = error.to_string();
                    group.into_iter().for_each(|job| job.fail(&reason));
                    waiting.for_each(|job| job.fail(&reason));
                    while let Some(job) = queue.recv().await {
                        job.fail(&reason);
                    }
                    return Err(error);
                }
            }
        }
    }
    connection
        .close()
        .await
        .map_err(|error| file.error(WorkError::Sqlite(error)))
}

/// Does a group of jobs in order, in one transaction; returns what the reads among them found.
async fn commit(
    connection: &mut SqliteConnection,
    group: &[RowsJob],
) -> sqlx::Result<Vec<Vec<Row>>> {
    let mut loaded = Vec::new();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    // Many small batches cost as much as one with as many rows.
    for run in group.chunk_by(RowsJob::are_one_batch) {
        let Some(RowsJob { replica, work, .. }) = run.first() else {
            continue;
        };
        match work {
            Work::Write(_) => {
                let batch: Vec<_> = run.iter().flat_map(RowsJob::batch).collect();
                rows::write(&mut transaction, *replica, &batch).await?;
            }
            Work::Clear => rows::clear(&mut transaction, *replica).await?,
            Work::Load(query) => {
                loaded.push(rows::load(&mut transaction, *replica, query.clone()).await?);
            }
        }
    }
    transaction.commit().await?;
    Ok(loaded)
}

fn report_done(group: Vec<RowsJob>, loaded: Vec<Vec<Row>>) {
    let mut loaded = loaded.into_iter();
    for job in group {
        let completion = match job.work {
            Work::Write(_) | Work::Clear => Completion::Written(job.request),
            Work::Load(_) => Completion::Loaded(job.request, loaded.next().unwrap_or_default()),
        };
        report(&job.completions, completion);
    }
}

fn report(completions: &mpsc::UnboundedSender<Completion>, completion: Completion) {
    // A node that is gone wants to know nothing any more.
    let _ = completions.send(completion);
}
