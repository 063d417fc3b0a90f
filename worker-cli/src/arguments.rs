//! What can be typed.

pub mod relay;
pub mod secret;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use shared::hash::TransactionId;
use shared::keys::PublicKey;
use shared::transaction::{Key, Value};

use self::relay::{Admission, Network, Server};
use self::secret::Secret;
use crate::failure::Class;
use crate::folder::{Folder, FolderError};

/// A Tabchain node for servers, scripts and the back row.
///
/// `register` comes first. Then each command joins, acts and leaves; or, where `run` is running in
/// the same data folder, acts on that worker.
#[derive(Debug, Parser)]
#[command(name = "block-chain-worker", version, after_long_help = exit_codes(), max_term_width = 100)]
pub struct Arguments {
    /// Options of all commands.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of all commands.
#[derive(Clone, Debug, Args)]
pub struct Global {
    /// Folder of the replica, the key, and what `register` remembers
    ///
    /// Several workers on one machine have a folder each. The default is
    /// `block-chain-worker/NETWORK` in the platform's place for data, `default` without --network.
    #[arg(
        long,
        value_name = "DIR",
        global = true,
        env = "BLOCK_CHAIN_WORKER_DATA"
    )]
    pub data_dir: Option<PathBuf>,
    /// Network of the relay; its default one if none is named
    #[arg(
        long,
        value_name = "NAME",
        global = true,
        env = "BLOCK_CHAIN_WORKER_NETWORK"
    )]
    pub network: Option<String>,
    /// Print JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Seconds that a command may take
    #[arg(long, value_name = "SECONDS", global = true, default_value = "120")]
    pub timeout: u64,
    /// Miner threads; as many as there are cores if not named
    #[arg(long, value_name = "N", global = true)]
    pub threads: Option<NonZeroUsize>,
}

impl Global {
    /// The data folder.
    pub fn folder(&self) -> Result<Folder, FolderError> {
        Folder::locate(self.data_dir.clone(), self.network.as_deref())
    }

