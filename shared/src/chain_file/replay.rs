//! A chain replayed from its first block, by the code that verifies a stranger's blocks.

use borsh::{BorshDeserialize, BorshSerialize};

use super::{ChainFileError, Item, Reader};
use crate::block::Block;
use crate::chain::{Chain, Changes, Checkpoint};
use crate::finality::LogEntry;
use crate::finality::log::{Appended, DecisionLog};
use crate::hash::{BlockHash, Hash, NetworkId};
use crate::network::NetworkParameters;

/// A chain and its log, verified from the first block on.
#[derive(Debug)]
pub struct Replay {
    chain: Chain,
    log: DecisionLog,
    transactions: u64,
}

/// What was verified.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct VerifiedChain {
    /// The network.
    pub network: NetworkId,
    /// Its name.
    pub name: String,
    /// Height of the last block.
    pub height: u64,
    /// The last block.
    pub tip: BlockHash,
    /// Number of transactions.
    pub transactions: u64,
    /// Height of the last final block.
    pub final_height: u64,
    /// Root of the state after the last block.
    pub state_root: Hash,
    /// Entries of the decision log.
    pub log_length: u64,
    /// The log's fingerprint.
    pub log_head: Hash,
    /// How often the relay replaced the roster after the first.
    pub forced_changes: u64,
}

impl Replay {
    /// The chain that has only its genesis block.
    pub fn new(network: NetworkParameters) -> Result<Self, ChainFileError> {
        network.check()?;
        Ok(Self {
            log: DecisionLog::new(&network),
            chain: Chain::new(network),
            transactions: 0,
        })
    }

    /// Verifies the next entry of the log.
    pub fn entry(&mut self, entry: &LogEntry) -> Result<(), ChainFileError> {
        if let Appended::Decided { height, block, .. } = self.log.append(entry)? {
            let hash = block;
            if self.chain.hash_at(height).is_some_and(|own| own != hash) {
                return Err(ChainFileError::Aside(height));
            }
            self.chain.decide(Checkpoint { height, hash });
        }
        Ok(())
    }

    /// Verifies the next block, and says what to write for it.
    pub fn block(&mut self, block: Block, now_ms: u64) -> Result<Changes, ChainFileError> {
        let header = &block.sealed.header;
        let (height, hash) = (header.height, header.hash());
        self.chain
            .insert_header(&block.sealed, now_ms)
            .map_err(|error| ChainFileError::Header { height, error })?;
        self.chain
            .insert_body(&hash, block.body)
            .map_err(|error| ChainFileError::Body { height, error })?;
        let mut changes = self.chain.advance(&|_| false);
        if let Some((_, error)) = changes.condemned.pop() {
            return Err(ChainFileError::Block { height, error });
        }
        let decided = self.chain.decided();
        let is_aside = self.chain.tip().hash != hash
            || height == decided.height && hash != decided.hash
            || changes.applied.len() != 1;
        if is_aside {
            return Err(ChainFileError::Aside(height));
        }
        let applied = changes.applied.iter().map(|(_, _, count)| *count);
        self.transactions += applied.map(crate::chain::height_of).sum::<u64>();
        Ok(changes)
    }

    /// The chain so far.
    #[must_use]
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// The log so far.
    #[must_use]
    pub fn log(&self) -> &DecisionLog {
        &self.log
    }

    /// What was verified so far.
    #[must_use]
    pub fn verified(&self) -> VerifiedChain {
        let chain = &self.chain;
        let tip = chain.tip();
        VerifiedChain {
            network: chain.network_id(),
            name: chain.network().name.to_string(),
            height: tip.height,
            tip: tip.hash,
            transactions: self.transactions,
            final_height: chain.final_height(),
            state_root: chain
                .header(tip.height)
                .map(|sealed| sealed.header.state_root)
                .unwrap_or_default(),
            log_length: self.log.length(),
            log_head: self.log.head(),
            forced_changes: self.log.forced_changes(),
        }
    }
}

/// Verifies a chain file as its bytes come, from the first block to the last.
#[derive(Debug)]
pub struct Verifier {
    expected: Option<NetworkId>,
    reader: Reader,
    replay: Option<Replay>,
}

impl Verifier {
    /// Expects a file of this network, or of any.
    #[must_use]
    pub fn new(expected: Option<NetworkId>) -> Self {
        Self {
            expected,
            reader: Reader::default(),
            replay: None,
        }
    }

    /// Verifies the next bytes of the file. After an error nothing more may be fed.
    pub fn feed(&mut self, bytes: &[u8], now_ms: u64) -> Result<(), ChainFileError> {
        self.reader.feed(bytes);
        while let Some(item) = self.reader.next_item()? {
            match (item, &mut self.replay) {
                (Item::Network(network), _) => {
                    check_network(self.expected, &network)?;
                    self.replay = Some(Replay::new(*network)?);
                }
                (Item::Entry(entry), Some(replay)) => replay.entry(&entry)?,
                (Item::Block(block), Some(replay)) => {
                    replay.block(*block, now_ms)?;
                }
                // The reader gives the network before all else.
                (_, None) => return Err(ChainFileError::Magic),
            }
        }
        Ok(())
    }

    /// What the whole file holds: called when there are no more bytes.
    pub fn finish(&self) -> Result<VerifiedChain, ChainFileError> {
        self.reader.finish()?;
        let replay = self.replay.as_ref().ok_or(ChainFileError::Magic)?;
        let decided = replay.chain.decided();
        if replay.chain.final_height() < decided.height {
            return Err(ChainFileError::Aside(decided.height));
        }
        Ok(replay.verified())
    }
}

/// Whether the file's network is the expected one.
pub(crate) fn check_network(
    expected: Option<NetworkId>,
    network: &NetworkParameters,
) -> Result<(), ChainFileError> {
    let came = network.id();
    match expected.filter(|expected| *expected != came) {
        Some(expected) => Err(ChainFileError::Network { expected, came }),
        None => Ok(()),
    }
}
