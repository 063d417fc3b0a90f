//! SHA-256 behind domain tags, and one type for each thing that is named by its hash.

use core::iter;

use borsh::{BorshDeserialize, BorshSerialize};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};

mod sha256;

pub use sha256::{INITIAL_STATE, ROUND_CONSTANTS};

/// What a hash is computed over. Each kind of content has a tag of its own with a version,
/// so that no bytes of one kind can pass for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag(&'static [u8]);

impl Tag {
    /// A network's parameters: their hash is the network's id.
    pub const NETWORK: Self = Self(b"tabchain/network/v1");
    /// A block header; padded to 20 bytes, so that tag and header fill 180 bytes.
    pub const HEADER: Self = Self(b"tabchain/header/v1\0\0");
    /// The body of a transaction: what its sender signs, and its id.
    pub const TRANSACTION: Self = Self(b"tabchain/transaction/v1");
    /// What a block's producer signs where the proof is stake.
    pub const SEAL: Self = Self(b"tabchain/seal/v1");
    /// The seed of an epoch.
    pub const STAKE_SEED: Self = Self(b"tabchain/stake/seed/v1");
    /// The folded keys of an epoch's producers.
    pub const STAKE_FOLD: Self = Self(b"tabchain/stake/fold/v1");
    /// The number that a key draws for a slot.
    pub const STAKE_TICKET: Self = Self(b"tabchain/stake/ticket/v1");
    /// A transaction with its signature: what is announced.
    pub const SIGNED_TRANSACTION: Self = Self(b"tabchain/signed-transaction/v1");
    /// Leaf 0 of a block's transaction tree.
    pub const BLOCK_RECORD: Self = Self(b"tabchain/block-record/v1");
    /// Leaf i of a block's transaction tree.
    pub const BLOCK_TRANSACTION: Self = Self(b"tabchain/block-transaction/v1");
    /// A leaf of the history tree.
    pub const HISTORY: Self = Self(b"tabchain/history/v1");
    /// The place of a ledger key in the state.
    pub const STATE_KEY: Self = Self(b"tabchain/state/key/v1");
    /// The place of an account in the state.
    pub const STATE_ACCOUNT: Self = Self(b"tabchain/state/account/v1");
    /// The place of an entry that consensus itself keeps in the state.
    pub const STATE_SYSTEM: Self = Self(b"tabchain/state/system/v1");
    /// The content of a state entry.
    pub const STATE_VALUE: Self = Self(b"tabchain/state/value/v1");
    /// A leaf of the state tree.
    pub const STATE_LEAF: Self = Self(b"tabchain/state/leaf/v1");
    /// A branch of the state tree.
    pub const STATE_BRANCH: Self = Self(b"tabchain/state/branch/v1");
    /// What a node signs to register with a relay.
    pub const REGISTRATION: Self = Self(b"tabchain/registration/v1");
    /// What a relay signs to prove itself to a node.
    pub const RELAY_CHALLENGE: Self = Self(b"tabchain/relay-challenge/v1");
    /// An invitation: what the relay keeps of it.
    pub const INVITATION: Self = Self(b"tabchain/invitation/v1");
    /// A roster.
    pub const ROSTER: Self = Self(b"tabchain/roster/v1");
    /// The value of a decision.
    pub const DECISION: Self = Self(b"tabchain/decision/v1");
    /// A leader's proposal.
    pub const PROPOSAL: Self = Self(b"tabchain/proposal/v1");
    /// A vote.
    pub const VOTE: Self = Self(b"tabchain/vote/v1");
    /// An entry of the decision log.
    pub const LOG_ENTRY: Self = Self(b"tabchain/log-entry/v1");
    /// A stored block as a leaf of the tree that a consistency check compares.
    pub const CONSISTENCY_LEAF: Self = Self(b"tabchain/consistency-leaf/v1");
    /// A node's answer to a consistency check.
    pub const CONSISTENCY_ANSWER: Self = Self(b"tabchain/consistency-answer/v1");

    /// The bytes that go before the content.
    #[must_use]
    pub const fn bytes(self) -> &'static [u8] {
        self.0
    }

    /// SHA-256 over the tag and the parts, in order.
    #[must_use]
    pub fn hash(self, parts: &[&[u8]]) -> Hash {
        Hash(self.digest(parts))
    }

    /// SHA-256 over the tag and the value's canonical encoding.
    #[must_use]
    pub fn hash_encoded<T: BorshSerialize>(self, value: &T) -> Hash {
        Hash(sha256([&self.statement(value).as_slice()].into_iter()))
    }

    /// The tag followed by the value's canonical encoding: what is signed.
    #[must_use]
    pub fn statement<T: BorshSerialize>(self, value: &T) -> Vec<u8> {
        // Most have room in it: to grow costs as much as to write.
        let mut statement = Vec::with_capacity(STATEMENT_BYTES_USUAL);
        statement.extend_from_slice(self.0);
        crate::encoding::append(&mut statement, value);
        statement
    }

    /// The beginning of a content, hashed once for many ends.
    pub(crate) fn begin(self, content: &[u8]) -> Beginning {
        Beginning(Sha256::new().chain_update(self.0).chain_update(content))
    }

    fn digest(self, parts: &[&[u8]]) -> [u8; 32] {
        sha256(iter::once(&self.0).chain(parts))
    }
}