    /// How long a command may take.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout)
    }

    /// How many miners there are.
    #[must_use]
    pub fn threads(&self) -> NonZeroUsize {
        self.threads
            .or_else(|| available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN)
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Become a member of a network, and remember its relay
    Register(Register),
    /// Make, list and join networks of the relay
    #[command(subcommand)]
    Network(Network),
    /// Write a value under a key; returns when the relay has stored it
    #[command(name = "add_transaction", alias = "add-transaction")]
    AddTransaction(AddTransaction),
    /// Move balance to another key; returns when the relay has stored it
    Transfer(Transfer),
    /// Show this member's number
    #[command(name = "get_id", alias = "get-id")]
    GetId,
    /// Show who leads
    #[command(name = "get_leader", alias = "get-leader")]
    GetLeader,
    /// Compare the replicas of all members
    #[command(name = "check_consistency", alias = "check-consistency")]
    CheckConsistency,
    /// Mine one block; returns when it is stored
    #[command(name = "mine_block", alias = "mine-block")]
    MineBlock,
    /// Show blocks, the newest first
    #[command(name = "get_chain", alias = "get-chain")]
    GetChain(GetChain),
    /// Leave the network: ends the worker that runs in the data folder
    Disconnect,
    /// Stay a member, and serve the other commands
    Run(Run),
    /// Show what happens, as it happens
    Watch,
    /// Show the value of a key
    Get(KeyName),
    /// Show all writes of a key, the newest first
    History(KeyName),
    /// Keep the chain in PostgreSQL, until `stop_dump_data`
    #[command(name = "dump_data", alias = "dump-data")]
    DumpData(Database),
    /// Stop the dump; when this returns, nothing more is written
    #[command(name = "stop_dump_data", alias = "stop-dump-data")]
    StopDumpData,
    /// Show how far the dump is, or why it has halted
    #[command(name = "dump_status", alias = "dump-status")]
    DumpStatus,
    /// Make a replica of a dump, verified as if strangers had sent it
    Rebuild(Database),
    /// Write the receipt of a final transaction to a file
    Receipt {
        /// The transaction
        id: TransactionId,
        /// Where to write it; `ID.tabreceipt` if not named
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Verify a receipt or a chain file; needs no relay
    Verify {
        /// The file
        file: PathBuf,
    },
    /// Write the whole chain to a file
    Export {
        /// The file
        file: PathBuf,
    },
    /// Read a chain file into the replica, verified
    Import {
        /// The file
        file: PathBuf,
    },
    /// Print a script that completes commands in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Options of `register`.
#[derive(Debug, Args)]
pub struct Register {
    /// The relay.
    #[command(flatten)]
    pub server: Server,
    /// How this member is let in.
    #[command(flatten)]
    pub admission: Admission,
    /// Forget the replica, but not the key, and fetch it anew
    #[arg(long)]
    pub afresh: bool,
}

/// Options of `add_transaction`.
#[derive(Debug, Args)]
pub struct AddTransaction {
    /// The key, at most 256 bytes
    #[arg(long, value_parser = key)]
    pub key: Key,
    /// Its new value, at most 4096 bytes
    #[arg(long, value_parser = value, allow_hyphen_values = true)]
    pub value: Value,
    /// Only if the key was never written
    #[arg(long, conflicts_with = "expect")]
    pub expect_absent: bool,
    /// Only if the key was last written by this transaction
    #[arg(long, value_name = "ID")]
    pub expect: Option<TransactionId>,
}

/// Options of `transfer`.
#[derive(Debug, Args)]
pub struct Transfer {
    /// The public key that receives, `tab1…`; `get_id` shows one's own
    #[arg(long, value_name = "KEY")]
    pub to: PublicKey,
    /// How much; more than the balance has no effect once it is in a block
    #[arg(long, value_name = "N")]
    pub amount: u64,
}

/// Options of `get_chain`.
#[derive(Debug, Args)]
pub struct GetChain {
    /// Height of the newest block to show; the tip if not named
    #[arg(long, value_name = "HEIGHT")]
    pub from: Option<u64>,
    /// How many blocks to show
    #[arg(long, value_name = "N", default_value = "20")]
    pub count: u64,
}

/// A PostgreSQL database.
#[derive(Debug, Args)]
pub struct Database {
    /// The database, `postgresql://user@host/database`; the password is better kept in
    /// DATABASE_URL, in PGPASSWORD or in ~/.pgpass
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub db_url: Option<Secret>,
    /// A file that holds the URL
    #[arg(long, value_name = "FILE")]
    pub db_url_file: Option<PathBuf>,
}

/// Options of `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Mine as long as the worker runs
    #[arg(long)]
    pub mine: bool,
}

/// A key to look up.
#[derive(Debug, Args)]
pub struct KeyName {
    /// The key
    #[arg(value_parser = key)]
    pub key: Key,
}

fn key(text: &str) -> Result<Key, String> {
    match Key::new(text) {
        Ok(key) if key.as_str().is_empty() => Err("the key is empty".to_owned()),
        Ok(key) => Ok(key),
        Err(error) => Err(error.to_string()),
    }
}

fn value(text: &str) -> Result<Value, String> {
    Value::new(text).map_err(|error| error.to_string())
}

/// The list behind the long help.
fn exit_codes() -> String {
    let mut lines = vec!["Exit codes:".to_owned(), "    0  done".to_owned()];
    lines.extend(
        Class::ALL
            .iter()
            .map(|(class, _, meaning)| format!("  {:>3}  {meaning}", class.exit_code())),
    );
    lines.push(String::new());
    lines.push("The key may also come from the environment, BLOCK_CHAIN_WORKER_KEY, as 64 hexadecimal digits.".to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn each_command_can_be_typed_with_dashes_too() {
        let names: Vec<_> = Arguments::command()
            .get_subcommands()
            .map(|command| command.get_name().to_owned())
            .collect();
        for name in names.iter().filter(|name| name.contains('_')) {
            let dashed = name.replace('_', "-");
            let command = Arguments::command();
            let found = command.find_subcommand(&dashed);
            assert_eq!(found.map(clap::Command::get_name), Some(name.as_str()));
        }
    }
}
