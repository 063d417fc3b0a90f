//! What can go wrong, told so that a person knows what to do, and classed so that a program does.

use std::io;

use shared::hash::{BlockHash, Hash};

use crate::limits::SERVER_VERSION_MIN;
use crate::source::SourceError;
use crate::target::{Target, TargetError};

/// What kind of trouble it is: what a program's exit code tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// What was asked for makes no sense: another URL is needed.
    Usage,
    /// The database does not let this user in, or do this.
    Denied,
    /// Something does not answer now; the same may work later.
    Unavailable,
    /// The database is not one that can be dumped to, or somebody else uses it.
    Unsuitable,
    /// What the tables hold is not what it should be.
    Data,
}

/// Why a dump or a rebuild does not go on.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The URL names no database.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Nothing answers there.
    #[error(
        "{target} cannot be reached: {reason}. Is PostgreSQL running there, and is the address right?"
    )]
    Unreachable {
        /// Where.
        target: String,
        /// What the system says.
        reason: String,
    },
    /// Name or password is wrong, or the server does not let this user in from here.
    #[error(
        "{target} refuses the login: {reason}. Check user and password, and pg_hba.conf on the server"
    )]
    Login {
        /// Where.
        target: String,
        /// What the server says.
        reason: String,
    },
    /// There is no such database.
    #[error("{target}: {reason}. Make it with `createdb`, or correct the URL")]
    NoDatabase {
        /// Where.
        target: String,
        /// What the server says.
        reason: String,
    },
    /// The connection cannot be protected as `sslmode` demands.
    #[error(
        "{target}: no TLS as `sslmode` demands: {reason}. Check the server's certificate, and sslrootcert"
    )]
    Tls {
        /// Where.
        target: String,
        /// What is wrong.
        reason: String,
    },
    /// The user lacks a right.
    #[error(
        "the database user {user} lacks a right: {reason}. docs/postgres.md has the statements that grant it"
    )]
    Rights {
        /// Who.
        user: String,
        /// What the server says.
        reason: String,
    },
    /// The server is older than any this was made for.
    #[error("PostgreSQL {min} or newer is needed, the server is {came}", min = SERVER_VERSION_MIN / 10_000)]
    ServerTooOld {
        /// What the server calls itself.
        came: String,
    },
    /// The database does not store all text.
    #[error(
        "the database stores text as {came}, which lacks characters that a ledger may hold: make one with `createdb --encoding=UTF8 --template=template0`"
    )]
    Encoding {
        /// Its encoding.
        came: String,
    },
    /// The server takes no writes.
    #[error(
        "{target} takes no writes: it is a standby, or set to read-only. Name the primary server"
    )]
    ReadOnly {
        /// Where.
        target: String,
    },
    /// There is a schema of that name that is somebody else's.
    #[error(
        "the schema {schema} exists and was not made by a dump of this network ({reason}): it was left as it is. Rename or drop it, or name another database"
    )]
    Foreign {
        /// The schema.
        schema: String,
        /// What shows it.
        reason: String,
    },
    /// The tables were made by a version that is newer than this one.
    #[error(
        "the tables in {schema} have version {came}, this program knows up to {known}: use the newer program"
    )]
    NewerTables {
        /// The schema.
        schema: String,
        /// Their version.
        came: i32,
        /// The newest known.
        known: i32,
    },
    /// The tables were made by an older version, and a reader may not change them.
    #[error(
        "the tables in {schema} have version {came}, this program reads {known}: dump once more with this program, which brings them up to date"
    )]
    OlderTables {
        /// The schema.
        schema: String,
        /// Their version.
        came: i32,
        /// The one that is read.
        known: i32,
    },
    /// Another dumper is at work there.
    #[error(
        "another dumper is writing this network into {target}: stop that one first, or name another database"
    )]
    Busy {
        /// Where.
        target: String,
    },
    /// There is nothing to rebuild from.
    #[error("{target} holds no dump of {wanted}{found}")]
    NoDump {
        /// Where.
        target: String,
        /// What was looked for.
        wanted: String,
        /// What is there instead, as the end of the sentence.
        found: String,
    },
    /// Chain and tables differ below a decision.
    #[error(
        "the dump and the chain differ at height {height}, which is final: the dump has block {dumped}, the chain {came}. Nothing was written. One of them was altered or restored from an old copy; find out which before you go on"
    )]
    Conflict {
        /// The lowest height at which they differ, as far as it is known.
        height: u64,
        /// In the tables.
        dumped: BlockHash,
        /// In the chain.
        came: BlockHash,
    },
    /// Decision log and tables differ.
    #[error(
        "the decision log of the chain does not continue the one in the dump: at entry {index} the dump has {expected} before it, the log {came}. Nothing was written. One of them was altered or restored from an old copy; find out which before you go on"
    )]
    LogConflict {
        /// The entry that does not fit.
        index: u64,
        /// Head of the log in the tables.
        expected: Hash,
        /// What the entry names as the one before.
        came: Hash,
    },
    /// A block in the tables is not what was written.
    #[error("the tables were altered: block {height}: {reason}")]
    AlteredBlock {
        /// Its height.
        height: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// Something else in the tables is not what was written.
    #[error("the tables were altered: {what}: {reason}")]
    Altered {
        /// Which table or row.
        what: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The replica handed over what does not continue the dump.
    #[error("the replica handed over block {height}, which is not valid: {reason}")]
    Invalid {
        /// Its height.
        height: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// More has come above the last decision than is kept. The tables have what counts.
    #[error(
        "more has come above the last decision than is kept ({0}): the dump begins again where the tables stand"
    )]
    Crowded(String),
    /// The replica cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The connection broke, or the server could not do it now.
    #[error("PostgreSQL failed: {0}")]
    Interrupted(sqlx::Error),
    /// The server refused a statement; a defect, or somebody changed the tables' definition.
    #[error("PostgreSQL refused a statement: {0}. Were the tables' definitions changed?")]
    Refused(sqlx::Error),
}