/// SHA-256 over the parts, in order.
pub(crate) fn sha256<'a>(parts: impl Iterator<Item = &'a &'a [u8]> + Clone) -> [u8; 32] {
    short_digest(parts.clone()).unwrap_or_else(|| {
        let hasher = parts.fold(Sha256::new(), Digest::chain_update);
        hasher.finalize().into()
    })
}

const STATEMENT_BYTES_USUAL: usize = 512;
const BLOCK_BYTES: usize = 64;
/// Behind the content come a single one bit and its length in bits, a u64.
const PADDING_BYTES_MIN: usize = 1 + 8;

/// SHA-256 over the parts, if they fit into two blocks with the padding; else nothing. Most of what
/// a ledger hashes is that short, and [`Sha256`] then spends as much on its buffer as on hashing.
fn short_digest<'a>(parts: impl Iterator<Item = &'a &'a [u8]>) -> Option<[u8; 32]> {
    let mut blocks = [[0; BLOCK_BYTES]; 2];
    let bytes = blocks.as_flattened_mut();
    let mut content_bytes = 0;
    for part in parts {
        let end = content_bytes + part.len();
        bytes.get_mut(content_bytes..end)?.copy_from_slice(part);
        content_bytes = end;
    }
    *bytes.get_mut(content_bytes)? = 0x80;
    let count = (content_bytes + PADDING_BYTES_MIN).div_ceil(BLOCK_BYTES);
    let filled = blocks.get_mut(..count)?;
    let bits = u64::try_from(content_bytes).ok()? * 8;
    *filled.last_mut()?.last_chunk_mut()? = bits.to_be_bytes();

    let mut state = INITIAL_STATE;
    compress256(&mut state, filled);
    let mut digest = [0; 32];
    for (bytes, word) in digest.as_chunks_mut().0.iter_mut().zip(state) {
        *bytes = word.to_be_bytes();
    }
    Some(digest)
}

/// A hash whose content is not complete yet.
#[derive(Clone)]
pub(crate) struct Beginning(Sha256);

impl Beginning {
    /// The hash of the content with this end.
    pub(crate) fn end(&self, end: &[u8]) -> Hash {
        Hash(self.0.clone().chain_update(end).finalize().into())
    }
}

macro_rules! hash_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// All bytes zero.
            pub const ZERO: Self = Self([0; 32]);

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                core::fmt::Display::fmt(self, f)
            }
        }
    };
}

macro_rules! hex_text {
    ($name:ident) => {
        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
                Some(self.cmp(other))
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> core::cmp::Ordering {
                self.0.cmp(&other.0)
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl core::str::FromStr for $name {
            type Err = HexError;

            fn from_str(text: &str) -> Result<Self, HexError> {
                decode_hex(text).map(Self)
            }
        }
    };
}

hash_type!(
    /// Any SHA-256 hash without a more telling type.
    Hash
);
hex_text!(Hash);

hash_type!(
    /// Names a network: the hash of its parameters.
    NetworkId
);
hex_text!(NetworkId);

hash_type!(
    /// Names a transaction: the hash of its body, which the signature does not change.
    TransactionId
);
hex_text!(TransactionId);

hash_type!(
    /// Names a block: the hash of its header. As a number it is little-endian and is
    /// written with the most significant byte first, as in Bitcoin.
    BlockHash
);

impl PartialOrd for BlockHash {
    fn partial_cmp(&self, other: &Self) -> Option<core::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for BlockHash {
    /// As numbers: the last byte decides first.
    fn cmp(&self, other: &Self) -> core::cmp::Ordering {
        self.0.iter().rev().cmp(other.0.iter().rev())
    }
}

impl core::fmt::Display for BlockHash {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0
            .iter()
            .rev()
            .try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl core::str::FromStr for BlockHash {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        decode_hex(text).map(|mut bytes| {
            bytes.reverse();
            Self(bytes)
        })
    }
}

/// A text that should be a hash is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HexError {
    /// The length is wrong.
    #[error("a hash has 64 hexadecimal digits, this text has {0} characters")]
    Length(usize),
    /// A character is no hexadecimal digit.
    #[error("a hash has only the digits 0-9 and a-f, this text has another character at {0}")]
    Digit(usize),
}

fn decode_hex(text: &str) -> Result<[u8; 32], HexError> {
    if text.len() != 64 {
        return Err(HexError::Length(text.chars().count()));
    }
    let mut bytes = [0; 32];
    for (index, (byte, pair)) in bytes.iter_mut().zip(text.as_bytes().chunks(2)).enumerate() {
        *byte = core::str::from_utf8(pair)
            .ok()
            .filter(|pair| pair.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|pair| u8::from_str_radix(pair, 16).ok())
            .ok_or(HexError::Digit(index * 2))?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::Tag;

    #[test]
    fn contents_of_every_length_and_cut_have_the_hash_that_sha2_gives() {
        let content: Vec<u8> = (0..=255).collect();
        for tag in [Tag(b""), Tag::HEADER, Tag::SIGNED_TRANSACTION] {
            for length in 0..=200 {
                let content = &content[..length];
                let expected = Sha256::new()
                    .chain_update(tag.bytes())
                    .chain_update(content)
                    .finalize();
                let (first, second) = content.split_at(length / 3);
                assert_eq!(tag.hash(&[first, second]).0[..], expected[..], "{length}");
            }
        }
    }
}
