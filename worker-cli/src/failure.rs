//! What can go wrong, and its class.

mod class;

use borsh::{BorshDeserialize, BorshSerialize};
use dump::{DumpError, ErrorClass};
use shared::message::{ErrorCode, ErrorMessage};
use shared::node::interface::CommandError;
use shared::receipt::NoReceipt;
use sqlite_store::{OpenError, StoreError};

pub use class::Class;

use crate::control::ControlError;
use crate::folder::FolderError;
use crate::key::KeyError;
use crate::node::NodeError;
use crate::relay_url::TrustError;

/// A failure as it is told from one process or part to another.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Trouble {
    /// Its class.
    pub class: Class,
    /// What happened, and what to do.
    pub message: String,
}

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Of the data folder.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Of the key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The database was not opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Of TLS.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The node ended.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The running worker was not reached.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The dump failed.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// The node did not do it.
    #[error("{0}")]
    Command(#[from] CommandError),
    /// A failure as the running worker, the node's connection or the relay told it.
    #[error("{}", .0.message)]
    Told(Trouble),
    /// The user ended it.
    #[error("ended by Ctrl-C")]
    Interrupted,
}

impl From<Trouble> for Failure {
    fn from(told: Trouble) -> Self {
        Self::Told(told)
    }
}

impl Failure {
    /// A failure that is one sentence.
    pub fn new(class: Class, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::Told(Trouble { class, message })
    }

    /// What the relay said when it refused this node.
    #[must_use]
    pub fn refused(error: &ErrorMessage) -> Self {
        let class = match error.code {
            ErrorCode::Network => Class::Network,
            ErrorCode::Unavailable => Class::Storage,
            ErrorCode::Version => Class::Version,
            _ => Class::Refused,
        };
        let message = match error.code {
            ErrorCode::Superseded => {
                "another worker or tab with the same key has joined: give each worker a data folder of its own"
                    .to_owned()
            }
            _ => error.explanation.to_string(),
        };
        Self::new(class, message)
    }

    /// Its class, which is the exit code.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Self::Folder(_) => Class::Folder,
            Self::Key(error) => error.class(),
            Self::Open(OpenError::InUse { .. }) => Class::FolderInUse,
            Self::Open(OpenError::Folder { .. }) => Class::Folder,
            Self::Open(_) | Self::Store(_) => Class::Storage,
            Self::Trust(_) => Class::Certificate,
            Self::Node(error) => error.class(),
            Self::Control(error) => error.class(),
            Self::Command(error) => match error {
                CommandError::EmptyKey => Class::Usage,
                CommandError::Invalid(_) | CommandError::MempoolFull => Class::Transaction,
                CommandError::NoNetwork | CommandError::NotConnected => Class::Unreachable,
                CommandError::NothingFinal | CommandError::NoLeader => Class::NotYet,
                CommandError::NoBlock(_) => Class::NotFound,
                CommandError::NoReceipt(NoReceipt::NotFinal { .. }) => Class::NotYet,
                CommandError::NoReceipt(_) => Class::NotFound,
                CommandError::File { .. } => Class::Invalid,
                _ => Class::Storage,
            },
            Self::Dump(error) => of_dump(error),
            Self::Told(told) => told.class,
            Self::Interrupted => Class::Interrupted,
        }
    }
}

pub(crate) fn of_dump(error: &DumpError) -> Class {
    match error {
        DumpError::Target(_) => Class::DatabaseUrl,
        DumpError::Login { .. } => Class::DatabaseLogin,
        DumpError::NoDatabase { .. } | DumpError::NoDump { .. } => Class::DatabaseMissing,
        DumpError::Tls { .. } => Class::DatabaseTls,
        DumpError::Rights { .. } | DumpError::ReadOnly { .. } => Class::DatabaseRights,
        DumpError::Foreign { .. } | DumpError::Encoding { .. } => Class::DatabaseForeign,
        DumpError::ServerTooOld { .. }
        | DumpError::NewerTables { .. }
        | DumpError::OlderTables { .. } => Class::DatabaseVersion,
        DumpError::Busy { .. } => Class::DatabaseBusy,
        error => match error.class() {
            ErrorClass::Unavailable => Class::DatabaseUnreachable,
            _ => Class::DatabaseData,
        },
    }
}
