//! What the tests share: a network where mining is cheap, keys, transactions, chains.

use proptest::prelude::ProptestConfig;
use shared::block::{Block, Body, Header, Seal, SealedHeader};
use shared::chain::{Chain, Changes};
use shared::difficulty::Target;
use shared::encoding::Text;
use shared::hash::{BlockHash, NetworkId};
use shared::keys::{PublicKey, SecretKey};
use shared::network::{Admission, Consensus, NetworkParameters, Work};
use shared::state::State;
use shared::transaction::{Action, Expect, SignedTransaction, Transaction, Verified};

/// When the test network was created.
pub(crate) const CREATED_AT_MS: u64 = 1_700_000_000_000;
/// Its spacing.
pub(crate) const SPACING_MS: u64 = 1_000;
/// A clock before which every timestamp of a test lies.
pub(crate) const LATE_MS: u64 = CREATED_AT_MS + 1_000_000_000;
/// One in eight hashes meets this target.
pub(crate) const FIRST_BITS: u32 = 0x201f_ffff;
/// One in two hashes meets this target.
pub(crate) const EASIEST_BITS: u32 = 0x207f_ffff;
/// What a block's producer is credited.
pub(crate) const REWARD: u64 = 50;

/// Properties are tried with this many inputs; fewer on wasm32, which is slow without optimisation.
pub(crate) fn cases(native: u32) -> ProptestConfig {
    let wasm = native.div_ceil(8);
    ProptestConfig {
        cases: if cfg!(target_arch = "wasm32") {
            wasm
        } else {
            native
        },
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

pub(crate) fn secret(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

pub(crate) fn public(number: u8) -> PublicKey {
    secret(number).public_key()
}

pub(crate) fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::new(text).unwrap()
}

pub(crate) fn network() -> NetworkParameters {
    NetworkParameters {
        name: text("test"),
        consensus: Consensus::Work(Work {
            spacing_ms: SPACING_MS,
            first_bits: FIRST_BITS,
            easiest_bits: EASIEST_BITS,
        }),
        admission: Admission::Open,
        created_at_ms: CREATED_AT_MS,
        salt: [7; 16],
        relay: public(200),
        block_reward: REWARD,
        transaction_work_bits: 0,
        state_bytes_per_account_max: 1_000,
        forced_changes_allowed: true,
    }
}

pub(crate) fn transaction(
    network: NetworkId,
    sender: u8,
    sequence: u64,
    action: Action,
) -> Transaction {
    Transaction {
        network,
        sender: public(sender),
        sequence,
        valid_until: None,
        action,
        work: 0,
    }
}

pub(crate) fn sign(sender: u8, transaction: Transaction) -> SignedTransaction {
    SignedTransaction {
        signature: secret(sender).sign(&transaction.statement()),
        transaction,
    }
}

pub(crate) fn put(sender: u8, sequence: u64, key: &str, value: &str) -> SignedTransaction {
    let action = Action::Put {
        key: text(key),
        value: text(value),
        expect: Expect::Anything,
    };
    sign(
        sender,
        transaction(network().id(), sender, sequence, action),
    )
}

/// A chain that mines its own blocks, to get whole blocks for other chains.
pub(crate) struct Builder {
    pub(crate) chain: Chain,
    pub(crate) blocks: Vec<Block>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self::on(&[])
    }

    /// A chain that stands on these blocks.
    pub(crate) fn on(blocks: &[Block]) -> Self {
        let mut builder = Self {
            chain: Chain::new(network()),
            blocks: Vec::new(),
        };
        for block in blocks {
            builder.push(block.clone());
        }
        builder
    }

    /// Mines a block one spacing after the last.
    pub(crate) fn mine(&mut self, producer: u8, transactions: &[SignedTransaction]) -> Block {
        let last_ms = self
            .chain
            .header(self.chain.height())
            .unwrap()
            .header
            .timestamp_ms;
        self.mine_at(producer, last_ms + SPACING_MS, transactions)
    }

    pub(crate) fn mine_at(
        &mut self,
        producer: u8,
        timestamp_ms: u64,
        transactions: &[SignedTransaction],
    ) -> Block {
        let block = self.draft(producer, timestamp_ms, transactions);
        self.push(block.clone());
        block
    }

    /// A valid block upon the tip that is not put there.
    pub(crate) fn draft(
        &mut self,
        producer: u8,
        timestamp_ms: u64,
        transactions: &[SignedTransaction],
    ) -> Block {
        let verified: Vec<_> = transactions
            .iter()
            .cloned()
            .map(Verified::trusted)
            .collect();
        let (header, body) = self
            .chain
            .template(public(producer), timestamp_ms, &verified)
            .unwrap();
        block(header, body)
    }

    fn push(&mut self, block: Block) {
        let changes = deliver(&mut self.chain, &block);
        assert!(changes.condemned.is_empty(), "{:?}", changes.condemned);
        assert_eq!(self.chain.tip().hash, block.sealed.header.hash());
        self.blocks.push(block);
    }
}

/// A block of this body whose header says so and has done its work.
pub(crate) fn block(mut header: Header, body: Body) -> Block {
    header.tx_root = body.root();
    Block {
        sealed: seal(header),
        body,
    }
}

/// The header with a nonce that meets its target.
pub(crate) fn seal(mut header: Header) -> SealedHeader {
    let target = Target::from_compact(header.bits).unwrap();
    while !target.is_met_by(&header.hash()) {
        header.nonce += 1;
    }
    SealedHeader {
        header,
        seal: Seal::Work,
    }
}

pub(crate) fn hash_of(block: &Block) -> BlockHash {
    block.sealed.header.hash()
}

/// Hands a whole block to a chain and lets it follow.
pub(crate) fn deliver(chain: &mut Chain, block: &Block) -> Changes {
    chain.insert_header(&block.sealed, LATE_MS).unwrap();
    chain
        .insert_body(&hash_of(block), block.body.clone())
        .unwrap();
    advance(chain)
}

/// Lets a chain follow its best header; it verifies every signature itself.
pub(crate) fn advance(chain: &mut Chain) -> Changes {
    chain.advance(&|_| false)
}

/// A state of the same entries as a chain's, whose root may be asked for.
pub(crate) fn state_of(chain: &Chain) -> State {
    State::from_entries(chain.state().entries().cloned())
}

pub(crate) fn unhex(digits: &str) -> Vec<u8> {
    assert!(
        digits.len().is_multiple_of(2),
        "{digits} has an odd number of digits"
    );
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}
