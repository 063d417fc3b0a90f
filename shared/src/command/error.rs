//! Why a command was not done.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::chain_file::ChainFileError;
use crate::receipt::{NoReceipt, ReceiptError};
use crate::transaction::TransactionError;

/// Why a command was not done.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
pub enum CommandError {
    /// The key is empty.
    #[error("the key is empty: enter one")]
    EmptyKey,
    /// The transaction would not be valid.
    #[error("the transaction is not valid: {0}")]
    Invalid(#[from] TransactionError),
    /// The mempool is full.
    #[error("the pool of pending transactions is full: wait for the next block and try again")]
    MempoolFull,
    /// No network is known yet.
    #[error("no network is known yet: connect to a relay first")]
    NoNetwork,
    /// It needs a connection.
    #[error("there is no connection to the relay: try again when it is back")]
    NotConnected,
    /// Nothing is final yet, so there is nothing to compare with.
    #[error("no block is final yet: mine one and let the members decide it first")]
    NothingFinal,
    /// No leader is there to lead the check.
    #[error("no member leads at the moment: try again in a few seconds")]
    NoLeader,
    /// There is no such block.
    #[error("there is no block at height {0}")]
    NoBlock(u64),
    /// There is no receipt.
    #[error(transparent)]
    NoReceipt(NoReceipt),
    /// A file is not what it should be.
    #[error("the file was refused: {reason}")]
    File {
        /// What for, as pages have a sentence for it.
        fault: FileFault,
        /// What for in full.
        reason: String,
    },
    /// A part of a file came, and nobody had begun to read it.
    #[error("the import was not begun")]
    NotBegun,
    /// The storage did not do its part.
    #[error("the storage failed: {0}")]
    Storage(String),
}

/// What a file was refused for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum FileFault {
    /// It is something else.
    Kind,
    /// It is of a version that this program does not know.
    Version,
    /// It is of another network.
    Network,
    /// Its end is missing.
    Truncated,
    /// Its bytes are not those that were written, or what they say does not verify.
    Invalid,
}

impl From<ChainFileError> for CommandError {
    fn from(error: ChainFileError) -> Self {
        let fault = match error {
            ChainFileError::Magic => FileFault::Kind,
            ChainFileError::Version(_) => FileFault::Version,
            ChainFileError::Network { .. } => FileFault::Network,
            ChainFileError::Truncated { .. } => FileFault::Truncated,
            _ => FileFault::Invalid,
        };
        let reason = error.to_string();
        Self::File { fault, reason }
    }
}

impl From<ReceiptError> for CommandError {
    fn from(error: ReceiptError) -> Self {
        let fault = match error {
            ReceiptError::Magic => FileFault::Kind,
            ReceiptError::Version(_) => FileFault::Version,
            _ => FileFault::Invalid,
        };
        let reason = error.to_string();
        Self::File { fault, reason }
    }
}