impl DumpError {
    /// What kind of trouble it is.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Target(_) | Self::NoDatabase { .. } | Self::NoDump { .. } => ErrorClass::Usage,
            Self::Login { .. } | Self::Rights { .. } | Self::Tls { .. } => ErrorClass::Denied,
            Self::Unreachable { .. }
            | Self::Crowded(_)
            | Self::Source(_)
            | Self::Interrupted(_) => ErrorClass::Unavailable,
            Self::ServerTooOld { .. }
            | Self::Encoding { .. }
            | Self::ReadOnly { .. }
            | Self::Foreign { .. }
            | Self::NewerTables { .. }
            | Self::OlderTables { .. }
            | Self::Busy { .. } => ErrorClass::Unsuitable,
            Self::Conflict { .. }
            | Self::LogConflict { .. }
            | Self::AlteredBlock { .. }
            | Self::Altered { .. }
            | Self::Invalid { .. }
            | Self::Refused(_) => ErrorClass::Data,
        }
    }

    /// Whether a dump that was at work tries again by itself. What a person must see to halts it.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        // A lock outlives its connection until the server notices that this one is gone, and a
        // server that was a standby a moment ago may be the primary the next.
        self.class() == ErrorClass::Unavailable
            || matches!(self, Self::Busy { .. } | Self::ReadOnly { .. })
    }

    /// An error while connecting.
    pub(crate) fn of_connecting(target: &Target, error: sqlx::Error) -> Self {
        let target_name = target.to_string();
        match &error {
            sqlx::Error::Tls(reason) => Self::Tls {
                target: target_name,
                reason: reason.to_string(),
            },
            // rustls reports a certificate that it does not trust through the socket.
            sqlx::Error::Io(reason) if reason.kind() == io::ErrorKind::InvalidData => Self::Tls {
                target: target_name,
                reason: reason.to_string(),
            },
            // No connection over TCP fails so.
            sqlx::Error::Io(reason)
                if reason.kind() == io::ErrorKind::NotFound && !target.is_socket() =>
            {
                Self::Tls {
                    target: target_name,
                    reason: format!("a file that the URL names: {reason}"),
                }
            }
            sqlx::Error::Io(reason) => Self::Unreachable {
                target: target_name,
                reason: reason.to_string(),
            },
            _ => Self::of_statement(target, error),
        }
    }

    /// An error of a statement.
    pub(crate) fn of_statement(target: &Target, error: sqlx::Error) -> Self {
        let (code, reason) = match &error {
            sqlx::Error::Database(database) => (
                database.code().unwrap_or_default().into_owned(),
                database.message().to_owned(),
            ),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::WorkerCrashed => return Self::Interrupted(error),
            _ => return Self::Refused(error),
        };
        let target_name = target.to_string();
        // https://www.postgresql.org/docs/current/errcodes-appendix.html
        match code.as_str() {
            "28000" if reason.contains("no encryption") || reason.contains("SSL off") => {
                Self::Tls {
                    target: target_name,
                    reason,
                }
            }
            "28000" | "28P01" => Self::Login {
                target: target_name,
                reason,
            },
            "3D000" => Self::NoDatabase {
                target: target_name,
                reason,
            },
            "42501" => Self::Rights {
                user: target.user().to_owned(),
                reason,
            },
            "25006" => Self::ReadOnly {
                target: target_name,
            },
            // Connection lost, transaction rolled back by the server, no resources, shutdown,
            // a file system's error.
            code if ["08", "40", "53", "57", "58"]
                .iter()
                .any(|class| code.starts_with(class)) =>
            {
                Self::Interrupted(error)
            }
            _ => Self::Refused(error),
        }
    }
}
