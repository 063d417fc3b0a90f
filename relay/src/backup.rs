//! `relay backup FILE`: a copy of the database, also while a relay is running on it.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor};

/// The database in a data folder.
pub(crate) const DATABASE_FILE: &str = "relay.sqlite";

/// Why there is no backup. Nothing is left of it.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file is there.
    #[error("{0} is there already: name a file that is not, so that no older backup is lost")]
    Exists(PathBuf),
    /// The file cannot be made.
    #[error("{path} cannot be written: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// There is nothing to copy.
    #[error("there is no relay's database in {0}: name its folder with --data")]
    NoDatabase(PathBuf),
    /// SQLite refused.
    #[error("the database could not be copied: {0}")]
    Sqlite(#[from] sqlx::Error),
    /// The copy is not sound.
    #[error(
        "the copy is damaged ({0}), and so is perhaps the database: start the relay, which checks it"
    )]
    Damaged(String),
}

/// Copies the database of a data folder, as it is at one moment, into a new file that only its
/// owner can read. The copy is complete, checked and on disk when this returns.
pub async fn backup(data: &Path, file: &Path) -> Result<(), BackupError> {
    let database = data.join(DATABASE_FILE);
    if !database.is_file() {
        return Err(BackupError::NoDatabase(data.to_path_buf()));
    }
    let failed = |source| BackupError::File {
        path: file.to_path_buf(),
        source,
    };
    create(file)?;
    let copied = match copy(&database, file).await {
        Ok(()) => File::open(file)
            .and_then(|copy| copy.sync_all())
            .map_err(failed),
        Err(error) => Err(error),
    };
    if copied.is_err() {
        // What is half written must not pass for a backup; that it stays is the lesser evil.
        let _ = fs::remove_file(file);
    }
    copied
}

/// Makes the file, empty: the relay's secret key will be in it.
fn create(file: &Path) -> Result<(), BackupError> {
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    match options.open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(BackupError::Exists(file.to_path_buf()))
        }
        Err(source) => Err(BackupError::File {
            path: file.to_path_buf(),
            source,
        }),
    }
}

async fn copy(database: &Path, file: &Path) -> Result<(), BackupError> {
    let mut source = SqliteConnectOptions::new()
        .filename(database)
        .connect()
        .await?;
    let target = file.to_string_lossy().into_owned();
    sqlx::query("VACUUM INTO ?1")
        .bind(target)
        .execute(&mut source)
        .await?;
    source.close().await?;

    let mut copy = SqliteConnectOptions::new().filename(file).connect().await?;
    let findings: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(3)")
        .fetch_all(&mut copy)
        .await?;
    // One file, without a journal beside it.
    copy.execute("PRAGMA journal_mode = DELETE").await?;
    copy.close().await?;
    match findings.as_slice() {
        [fine] if fine == "ok" => Ok(()),
        _ => Err(BackupError::Damaged(findings.join("; "))),
    }
}
