//! The search for nonces: hashing the 180 bytes of a tagged header again and again, where only
//! the nonce differs.
//!
//! They fill three SHA-256 blocks (FIPS 180-4) exactly. The first two never change: their state is
//! computed once. In the third the nonce, a little-endian u64, is words 11 and 12; its low half is
//! kept and its high half counted, so that twelve rounds and a part of the schedule are computed
//! once for 2³² nonces. A hash is compared as a little-endian number: its last word decides
//! first, and is known three rounds before the end.

mod rounds;
pub mod scalar;
mod sha256;
#[cfg(target_arch = "wasm32")]
pub mod simd;

use shared::hash::{INITIAL_STATE, ROUND_CONSTANTS};
use shared::node::interface::MiningWork;

use sha256::{compress, small_sigma_0, small_sigma_1};

/// Tries nonces.
pub trait Kernel {
    /// Tries `count` high halves from `first` on, in order and wrapping, and returns one whose
    /// hash meets the target, the first such.
    fn search(job: &Job, first: u32, count: u32) -> Option<u32>;
}

/// A header and one low half of the nonce, with all that the high half does not change.
#[derive(Clone, Debug)]
pub struct Job {
    nonce_low: u32,
    /// The greatest hash that will do, the most significant word first.
    target: [u32; 8],
    /// The state after the first two blocks.
    midstate: [u32; 8],
    /// The third block; word 12 is zero here.
    block: [u32; 16],
    /// The state after rounds 0 to 11 of the third block.
    state_12: [u32; 8],
    /// Schedule words 16 to 34 without their summands that depend on word 12.
    schedule: Schedule,
    /// The round constants.
    constants: [u32; 64],
}

/// The parts of the message schedule that word 12 does not reach. W16, W17, W18, W20, W22 and W24
/// are complete; the others lack what is named with them.
#[derive(Clone, Copy, Debug, Default)]
struct Schedule {
    w16: u32,
    w17: u32,
    w18: u32,
    /// Lacks W12.
    w19: u32,
    w20: u32,
    /// Lacks σ1(W19).
    w21: u32,
    w22: u32,
    /// Lacks σ1(W21).
    w23: u32,
    w24: u32,
    /// Lacks σ1(W23).
    w25: u32,
    /// Lacks W19.
    w26: u32,
    /// Lacks σ1(W25) and σ0(W12).
    w27: u32,
    /// Lacks σ1(W26), W21 and W12.
    w28: u32,
    /// Lacks σ1(W27).
    w29: u32,
    /// Lacks σ1(W28) and W23.
    w30: u32,
    /// Lacks σ1(W29).
    w31: u32,
    /// Lacks σ1(W30) and W25.
    w32: u32,
    /// Lacks σ1(W31) and W26.
    w33: u32,
    /// Lacks σ1(W32), W27 and σ0(W19).
    w34: u32,
}

impl Job {
    /// The part of `work` with this low half of the nonce.
    #[must_use]
    pub fn new(work: &MiningWork, nonce_low: u32) -> Self {
        let [first, second, block] = work.blocks(nonce_low).map(words);
        let midstate = compress(compress(INITIAL_STATE, &first), &second);
        let rounds = block.into_iter().zip(ROUND_CONSTANTS).take(12);
        let state_12 = rounds.fold(midstate, |state, (word, constant)| {
            sha256::round(state, word.wrapping_add(constant))
        });
        Self {
            nonce_low,
            target: work.target_words(),
            midstate,
            block,
            state_12,
            schedule: Schedule::new(&block),
            constants: ROUND_CONSTANTS,
        }
    }

    /// The nonce of a high half.
    #[must_use]
    pub fn nonce(&self, high: u32) -> u64 {
        u64::from(high) << 32 | u64::from(self.nonce_low)
    }

    /// Whether the hash with this high half meets the target, computed in full.
    fn is_met_by(&self, high: u32) -> bool {
        let mut block = self.block;
        if let Some(word) = block.get_mut(12) {
            *word = high.swap_bytes();
        }
        let mut hash = compress(self.midstate, &block);
        hash.reverse();
        hash.map(u32::swap_bytes) <= self.target
    }
}

impl Schedule {
    fn new(block: &[u32; 16]) -> Self {
        let [
            w0,
            w1,
            w2,
            w3,
            w4,
            w5,
            w6,
            w7,
            w8,
            w9,
            w10,
            w11,
            _,
            w13,
            w14,
            w15,
        ] = *block;
        let sum = |words: &[u32]| {
            words
                .iter()
                .fold(0_u32, |sum, word| sum.wrapping_add(*word))
        };
        let s0 = small_sigma_0;
        let s1 = small_sigma_1;
        let w16 = sum(&[s1(w14), w9, s0(w1), w0]);
        let w17 = sum(&[s1(w15), w10, s0(w2), w1]);
        let w18 = sum(&[s1(w16), w11, s0(w3), w2]);
        let w20 = sum(&[s1(w18), w13, s0(w5), w4]);
        let w22 = sum(&[s1(w20), w15, s0(w7), w6]);
        let w24 = sum(&[s1(w22), w17, s0(w9), w8]);
        Self {
            w16,
            w17,
            w18,
            w19: sum(&[s1(w17), s0(w4), w3]),
            w20,
            w21: sum(&[w14, s0(w6), w5]),
            w22,
            w23: sum(&[w16, s0(w8), w7]),
            w24,
            w25: sum(&[w18, s0(w10), w9]),
            w26: sum(&[s1(w24), s0(w11), w10]),
            w27: sum(&[w20, w11]),
            w28: s0(w13),
            w29: sum(&[w22, s0(w14), w13]),
            w30: sum(&[s0(w15), w14]),
            w31: sum(&[w24, s0(w16), w15]),
            w32: sum(&[s0(w17), w16]),
            w33: sum(&[s0(w18), w17]),
            w34: w18,
        }
    }
}

/// A block as the words that SHA-256 sees.
fn words(block: [u8; 64]) -> [u32; 16] {
    let (words, _) = block.as_chunks();
    let mut words = words.iter().map(|bytes| u32::from_be_bytes(*bytes));
    core::array::from_fn(|_| words.next().unwrap_or_default())
}
