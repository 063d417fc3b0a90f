//! The data folder and the database file in it: opened by one process at a time, and only when
//! sound.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::limits::PAGE_CACHE_KIB;
use crate::{Program, StoreError, WorkError};

/// "TabC", as set by the first migration.
const APPLICATION_ID: i64 = 0x5461_6243;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// Why a data folder was not opened. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made or written.
    #[error(
        "the data folder {path} cannot be used: {source}. Give this user the right to write there, or name another folder with {option}"
    )]
    Folder {
        /// The folder, or the file in it that failed.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
        /// The option that names a folder.
        option: &'static str,
    },
    /// Another process has it open.
    #[error(
        "another {program} is using the data folder {path}: stop that one first, or name another folder with {option}"
    )]
    InUse {
        /// The folder.
        path: PathBuf,
        /// What is running there.
        program: &'static str,
        /// The option that names a folder.
        option: &'static str,
    },
    /// The file is broken.
    #[error(
        "the database {path} is damaged ({damage}) and was left as it is. Restore a backup of it, or move it away to begin anew"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
        damage: String,
    },
    /// The file belongs to another program.
    #[error(
        "{path} is a database of another program and was left as it is: name another folder with {option}"
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The option that names a folder.
        option: &'static str,
    },
    /// The file was written by a version with other tables.
    #[error(
        "the database {path} was written by another version of the {program} ({source}): start that version or a newer one, or name another folder with {option}"
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// What differs.
        source: MigrateError,
        /// Whose file it is.
        program: &'static str,
        /// The option that names a folder.
        option: &'static str,
    },
    /// SQLite refused for another reason.
    #[error("the database {path} cannot be opened: {source}")]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: sqlx::Error,
    },
}

/// The database file, kept to this process for as long as this value lives.
#[derive(Debug)]
pub(crate) struct DataFile {
    path: PathBuf,
    folder_option: &'static str,
    _claim: Claim,
}

impl DataFile {
    pub(crate) fn error(&self, error: WorkError) -> StoreError {
        let path = self.path.clone();
        match error {
            WorkError::Sqlite(source) => StoreError::Sqlite { path, source },
            WorkError::Row { what, reason } => StoreError::Row {
                path,
                what,
                reason,
                option: self.folder_option,
            },
        }
    }
}

/// Opens the database of a data folder for this process alone.
pub(crate) async fn open(
    folder: &Path,
    program: &Program,
) -> Result<(DataFile, SqliteConnection), OpenError> {
    let option = program.folder_option;
    let claim = Claim::of(folder, program)?;
    let path = folder.join(format!("{}.sqlite", program.name));
    restrict_to_owner(&path).map_err(|source| OpenError::Folder {
        path: path.clone(),
        source,
        option,
    })?;
    inspect(&path, option).await?;

    let mut connection = SqliteConnectOptions::new()
        .filename(&path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // A negative number is KiB (<https://www.sqlite.org/pragma.html#pragma_cache_size>).
        .pragma("cache_size", format!("-{PAGE_CACHE_KIB}"))
        .connect()
        .await
        .map_err(|error| refusal(&path, error))?;
    migrations(program)
        .run(&mut connection)
        .await
        .map_err(|error| match error {
            MigrateError::Execute(source) => refusal(&path, source),
            source => OpenError::Version {
                path: path.clone(),
                source,
                program: program.name,
                option,
            },
        })?;
    let file = DataFile {
        path,
        folder_option: option,
        _claim: claim,
    };
    Ok((file, connection))
}

/// The store's migrations and the program's, as one list, so that those of a newer version of
/// either are noticed.
fn migrations(program: &Program) -> Migrator {
    let own = program.migrations.into_iter().flat_map(Migrator::iter);
    Migrator::with_migrations(MIGRATIONS.iter().chain(own).cloned().collect())
}

/// A data folder that is this process's alone for as long as this value lives. The system releases
/// it with the process. An opened store holds one.
#[derive(Debug)]
pub struct Claim {
    _lock: File,
}

impl Claim {
    /// Makes the folder if need be, and claims it.
    pub fn of(folder: &Path, program: &Program) -> Result<Self, OpenError> {
        let option = program.folder_option;
        let refused = |source| OpenError::Folder {
            path: folder.to_path_buf(),
            source,
            option,
        };
        fs::create_dir_all(folder).map_err(refused)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(folder.join(format!("{}.lock", program.name)))
            .map_err(refused)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
                path: folder.to_path_buf(),
                program: program.name,
                option,
            }),
            Err(TryLockError::Error(source)) => Err(refused(source)),
        }
    }
}

/// Makes the file if need be, readable for its owner alone: there may be a secret key in it.
/// SQLite gives the files beside it the same rights.
fn restrict_to_owner(path: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
        let file = options.mode(0o600).open(path)?;
        file.set_permissions(fs::Permissions::from_mode(0o600))
    }
    #[cfg(not(unix))]
    options.open(path).map(drop)
}

/// Refuses a file that is damaged or another program's, before anything writes to it.
async fn inspect(path: &Path, option: &'static str) -> Result<(), OpenError> {
    let refused = |error| refusal(path, error);
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .connect()
        .await
        .map_err(refused)?;
    let application: i64 = sqlx::query_scalar("PRAGMA application_id")
        .fetch_one(&mut connection)
        .await
        .map_err(refused)?;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut connection)
        .await
        .map_err(refused)?;
    if tables > 0 && application != APPLICATION_ID {
        return Err(OpenError::Foreign {
            path: path.to_path_buf(),
            option,
        });
    }
    let findings: Vec<String> = sqlx::query_scalar("PRAGMA quick_check(3)")
        .fetch_all(&mut connection)
        .await
        .map_err(refused)?;
    if findings.iter().any(|finding| finding != "ok") {
        return Err(OpenError::Damaged {
            path: path.to_path_buf(),
            damage: findings.join("; "),
        });
    }
    connection.close().await.map_err(refused)
}

fn refusal(path: &Path, source: sqlx::Error) -> OpenError {
    let path = path.to_path_buf();
    match sqlite_code(&source) {
        Some(SQLITE_CORRUPT | SQLITE_NOTADB) => OpenError::Damaged {
            path,
            damage: source.to_string(),
        },
        _ => OpenError::Sqlite { path, source },
    }
}

// <https://www.sqlite.org/rescode.html>
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_NOTADB: u32 = 26;

/// The primary result code: the low byte of the extended one that sqlx gives as text.
fn sqlite_code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?;
    code.parse::<u32>().ok().map(|code| code & 0xff)
}
