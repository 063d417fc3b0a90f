//! Blocks: the header that is hashed, the seal that goes with it, and the body that it commits to.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::encoding::{List, encode};
use crate::hash::{BlockHash, Hash, NetworkId, Tag};
use crate::keys::{PublicKey, Signature, SignatureError};
use crate::limits::BLOCK_TRANSACTIONS_MAX;
use crate::merkle;
use crate::transaction::{Outcome, SignedTransaction};

/// A block's header: 160 bytes, little-endian.
///
/// Behind its 20-byte tag it fills, with the padding, three SHA-256 blocks exactly; the nonce
/// is words 11 and 12 of the last one, so that an attempt costs one compression. The version is in
/// the first: headers that differ there alone share the last one's schedule.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Header {
    /// The low half is the version of the rules. The high half is the miner's to choose, like the
    /// nonce, and 0 where the proof is stake.
    pub version: u32,
    /// Distance from the genesis block.
    pub height: u64,
    /// When the producer says that it was made, milliseconds since 1970 UTC.
    pub timestamp_ms: u64,
    /// The hash of the block before.
    pub previous: BlockHash,
    /// Root over the number of transactions, the transactions and their outcomes (RFC 6962).
    pub tx_root: Hash,
    /// Root of the state after this block.
    pub state_root: Hash,
    /// Who made it and is rewarded.
    pub producer: PublicKey,
    /// The target, in compact form.
    pub bits: u32,
    /// Chosen so that the hash meets the target.
    pub nonce: u64,
}

impl Header {
    /// The version of the rules that this code implements.
    pub const VERSION: u32 = 1;
    /// Bits of `version` that are the version of the rules; above are the miner's.
    pub const VERSION_BITS: u32 = 16;
    /// Encoded length in bytes.
    pub const BYTES: usize = 160;

    /// The version of the rules.
    #[must_use]
    pub fn rules(&self) -> u32 {
        self.version & ((1 << Self::VERSION_BITS) - 1)
    }

    /// The hash that names the block.
    #[must_use]
    pub fn hash(&self) -> BlockHash {
        BlockHash(Tag::HEADER.hash_encoded(self).0)
    }

    /// The canonical bytes.
    #[must_use]
    pub fn encoded(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        for (to, from) in bytes.iter_mut().zip(encode(self)) {
            *to = from;
        }
        bytes
    }
}

/// What a kind of consensus needs beside the header to accept it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Seal {
    /// Proof of work: the header's own hash is the proof.
    Work,
    /// Proof of stake: the producer's signature over the network's id and the header's hash.
    Stake(Signature),
}

/// A header with its seal: what travels in header-first synchronisation.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SealedHeader {
    /// The header.
    pub header: Header,
    /// Its seal.
    pub seal: Seal,
}

impl SealedHeader {
    /// What a producer signs where the proof is stake. It names the network, so that one key's
    /// blocks in two networks prove nothing against it.
    #[must_use]
    pub fn statement(network: &NetworkId, hash: &BlockHash) -> Vec<u8> {
        Tag::SEAL.statement(&(network, hash))
    }

    /// Whether the seal is its producer's signature for this network.
    pub fn verify_signature(&self, network: &NetworkId) -> Result<(), SignatureError> {
        let producer = &self.header.producer;
        match &self.seal {
            Seal::Stake(signature) => {
                let statement = Self::statement(network, &self.header.hash());
                producer.verify(&statement, signature)
            }
            Seal::Work => Err(SignatureError::Signature(*producer)),
        }
    }
}

/// The outcomes of a block's transactions.
pub type Outcomes = List<Outcome, BLOCK_TRANSACTIONS_MAX>;

/// The transactions of a block and what each of them did.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Body {
    /// The transactions, in the order of execution.
    pub transactions: List<SignedTransaction, BLOCK_TRANSACTIONS_MAX>,
    /// As many outcomes, in the same order.
    pub outcomes: Outcomes,
}

impl Body {
    /// How many transactions an encoded body has, by its first bytes: a list begins with its
    /// length. Nothing where these are no beginning of a body.
    #[must_use]
    pub fn count_in(encoded: &[u8]) -> Option<u32> {
        let count = u32::from_le_bytes(*encoded.first_chunk()?);
        let max = u32::try_from(BLOCK_TRANSACTIONS_MAX).ok()?;
        (count <= max).then_some(count)
    }

    /// The tree under the header's `tx_root`: leaf 0 is the block record with the number of
    /// transactions, without which one path would prove two positions; leaf i is the i-th
    /// transaction with its outcome.
    #[must_use]
    pub fn tree(&self) -> merkle::Tree {
        let count = u32::try_from(self.transactions.len()).unwrap_or(u32::MAX);
        let record = Tag::BLOCK_RECORD.statement(&count);
        let transactions = self
            .transactions
            .iter()
            .zip(self.outcomes.iter())
            .map(Self::leaf);
        merkle::Tree::from_contents(core::iter::once(record).chain(transactions))
    }

    /// The content of the leaf of a transaction and its outcome.
    #[must_use]
    pub fn leaf(entry: (&SignedTransaction, &Outcome)) -> Vec<u8> {
        Tag::BLOCK_TRANSACTION.statement(&entry)
    }

    /// The root that a header of this body has as `tx_root`.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.tree().root()
    }
}

/// A whole block.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Block {
    /// Header and seal.
    pub sealed: SealedHeader,
    /// Transactions and outcomes.
    pub body: Body,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::encode;
    use crate::hash::NetworkId;
    use crate::keys::SecretKey;
    use crate::transaction::{Action, Expect, Key, Transaction, Value};

    #[test]
    fn an_encoded_body_says_at_once_how_many_transactions_it_has() {
        let secret = SecretKey::from_seed(&[1; 32]);
        let transaction = Transaction {
            network: NetworkId([2; 32]),
            sender: secret.public_key(),
            sequence: 0,
            valid_until: None,
            action: Action::Put {
                key: Key::new("k").unwrap(),
                value: Value::new("v").unwrap(),
                expect: Expect::Anything,
            },
            work: 0,
        };
        let signed = SignedTransaction {
            signature: secret.sign(&transaction.statement()),
            transaction,
        };
        for count in [0, 1, 3] {
            let transactions = vec![signed.clone(); count];
            let body = Body {
                transactions: List::new(transactions).unwrap(),
                outcomes: Outcomes::default(),
            };
            let said = Body::count_in(&encode(&body)).map(usize::try_from);
            assert_eq!(said, Some(Ok(count)));
        }
        assert_eq!(Body::count_in(&[1, 0, 0]), None);
        assert_eq!(Body::count_in(&[0xff; 4]), None);
    }
}
