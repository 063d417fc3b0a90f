//! A network whose blocks cost nothing to find, and a miner of whole chains.

use shared::block::{Block, Seal, SealedHeader};
use shared::chain::{Chain, Checkpoint};
use shared::difficulty::Target;
use shared::encoding::Text;
use shared::hash::{NetworkId, Tag};
use shared::keys::SecretKey;
use shared::network::{Admission, Consensus, NetworkParameters, Work};
use shared::transaction::{Action, Expect, SignedTransaction, Transaction, Verified};

const CREATED_AT_MS: u64 = 1_700_000_000_000;
const SPACING_MS: u64 = 1_000;
/// A clock before which every timestamp lies.
pub(super) const LATE_MS: u64 = CREATED_AT_MS + 1_000_000 * SPACING_MS;
/// One in two hashes meets it.
const EASIEST_BITS: u32 = 0x207f_ffff;
const SENDERS: usize = 50;
/// Keys that are written again and again.
const KEYS: u64 = 1_000;

pub(super) fn network() -> NetworkParameters {
    NetworkParameters {
        name: Text::truncated("bench"),
        consensus: Consensus::Work(Work {
            spacing_ms: SPACING_MS,
            first_bits: EASIEST_BITS,
            easiest_bits: EASIEST_BITS,
        }),
        admission: Admission::Open,
        created_at_ms: CREATED_AT_MS,
        salt: [7; 16],
        relay: SecretKey::from_seed(&[200; 32]).public_key(),
        block_reward: 50,
        transaction_work_bits: 0,
        state_bytes_per_account_max: u64::MAX,
        forced_changes_allowed: true,
    }
}

/// Mines a chain for itself.
pub(super) struct Miner {
    pub(super) chain: Chain,
    id: NetworkId,
    senders: [(SecretKey, u64); SENDERS],
    sent: u64,
}

impl Miner {
    pub(super) fn new() -> Self {
        let chain = Chain::new(network());
        Self {
            id: chain.network_id(),
            chain,
            senders: core::array::from_fn(|number| {
                let seed = Tag::HISTORY.hash(&[&number.to_le_bytes()]).0;
                (SecretKey::from_seed(&seed), 0)
            }),
            sent: 0,
        }
    }

    /// Mines a block of new transactions, and decides it.
    pub(super) fn mine(&mut self, transactions: usize) -> Block {
        let block = self.draft(transactions);
        self.deliver(&block, true);
        self.settle();
        block
    }

    /// A valid block upon the tip that is not put there.
    pub(super) fn draft(&mut self, transactions: usize) -> Block {
        let signed: Vec<_> = (0..transactions)
            .map(|_| Verified::trusted(self.transaction()))
            .collect();
        let timestamp_ms = CREATED_AT_MS + (self.chain.height() + 1) * SPACING_MS;
        let producer = SecretKey::from_seed(&[100; 32]).public_key();
        let (mut header, body) = match self.chain.template(producer, timestamp_ms, &signed) {
            Ok(template) => template,
            Err(_) => (
                self.chain.network().genesis(),
                shared::block::Body::default(),
            ),
        };
        if let Ok(target) = Target::from_compact(header.bits) {
            while !target.is_met_by(&header.hash()) {
                header.nonce += 1;
            }
        }
        let sealed = SealedHeader {
            header,
            seal: Seal::Work,
        };
        Block { sealed, body }
    }

    /// Puts a block upon the tip. Signatures are believed where `is_trusted`.
    pub(super) fn deliver(&mut self, block: &Block, is_trusted: bool) {
        let hash = block.sealed.header.hash();
        // What is refused is missing at the end.
        let _ = self.chain.insert_header(&block.sealed, LATE_MS);
        let _ = self.chain.insert_body(&hash, block.body.clone());
        self.chain.advance(&|_| is_trusted);
    }

    /// Decides the tip.
    pub(super) fn settle(&mut self) {
        let tip = self.chain.tip();
        self.chain.decide(Checkpoint {
            height: tip.height,
            hash: tip.hash,
        });
        self.chain.advance(&|_| true);
    }

    fn transaction(&mut self) -> SignedTransaction {
        self.sent += 1;
        self.senders.rotate_left(1);
        let (secret, sequence) = &mut self.senders[0];
        let transaction = Transaction {
            network: self.id,
            sender: secret.public_key(),
            sequence: *sequence,
            valid_until: None,
            action: Action::Put {
                key: Text::truncated(&format!("key {}", self.sent % KEYS)),
                value: Text::truncated(&format!("the value of transaction {}", self.sent)),
                expect: Expect::Anything,
            },
            work: 0,
        };
        *sequence += 1;
        SignedTransaction {
            signature: secret.sign(&transaction.statement()),
            transaction,
        }
    }
}
