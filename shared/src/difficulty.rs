//! Proof of work: targets, the work of a block, and how the difficulty follows the hash power.
//!
//! The schedule is aserti3-2d (<https://upgradespecs.bitcoincashnode.org/2020-11-15-asert/>)
//! anchored at block 1, with two additions for miners that come and go like browser tabs:
//!
//! - time during which the target stands at the easiest is forgiven, so that idleness earns no
//!   credit that a miner could spend on a flood of blocks;
//! - a block long after its parent is judged at its own timestamp, so that the loss of most
//!   of the hash power does not stop the chain.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::hash::BlockHash;
use crate::limits::{DIFFICULTY_HALF_LIFE_SPACINGS, LATE_BLOCK_SPACINGS};
use crate::network::Work as Rules;

#[allow(
    missing_docs,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_possible_wrap,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::manual_div_ceil,
    reason = "code of the `uint` crate's macro"
)]
mod u320 {
    uint::construct_uint! {
        /// 320 bits: room for a 256-bit target times a 17-bit factor, and for 2^64 works of 2^256.
        pub struct U320(5);
    }
}
pub(crate) use u320::U320;

/// The number that a block's hash must not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target(U320);

/// Expected number of hashes behind a block or a chain; where the proof is stake, their weight.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainWork(pub(crate) U320);

/// A compact target that stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the compact target {0:#010x} is negative, zero, over 256 bits, or not in its shortest form"
)]
pub struct TargetError(pub u32);

impl Target {
    /// The target of Bitcoin's compact form: an exponent byte and three bytes of mantissa.
    pub fn from_compact(bits: u32) -> Result<Self, TargetError> {
        let mantissa = U320::from(bits & 0x007f_ffff);
        let exponent = bits >> 24;
        let target = match exponent {
            0..=3 => mantissa >> (8 * (3 - exponent)),
            4..=34 => mantissa << (8 * (exponent - 3)),
            _ => return Err(TargetError(bits)),
        };
        let target = Self(target);
        if target.0.is_zero() || target.0.bits() > 256 || target.to_compact() != bits {
            return Err(TargetError(bits));
        }
        Ok(target)
    }

    /// The compact form, rounded down.
    #[must_use]
    pub fn to_compact(self) -> u32 {
        let mut exponent = self.0.bits().div_ceil(8);
        let mut mantissa = if exponent <= 3 {
            (self.0 << (8 * (3 - exponent))).low_u32()
        } else {
            (self.0 >> (8 * (exponent - 3))).low_u32()
        };
        if mantissa & 0x0080_0000 != 0 {
            mantissa >>= 8;
            exponent += 1;
        }
        mantissa | (u32::try_from(exponent).unwrap_or(u32::MAX) << 24)
    }

    /// The target that one of about 2^`bits` hashes meets, for `bits` from 1 to 255.
    #[must_use]
    pub fn of_expected_hashes(bits: u8) -> Self {
        Self(U320::one() << (256 - usize::from(bits.max(1))))
    }

    /// Whether a block of this hash has done the work. The hash is a little-endian number.
    #[must_use]
    pub fn is_met_by(&self, hash: &BlockHash) -> bool {
        U320::from_little_endian(hash.as_bytes()) <= self.0
    }

    /// The target as the 32 bytes with which a miner compares hashes, little-endian.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(self.0.to_little_endian()) {
            *to = from;
        }
        bytes
    }

    /// Expected number of hashes until one meets the target.
    #[must_use]
    pub fn work(self) -> ChainWork {
        ChainWork((U320::one() << 256) / (self.0 + U320::one()))
    }
}

impl ChainWork {
    /// The sum of two works.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Rounded to a floating-point number, for display only.
    #[must_use]
    pub fn to_f64(self) -> f64 {
        self.0
            .to_little_endian()
            .iter()
            .rev()
            .fold(0.0, |sum, &byte| sum * 256.0 + f64::from(byte))
    }
}

impl BorshSerialize for ChainWork {
    fn serialize<W: std::io::Write>(&self, writer: &mut W) -> std::io::Result<()> {
        writer.write_all(&self.0.to_little_endian())
    }
}

impl BorshDeserialize for ChainWork {
    fn deserialize_reader<R: std::io::Read>(reader: &mut R) -> std::io::Result<Self> {
        <[u8; 40]>::deserialize_reader(reader).map(|bytes| Self(U320::from_little_endian(&bytes)))
    }
}

