//! What members write: transactions, their signatures, and what became of them.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::encoding::{Text, TextError, encode};
use crate::hash::{Hash, NetworkId, Tag, TransactionId, sha256};
use crate::keys::{Points, PublicKey, Signature, SignatureError};
use crate::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use crate::network::NetworkParameters;

/// A key of the ledger.
pub type Key = Text<KEY_BYTES_MAX>;
/// A value of the ledger.
pub type Value = Text<VALUE_BYTES_MAX>;

/// What a sender signs.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Transaction {
    /// The network that it is meant for: on another one it is worth nothing.
    pub network: NetworkId,
    /// Who writes.
    pub sender: PublicKey,
    /// The sender's count of transactions before this one, so that none is executed twice.
    pub sequence: u64,
    /// The last height of a block that may include it.
    pub valid_until: Option<u64>,
    /// What it does.
    pub action: Action,
    /// Chosen by the sender so that the id has as many leading zero bits as the network asks for.
    pub work: u64,
}

/// What a transaction does.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Action {
    /// Writes a value under a key, if the key is as expected.
    Put {
        /// The key.
        key: Key,
        /// Its new value.
        value: Value,
        /// What the key must be before.
        expect: Expect,
    },
    /// Moves balance to another account.
    Transfer {
        /// Who receives.
        to: PublicKey,
        /// How much.
        amount: u64,
    },
}

/// What a key must be for a `Put` to take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Expect {
    /// Anything.
    Anything,
    /// Never written.
    Absent,
    /// Last written by this transaction. An id and no counter: after a reorganisation a
    /// counter may name another write.
    WrittenBy(TransactionId),
}

/// What an included transaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Outcome {
    /// It took effect.
    Applied = 0,
    /// The key was not as expected; nothing changed.
    ExpectFailed = 1,
    /// The balance was too small; nothing changed.
    BalanceTooSmall = 2,
    /// The sender's quota of state was used up; nothing changed.
    QuotaExceeded = 3,
}

/// A transaction with its sender's signature, not yet verified.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct SignedTransaction {
    /// What is signed.
    pub transaction: Transaction,
    /// The sender's signature over the tagged transaction.
    pub signature: Signature,
}

/// Why a transaction is not valid in this network, whatever the state.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
pub enum TransactionError {
    /// It is for another network.
    #[error("the transaction is for network {came}, this is {expected}")]
    Network {
        /// This network.
        expected: NetworkId,
        /// The transaction's.
        came: NetworkId,
    },
    /// The key or value is not allowed.
    #[error("the key is not allowed: {0}")]
    Key(TextError),
    /// The id has too few leading zero bits.
    #[error(
        "the transaction's id has {came} leading zero bits, this network asks for {expected}: choose another `work`"
    )]
    Work {
        /// Bits that the network asks for.
        expected: u8,
        /// Bits that the id has.
        came: u32,
    },
    /// The signature does not hold.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// A transaction that is not valid, by its name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("transaction {id} is not valid: {error}")]
pub struct InvalidTransaction {
    /// Which one.
    pub id: TransactionId,
    /// Why.
    pub error: TransactionError,
}

impl Transaction {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> TransactionId {
        TransactionId::of_statement(&self.statement())
    }

    /// The bytes that the sender signs.
    #[must_use]
    pub fn statement(&self) -> Vec<u8> {
        Tag::TRANSACTION.statement(self)
    }

    /// Searches the `work` that the network asks for. An attempt costs one or two compressions of
    /// SHA-256, whatever the transaction's length, and about 2^bits attempts are needed:
    /// milliseconds in a browser at [`TRANSACTION_WORK_BITS_MAX`], which is why a node does it
    /// at once.
    #[must_use]
    pub fn with_work(mut self, leading_zero_bits: u8) -> Self {
        // The work is encoded last.
        let mut encoded = encode(&self);
        encoded.truncate(encoded.len().saturating_sub(size_of_val(&self.work)));
        let beginning = Tag::TRANSACTION.begin(&encoded);
        let bits = |work: u64| leading_zeros(&beginning.end(&work.to_le_bytes()).0);
        while bits(self.work) < u32::from(leading_zero_bits) {
            self.work = self.work.wrapping_add(1);
        }
        self
    }
}

