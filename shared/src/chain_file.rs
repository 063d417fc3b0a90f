//! A chain in a file: a network's parameters, its blocks and its decision log, for export, import
//! and archives. Written and read in pieces, so that no more than a record is held in memory.
//!
//! Entries of the log stand before the blocks that they decide: whoever reads the file knows how
//! far it may go before it goes there, as in synchronisation.

use sha2::{Digest, Sha256};

use crate::block::Block;
use crate::chain::{BlockError, BodyError, HeaderError};
use crate::encoding::{decode, encode};
use crate::finality::LogEntry;
use crate::finality::log::LogError;
use crate::hash::{Hash, NetworkId};
use crate::limits::CHAIN_FILE_RECORD_BYTES_MAX;
use crate::network::{NetworkParameters, ParametersError};

mod export;
mod replay;

pub(crate) use export::{Export, ExportStep};
pub(crate) use replay::check_network;
pub use replay::{Replay, VerifiedChain, Verifier};

/// What a chain file begins with.
const MAGIC: &[u8; 14] = b"tabchain-chain";
/// The version of the format, the byte after it.
const VERSION: u8 = 1;
/// Bytes of magic and version.
const HEAD_BYTES: usize = MAGIC.len() + 1;
/// Bytes before a record's content: its kind and its length.
const RECORD_HEAD_BYTES: usize = 5;

/// What a record holds: its first byte.
const NETWORK: u8 = 1;
const ENTRY: u8 = 2;
const BLOCK: u8 = 3;
const END: u8 = 4;

/// A part of a chain file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// The network's parameters: the first record.
    Network(Box<NetworkParameters>),
    /// An entry of the decision log; they come in order.
    Entry(Box<LogEntry>),
    /// A block; they come in order, from height 1.
    Block(Box<Block>),
}