/// What the difficulty of a block's successors depends on, beside its height and timestamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Schedule {
    /// Timestamp of block 1 of this branch; 0 before it.
    pub anchor_ms: u64,
    /// Time taken out of the account because the target stood at the easiest.
    pub forgiven_ms: u64,
}

/// A block as its successor's difficulty sees it.
#[derive(Clone, Copy, Debug)]
pub struct Parent {
    /// Its height.
    pub height: u64,
    /// Its timestamp.
    pub timestamp_ms: u64,
    /// Its schedule.
    pub schedule: Schedule,
}

/// The compact target of the block after `parent` that carries `timestamp_ms`, and its schedule.
#[must_use]
pub fn next(rules: &Rules, parent: &Parent, timestamp_ms: u64) -> (u32, Schedule) {
    if parent.height == 0 {
        let schedule = Schedule {
            anchor_ms: timestamp_ms,
            forgiven_ms: 0,
        };
        return (rules.first_bits, schedule);
    }
    let late_ms = LATE_BLOCK_SPACINGS * rules.spacing_ms;
    let judged_at_ms = if timestamp_ms > parent.timestamp_ms.saturating_add(late_ms) {
        timestamp_ms
    } else {
        parent.timestamp_ms
    };
    let spacing = i128::from(rules.spacing_ms);
    let half_life = spacing * i128::from(DIFFICULTY_HALF_LIFE_SPACINGS);
    let elapsed = i128::from(judged_at_ms)
        - i128::from(parent.schedule.anchor_ms)
        - i128::from(parent.schedule.forgiven_ms);
    let due = spacing * (i128::from(parent.height) - 1);
    let exponent = exponent(elapsed - due, half_life);

    let mut schedule = parent.schedule;
    let bits = aserti3_2d(rules.first_bits, exponent, rules.easiest_bits);
    if bits == rules.easiest_bits {
        let enough = exponent_of_easiest(rules, exponent);
        let surplus_ms = (exponent - enough) * half_life / 65536;
        schedule.forgiven_ms = schedule
            .forgiven_ms
            .saturating_add(u64::try_from(surplus_ms).unwrap_or(0));
    }
    (bits, schedule)
}

/// How far behind its schedule a chain is, in 1/65536 of a half-life, rounded towards zero.
#[must_use]
pub fn exponent(behind_ms: i128, half_life_ms: i128) -> i128 {
    behind_ms * 65536 / half_life_ms
}

/// The anchor's target times 2^(exponent/65536), by the cubic approximation of the
/// specification, at most the easiest.
#[must_use]
pub fn aserti3_2d(anchor_bits: u32, exponent: i128, easiest_bits: u32) -> u32 {
    let (Ok(anchor), Ok(easiest)) = (
        Target::from_compact(anchor_bits),
        Target::from_compact(easiest_bits),
    ) else {
        return easiest_bits;
    };
    let fraction = u64::try_from(exponent.rem_euclid(65536)).unwrap_or(0);
    let cubic = 195_766_423_245_049 * u128::from(fraction)
        + 971_821_376 * u128::from(fraction).pow(2)
        + 5127 * u128::from(fraction).pow(3);
    let factor = ((cubic + (1 << 47)) >> 48) + 65536;
    let shift = exponent.div_euclid(65536) - 16;

    let scaled = anchor.0 * U320::from(factor);
    let target = if shift <= 0 {
        let places = usize::try_from(-shift).unwrap_or(usize::MAX).min(320);
        scaled >> places
    } else {
        let places = usize::try_from(shift).unwrap_or(usize::MAX).min(320);
        if scaled.bits() + places > 256 {
            return easiest_bits;
        }
        scaled << places
    };
    let target = target.max(U320::one()).min(easiest.0);
    Target(target).to_compact()
}

/// The smallest exponent at which the target is the easiest, not above `known`, at which it is.
fn exponent_of_easiest(rules: &Rules, known: i128) -> i128 {
    let is_easiest =
        |exponent| aserti3_2d(rules.first_bits, exponent, rules.easiest_bits) == rules.easiest_bits;
    let (mut below, mut at) = (-1_i128, known);
    while at - below > 1 {
        let middle = below.midpoint(at);
        if is_easiest(middle) {
            at = middle;
        } else {
            below = middle;
        }
    }
    at
}
