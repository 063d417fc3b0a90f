//! What page, node worker and miner workers say to each other: borsh-encoded, one value a message.
//!
//! A worker's first message is its `Hello`: it listens from now on, and messages that came before would
//! be lost. It names the worker's build, since a browser may have an older file cached.

use borsh::{BorshDeserialize, BorshSerialize};
use shared::node::interface::{Answer, Command, MiningWork, View};

/// Page to node worker.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ToNode {
    /// Begin: the first message.
    Begin {
        /// Which tab this is.
        tab: Tab,
        /// The network that the page's address names; nothing means the relay's default one.
        network: Option<String>,
    },
    /// Something that the user wants; answered under the same number.
    Command(u64, Command),
    /// The page became visible or hidden.
    Visible(bool),
    /// The browser is about to stop the page and its workers, as it does with hidden tabs.
    Frozen,
    /// The browser is back online, the page was resumed from a freeze, or the device woke up.
    Woken,
    /// How to mine.
    Miners(MinerSettings),
    /// Make another key for this tab, from its next start on; answered by its backup.
    NewKey {
        /// What opens the backup.
        passphrase: String,
    },
    /// Take the key out of a backup for this tab, from its next start on.
    RestoreKey {
        /// The backup.
        file: Vec<u8>,
        /// What opens it.
        passphrase: String,
    },
}

/// Node worker to page.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum FromNode {
    /// The worker listens: its first message.
    Hello {
        /// The worker's build.
        build: String,
    },
    /// What the node runs on: sent once after the start and when it changes.
    Environment(Environment),
    /// The node as it is now: at most 20 times a second.
    View(Box<View>),
    /// What came of a command.
    Answer(u64, Answer),
    /// What came of [`ToNode::NewKey`], with its file, or of [`ToNode::RestoreKey`].
    Key(Result<Option<Vec<u8>>, KeyError>),
    /// The node cannot go on.
    Fatal(Fatal),
}

/// Why there is no other key.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum KeyError {
    /// This browser, or an insecure context, has no Ed25519, or nothing to keep a key in.
    Unsupported,
    /// The file is something else.
    NoKeyFile,
    /// The passphrase is another one, or the file was altered.
    WrongPassphrase,
    /// The browser did not do its part.
    Browser(String),
}

/// Which tab this is, among the tabs of this browser. A reload keeps it; a duplicated tab begins
/// with the same, so it is a claim and no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Tab {
    /// A random number that the tab keeps.
    pub token: u64,
    /// The slot that it had before the reload.
    pub slot: Option<u32>,
}

/// How to mine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct MinerSettings {
    /// Number of miner workers.
    pub workers: u32,
    /// Share of the time in which each of them works, in percent, 10 to 100.
    pub duty_percent: u32,
}

/// What a node runs on, with the fallbacks that it had to take.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Environment {
    /// The slot of this tab among the tabs of this browser, from 0.
    pub slot: u32,
    /// Who holds the key.
    pub identity: Identity,
    /// Where the replica is.
    pub storage: Storage,
    /// How slots are kept apart.
    pub slots: Slots,
    /// Whether the browser promised not to evict the storage.
    pub is_persistent: bool,
    /// Bytes used and allowed, where the browser tells.
    pub quota: Option<(u64, u64)>,
    /// Logical cores, as the browser tells.
    pub cores: u32,
    /// Present settings of the miners.
    pub miners: MinerSettings,
    /// How the miners hash.
    pub kernel: Kernel,
}

/// Who holds the node's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Identity {
    /// WebCrypto; it cannot be read out.
    WebCrypto,
    /// This program, in its own storage: insecure context, or a browser without Ed25519.
    Wasm,
}

/// Where the replica is.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Storage {
    /// In IndexedDB.
    IndexedDb,
    /// In memory only, since IndexedDB refused: it is lost when the tab closes.
    Memory {
        /// What the browser said.
        reason: String,
    },
}

/// How the slots of several tabs are kept apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Slots {
    /// By Web Locks.
    WebLocks,
    /// By leases in the storage: insecure context, or an older browser.
    Leases,
}

/// How miners hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Kernel {
    /// Four nonces at a time in 128-bit lanes.
    Simd,
    /// One at a time: the browser's wasm has no SIMD.
    Scalar,
}

/// Why a node cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Fatal {
    /// Page and worker are of different builds: reload, and if that does not help empty the cache.
    Build {
        /// The page's build.
        page: String,
        /// The worker's build.
        worker: String,
    },
    /// The storage is full.
    StorageFull,
    /// The storage failed otherwise.
    Storage {
        /// What it said.
        reason: String,
    },
    /// The tab's key is stored, and the browser cannot use it.
    Key,
    /// The worker crashed; it was started again.
    Crashed {
        /// What it said.
        reason: String,
    },
    /// A miner crashed or never answered; it is started again, and the node itself goes on.
    Miner {
        /// What it said.
        reason: String,
    },
}

/// Node worker to miner worker.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum ToMiner {
    /// Search, from this nonce on, every `stride`-th range.
    Search {
        /// What to search.
        work: Box<MiningWork>,
        /// The miner's index among all.
        index: u32,
        /// Number of all miners.
        count: u32,
        /// Share of the time to work, in percent.
        duty_percent: u32,
    },
    /// Search no more.
    Stop,
}

/// Miner worker to node worker.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum FromMiner {
    /// The miner listens: its first message.
    Hello {
        /// The miner's build.
        build: String,
        /// How it hashes.
        kernel: Kernel,
    },
    /// A nonce was found.
    Found {
        /// The work's number.
        work: u64,
        /// The header's version that it goes with.
        version: u32,
        /// The nonce.
        nonce: u64,
    },
    /// Hashes tried since the last report, and the time that they took.
    Hashed {
        /// Hashes.
        hashes: u64,
        /// Milliseconds since the last report.
        elapsed_ms: u32,
    },
}