/// A chain file that was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFileError {
    /// The bytes are something else.
    #[error("this is no chain file: it does not begin with `tabchain-chain`")]
    Magic,
    /// It is of another version.
    #[error(
        "chain files of version {VERSION} are understood here, this one has version {0}: use a newer program"
    )]
    Version(u8),
    /// It is of another network.
    #[error("the file is of network {came}, this replica is of {expected}")]
    Network {
        /// The replica's network.
        expected: NetworkId,
        /// The file's.
        came: NetworkId,
    },
    /// Its end is missing.
    #[error("the file ends after block {blocks}, in the middle: it was cut off")]
    Truncated {
        /// Whole blocks that were read.
        blocks: u64,
    },
    /// A record is of no known kind, too long, out of order, or does not decode.
    #[error("the record after block {blocks} and log entry {entries} is damaged: {reason}")]
    Record {
        /// Blocks before it.
        blocks: u64,
        /// Log entries before it.
        entries: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The sum at the end is another one.
    #[error("the file was altered: its bytes have hash {came}, its end says {expected}")]
    Altered {
        /// What the end says.
        expected: Hash,
        /// Over the bytes.
        came: Hash,
    },
    /// Its network cannot exist.
    #[error(transparent)]
    Parameters(#[from] ParametersError),
    /// An entry does not continue the log.
    #[error("the decision log: {0}")]
    Log(#[from] LogError),
    /// A block's header is not acceptable.
    #[error("block {height}: {error}")]
    Header {
        /// The block's height.
        height: u64,
        /// Why not.
        error: HeaderError,
    },
    /// A block's body is not its header's.
    #[error("block {height}: {error}")]
    Body {
        /// The block's height.
        height: u64,
        /// Why not.
        error: BodyError,
    },
    /// A block is not valid.
    #[error("block {height}: {error}")]
    Block {
        /// The block's height.
        height: u64,
        /// Why not.
        error: BlockError,
    },
    /// A block is not the one that was decided at its height, or not the next of one chain.
    #[error("block {0} is not on the chain that the log decides")]
    Aside(u64),
}

/// Writes a chain file, record by record.
#[derive(Clone, Debug)]
pub struct Writer {
    hasher: Sha256,
    blocks: u64,
    entries: u64,
}

impl Writer {
    /// Begins a file of this network.
    #[must_use]
    pub fn new(network: &NetworkParameters, out: &mut Vec<u8>) -> Self {
        let mut writer = Self {
            hasher: Sha256::new(),
            blocks: 0,
            entries: 0,
        };
        let start = out.len();
        out.extend_from_slice(MAGIC);
        out.push(VERSION);
        writer.hasher.update(out.get(start..).unwrap_or_default());
        writer.record(NETWORK, &encode(network), out);
        writer
    }

    /// Adds the next entry of the log.
    pub fn entry(&mut self, entry: &LogEntry, out: &mut Vec<u8>) {
        self.entries += 1;
        self.record(ENTRY, &encode(entry), out);
    }

    /// Adds the next block.
    pub fn block(&mut self, block: &Block, out: &mut Vec<u8>) {
        self.blocks += 1;
        self.record(BLOCK, &encode(block), out);
    }

    /// Ends the file.
    pub fn end(mut self, out: &mut Vec<u8>) {
        let sum = self.hasher.finalize_reset().into();
        let content = encode(&(self.blocks, self.entries, Hash(sum)));
        self.record(END, &content, out);
    }

    fn record(&mut self, kind: u8, content: &[u8], out: &mut Vec<u8>) {
        let start = out.len();
        out.push(kind);
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(content);
        self.hasher.update(out.get(start..).unwrap_or_default());
    }
}

/// Reads a chain file as its bytes come. It judges the form only: [`Verifier`] judges the chain.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    /// Bytes that are not read yet begin at `start`.
    buffer: Vec<u8>,
    start: usize,
    hasher: Sha256,
    stage: Stage,
    blocks: u64,
    entries: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Head,
    Network,
    Records,
    Ended,
}

impl Reader {
    /// Takes the next bytes of the file. Read the items before feeding more: what is not read is
    /// kept.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next item; nothing where more bytes are needed, or the file has ended.
    pub fn next_item(&mut self) -> Result<Option<Item>, ChainFileError> {
        if self.stage == Stage::Head && !self.read_head()? {
            return Ok(None);
        }
        let rest = self.buffer.get(self.start..).unwrap_or_default();
        if self.stage == Stage::Ended {
            return match rest {
                [] => Ok(None),
                _ => Err(self.damaged("bytes follow after the end")),
            };
        }
        let Some((head, rest)) = rest.split_first_chunk::<RECORD_HEAD_BYTES>() else {
            return Ok(None);
        };
        let [kind, length @ ..] = *head;
        let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
        if length > CHAIN_FILE_RECORD_BYTES_MAX {
            return Err(self.damaged("it is too long"));
        }
        let Some(content) = rest.get(..length) else {
            return Ok(None);
        };
        let item = self.item(kind, content)?;
        let end = self.start + RECORD_HEAD_BYTES + length;
        let record = self.buffer.get(self.start..end).unwrap_or_default();
        self.hasher.update(record);
        self.start = end;
        match &item {
            Some(Item::Network(_)) => self.stage = Stage::Records,
            Some(Item::Entry(_)) => self.entries += 1,
            Some(Item::Block(_)) => self.blocks += 1,
            None => {
                self.stage = Stage::Ended;
                return self.next_item();
            }
        }
        Ok(item)
    }

    /// Whether the file was whole: called when there are no more bytes.
    pub fn finish(&self) -> Result<(), ChainFileError> {
        match self.stage {
            Stage::Ended => Ok(()),
            Stage::Head => Err(ChainFileError::Magic),
            Stage::Network | Stage::Records => Err(ChainFileError::Truncated {
                blocks: self.blocks,
            }),
        }
    }

    fn read_head(&mut self) -> Result<bool, ChainFileError> {
        let seen = self.buffer.get(..HEAD_BYTES.min(self.buffer.len()));
        let seen = seen.unwrap_or_default();
        if !seen.iter().zip(MAGIC).all(|(seen, magic)| seen == magic) {
            return Err(ChainFileError::Magic);
        }
        match seen.get(MAGIC.len()) {
            None => return Ok(false),
            Some(&VERSION) => {}
            Some(version) => return Err(ChainFileError::Version(*version)),
        }
        self.hasher.update(seen);
        self.start = HEAD_BYTES;
        self.stage = Stage::Network;
        Ok(true)
    }

    fn item(&self, kind: u8, content: &[u8]) -> Result<Option<Item>, ChainFileError> {
        let wrong = |error: crate::encoding::DecodeError| self.damaged(&error.to_string());
        match (self.stage, kind) {
            (Stage::Network, NETWORK) => {
                let network = decode("network", content).map_err(wrong)?;
                Ok(Some(Item::Network(Box::new(network))))
            }
            (Stage::Records, ENTRY) => {
                let entry = decode("log entry", content).map_err(wrong)?;
                Ok(Some(Item::Entry(Box::new(entry))))
            }
            (Stage::Records, BLOCK) => {
                let block = decode("block", content).map_err(wrong)?;
                Ok(Some(Item::Block(Box::new(block))))
            }
            (Stage::Records, END) => {
                let (blocks, entries, expected) = decode("end", content).map_err(wrong)?;
                let came = Hash(self.hasher.clone().finalize().into());
                if came != expected {
                    Err(ChainFileError::Altered { expected, came })
                } else if (blocks, entries) != (self.blocks, self.entries) {
                    Err(self.damaged("its numbers of blocks and log entries are others"))
                } else {
                    Ok(None)
                }
            }
            _ => Err(self.damaged("its kind is not expected here")),
        }
    }

    fn damaged(&self, reason: &str) -> ChainFileError {
        ChainFileError::Record {
            blocks: self.blocks,
            entries: self.entries,
            reason: reason.to_owned(),
        }
    }
}