impl TransactionId {
    fn of_statement(statement: &[u8]) -> Self {
        Self(sha256([statement].iter()))
    }
}

impl SignedTransaction {
    /// The hash of the transaction with its signature: what is announced and asked for.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Tag::SIGNED_TRANSACTION.hash_encoded(self)
    }

    /// Checks everything that does not depend on the state.
    pub fn verify(self, network: &NetworkParameters) -> Result<Verified, InvalidTransaction> {
        Verifier::new(network, 1).verify(self)
    }
}

/// Verifies transactions of one network, and knows the senders of the last ones.
#[derive(Debug)]
pub struct Verifier {
    network: NetworkId,
    work_bits: u8,
    points: Points,
}

impl Verifier {
    /// Knows at most so many senders: for one that it knows a check takes less.
    #[must_use]
    pub fn new(network: &NetworkParameters, senders_max: usize) -> Self {
        Self {
            network: network.id(),
            work_bits: network.transaction_work_bits,
            points: Points::at_most(senders_max),
        }
    }

    /// How many senders it knows.
    pub(crate) fn senders(&self) -> usize {
        self.points.len()
    }

    /// Checks everything that does not depend on the state.
    pub fn verify(&mut self, signed: SignedTransaction) -> Result<Verified, InvalidTransaction> {
        match self.check(&signed, true) {
            (id, Ok(())) => Ok(Verified::new(signed, id)),
            (id, Err(error)) => Err(InvalidTransaction { id, error }),
        }
    }

    /// The same of what stands in a block, without the signature where it was verified before; and
    /// the transaction's name.
    pub(crate) fn check(
        &mut self,
        signed: &SignedTransaction,
        with_signature: bool,
    ) -> (TransactionId, Result<(), TransactionError>) {
        let transaction = &signed.transaction;
        let statement = transaction.statement();
        let id = TransactionId::of_statement(&statement);
        let result = self.check_content(transaction, &id).and_then(|()| {
            if with_signature {
                self.points
                    .verify(&transaction.sender, &statement, &signed.signature)?;
            }
            Ok(())
        });
        (id, result)
    }

    fn check_content(
        &self,
        transaction: &Transaction,
        id: &TransactionId,
    ) -> Result<(), TransactionError> {
        if transaction.network != self.network {
            return Err(TransactionError::Network {
                expected: self.network,
                came: transaction.network,
            });
        }
        if let Action::Put { key, .. } = &transaction.action
            && key.as_str().is_empty()
        {
            return Err(TransactionError::Key(TextError::Empty));
        }
        let work = leading_zeros(&id.0);
        if work < u32::from(self.work_bits) {
            return Err(TransactionError::Work {
                expected: self.work_bits,
                came: work,
            });
        }
        Ok(())
    }
}

/// A transaction that was verified once, with its names, so that nothing is computed twice. What
/// comes from others becomes one by [`Verifier::verify`] alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    signed: SignedTransaction,
    id: TransactionId,
    hash: Hash,
    bytes: usize,
}

impl Verified {
    /// Wraps a transaction that this node itself verified before and has kept since.
    #[must_use]
    pub fn trusted(signed: SignedTransaction) -> Self {
        let id = signed.transaction.id();
        Self::new(signed, id)
    }

    fn new(signed: SignedTransaction, id: TransactionId) -> Self {
        let encoded = encode(&signed);
        Self {
            id,
            hash: Tag::SIGNED_TRANSACTION.hash(&[&encoded]),
            bytes: encoded.len(),
            signed,
        }
    }

    /// What the sender signed.
    #[must_use]
    pub fn transaction(&self) -> &Transaction {
        &self.signed.transaction
    }

    /// The transaction with its signature.
    #[must_use]
    pub fn signed(&self) -> &SignedTransaction {
        &self.signed
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> TransactionId {
        self.id
    }

    /// The hash of the transaction with its signature.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Encoded length in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

fn leading_zeros(bytes: &[u8; 32]) -> u32 {
    let zero_bytes = bytes.iter().take_while(|&&byte| byte == 0).count();
    let partial = bytes.get(zero_bytes).map_or(0, |byte| byte.leading_zeros());
    u32::try_from(zero_bytes * 8).unwrap_or(u32::MAX) + partial
}
