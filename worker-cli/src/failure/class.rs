//! Classes of failures: each has its exit code, in `--help`, in `docs/worker.md` and in the JSON form of
//! errors.

use borsh::{BorshDeserialize, BorshSerialize};

/// Kinds of failures, as scripts tell them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Class {
    /// A defect of this program.
    Defect = 1,
    /// The command line is not what it should be.
    Usage = 2,
    /// The data folder, or a file named on the command line, cannot be used.
    Folder = 10,
    /// Another worker uses the data folder.
    FolderInUse = 11,
    /// Others than its owner can read the key file.
    KeyExposed = 12,
    /// The key is none.
    Key = 13,
    /// No relay is remembered here.
    NotRegistered = 14,
    /// The database in the data folder is damaged, another program's or full.
    Storage = 15,
    /// Nobody answers at the relay's address.
    Unreachable = 20,
    /// Somebody answers there, but it is no relay.
    NotARelay = 21,
    /// The relay's certificate is not trusted.
    Certificate = 22,
    /// The relay refused this node or what it asked for.
    Refused = 23,
    /// The relay runs another network than this replica is of, or none of that name.
    Network = 24,
    /// It took too long.
    TimedOut = 25,
    /// The relay speaks another version of the protocol.
    Version = 26,
    /// The transaction was refused.
    Transaction = 30,
    /// There is no such key, block or transaction.
    NotFound = 31,
    /// There is nothing to compare with yet, nobody who leads, or no stake that counts.
    NotYet = 32,
    /// Members' replicas differ.
    Differ = 33,
    /// What was to be verified does not hold.
    Invalid = 34,
    /// It needs a running worker, and none is.
    NotRunning = 35,
    /// The URL names no database.
    DatabaseUrl = 40,
    /// The database server is not reached.
    DatabaseUnreachable = 41,
    /// It does not let this user in.
    DatabaseLogin = 42,
    /// It has no such database, or no dump in it.
    DatabaseMissing = 43,
    /// TLS cannot be had as `sslmode` demands.
    DatabaseTls = 44,
    /// The user lacks a right there.
    DatabaseRights = 45,
    /// The tables there are somebody else's.
    DatabaseForeign = 46,
    /// The server or the tables are of a version that does not fit.
    DatabaseVersion = 47,
    /// Another dump is at work there.
    DatabaseBusy = 48,
    /// What the tables hold is not what it should be.
    DatabaseData = 49,
    /// The user ended it.
    Interrupted = 130,
}

impl Class {
    /// All classes, as `--help` lists them.
    pub const ALL: [(Self, &'static str, &'static str); 32] = [
        (
            Self::Defect,
            "defect",
            "a defect of this program: please report it",
        ),
        (
            Self::Usage,
            "usage",
            "the command line is not what it should be",
        ),
        (
            Self::Folder,
            "folder",
            "a folder or file cannot be read or written",
        ),
        (
            Self::FolderInUse,
            "folder_in_use",
            "another worker uses the data folder",
        ),
        (
            Self::KeyExposed,
            "key_exposed",
            "others can read the key file",
        ),
        (Self::Key, "key", "the key is none"),
        (
            Self::NotRegistered,
            "not_registered",
            "`register` comes first",
        ),
        (
            Self::Storage,
            "storage",
            "the database in the data folder failed",
        ),
        (
            Self::Unreachable,
            "unreachable",
            "nobody answers at the relay's address",
        ),
        (
            Self::NotARelay,
            "not_a_relay",
            "what answers there is no relay",
        ),
        (
            Self::Certificate,
            "certificate",
            "the relay's certificate is not trusted",
        ),
        (Self::Refused, "refused", "the relay refused"),
        (Self::Network, "network", "the relay runs another network"),
        (Self::TimedOut, "timed_out", "it took longer than --timeout"),
        (
            Self::Version,
            "version",
            "the relay speaks another version of the protocol",
        ),
        (
            Self::Transaction,
            "transaction",
            "the transaction was refused",
        ),
        (
            Self::NotFound,
            "not_found",
            "no such key, block or transaction",
        ),
        (
            Self::NotYet,
            "not_yet",
            "nothing is final yet, nobody leads, or this key has no stake that counts",
        ),
        (Self::Differ, "differ", "members' replicas differ"),
        (
            Self::Invalid,
            "invalid",
            "what was to be verified does not hold",
        ),
        (
            Self::NotRunning,
            "not_running",
            "no worker is running in the data folder",
        ),
        (
            Self::DatabaseUrl,
            "database_url",
            "the URL names no database",
        ),
        (
            Self::DatabaseUnreachable,
            "database_unreachable",
            "the database server is not reached",
        ),
        (
            Self::DatabaseLogin,
            "database_login",
            "the database server refuses the login",
        ),
        (
            Self::DatabaseMissing,
            "database_missing",
            "no such database, or no dump in it",
        ),
        (
            Self::DatabaseTls,
            "database_tls",
            "no TLS as sslmode demands",
        ),
        (
            Self::DatabaseRights,
            "database_rights",
            "the database user lacks a right",
        ),
        (
            Self::DatabaseForeign,
            "database_foreign",
            "the tables there are somebody else's",
        ),
        (
            Self::DatabaseVersion,
            "database_version",
            "the server's or tables' version does not fit",
        ),
        (
            Self::DatabaseBusy,
            "database_busy",
            "another dump is at work there",
        ),
        (
            Self::DatabaseData,
            "database_data",
            "what the tables hold is not what it should be",
        ),
        (Self::Interrupted, "interrupted", "ended by Ctrl-C"),
    ];

    /// The program's exit code.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        self as u8
    }

    /// Its name in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        let mut all = Self::ALL.iter();
        all.find(|(class, ..)| *class == self)
            .map_or("defect", |(_, name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_class_has_a_name_and_an_exit_code_of_its_own() {
        let codes: BTreeSet<_> = Class::ALL
            .iter()
            .map(|(class, ..)| class.exit_code())
            .collect();
        let names: BTreeSet<_> = Class::ALL.iter().map(|(_, name, _)| name).collect();
        assert_eq!(
            (codes.len(), names.len()),
            (Class::ALL.len(), Class::ALL.len())
        );
        assert!(!codes.contains(&0), "0 is success");
        let document = include_str!("../../../docs/worker.md");
        for (class, name, _) in Class::ALL {
            let row = match class {
                Class::Usage => "| 2 | |".to_owned(),
                class => format!("| {} | `{name}` |", class.exit_code()),
            };
            assert!(document.contains(&row), "docs/worker.md lacks {row}");
        }
    }
}
