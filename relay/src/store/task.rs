//! The task that owns the connection to the database: group commit.

use shared::relay::interface::{Event, RequestId};
use shared::store::{Query, Row, Write};
use sqlx::{Connection, SqliteConnection};
use tokio::sync::mpsc;

use super::catalogue::CatalogueError;
use super::file::DataFile;
use super::{NetworkNumber, StoreError, rows};
use crate::limits::GROUP_COMMIT_JOBS_MAX;

/// Something to be read or written, and who wants to know.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) network: NetworkNumber,
    pub(super) request: RequestId,
    pub(super) work: Work,
    pub(super) completions: mpsc::UnboundedSender<Event>,
}

#[derive(Debug)]
pub(super) enum Work {
    Write(Vec<Write>),
    Load(Query),
}

impl Job {
    /// Reports that nothing of it was done.
    pub(super) fn fail(self, reason: &str) {
        let event = match self.work {
            Work::Write(_) => Event::WriteFailed(self.request, reason.to_owned()),
            Work::Load(_) => Event::LoadFailed(self.request, reason.to_owned()),
        };
        report(&self.completions, event);
    }
}

/// Works until every sender is gone. The first group that cannot be committed ends it: what is
/// queued behind builds on what was lost.
pub(super) async fn run(
    file: DataFile,
    mut connection: SqliteConnection,
    mut jobs: mpsc::Receiver<Job>,
) -> Result<(), StoreError> {
    let mut group = Vec::new();
    while jobs.recv_many(&mut group, GROUP_COMMIT_JOBS_MAX).await > 0 {
        match commit(&mut connection, &group).await {
            Ok(loaded) => report_done(group.drain(..), loaded),
            Err(error) => {
                let error = file.error(CatalogueError::Sqlite(error));
                jobs.close();
                while let Some(job) = jobs.recv().await {
                    group.push(job);
                }
                for job in group {
                    job.fail(&error.to_string());
                }
                return Err(error);
            }
        }
    }
    connection
        .close()
        .await
        .map_err(|error| file.error(CatalogueError::Sqlite(error)))
}

/// Does a group of jobs in order, in one transaction; returns what the reads among them found.
async fn commit(connection: &mut SqliteConnection, group: &[Job]) -> sqlx::Result<Vec<Vec<Row>>> {
    let mut loaded = Vec::new();
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    for job in group {
        match &job.work {
            Work::Write(batch) => rows::write(&mut transaction, job.network, batch).await?,
            Work::Load(query) => {
                loaded.push(rows::load(&mut transaction, job.network, query.clone()).await?);
            }
        }
    }
    transaction.commit().await?;
    Ok(loaded)
}

fn report_done(group: impl Iterator<Item = Job>, loaded: Vec<Vec<Row>>) {
    let mut loaded = loaded.into_iter();
    for job in group {
        let event = match job.work {
            Work::Write(_) => Event::Written(job.request),
            Work::Load(_) => Event::Loaded(job.request, loaded.next().unwrap_or_default()),
        };
        report(&job.completions, event);
    }
}

fn report(completions: &mpsc::UnboundedSender<Event>, event: Event) {
    // A network that is gone wants to know nothing any more.
    let _ = completions.send(event);
}
