//! The search for nonces: hashing the 180 bytes of a tagged header again and again, where only
//! the nonce and the miner's bits of the version differ.
//!
//! They fill three SHA-256 blocks (FIPS 180-4) exactly. The version is in the first block: for each
//! version the state after two blocks is computed once. In the third the nonce, a little-endian u64,
//! is words 11 and 12; its low half is kept and its high half counted, so that twelve rounds and a
//! part of the schedule are computed once for 2³² nonces. What is left of the schedule is computed
//! once for all versions of a nonce (docs/adr/0067). A hash is compared as a little-endian number:
//! its last word decides first, and is known three rounds before the end.

pub mod scalar;
mod sha256;
#[cfg(target_arch = "wasm32")]
pub mod simd;

use shared::block::Header;
use shared::hash::INITIAL_STATE;
use shared::node::interface::MiningWork;

use sha256::{Word, compress, inputs, rounds};

/// Versions that a header is tried with at each nonce.
pub const VERSIONS: usize = 16;

/// Tries nonces.
pub trait Kernel {
    /// Tries `count` high halves from `first` on, in order and wrapping, each with all
    /// [`VERSIONS`], and returns the first attempt whose hash meets the target.
    fn search(job: &Job, first: u32, count: u32) -> Option<Found>;
}

/// An attempt that meets the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Which of the [`VERSIONS`], from 0.
    pub version: usize,
    /// The high half of the nonce.
    pub high: u32,
}

/// A header and one low half of the nonce, with all that the high half does not change.
#[derive(Clone, Debug)]
pub struct Job {
    version: u32,
    nonce_low: u32,
    /// The greatest hash that will do, the most significant word first.
    target: [u32; 8],
    /// What the attempts with a version have in common, of each.
    starts: [Start<u32>; VERSIONS],
    /// The third block; word 12 is zero here.
    block: [u32; 16],
}

/// A header of one version, before the nonce's high half.
#[derive(Clone, Copy, Debug)]
struct Start<W> {
    /// The state after the first two blocks.
    midstate: [W; 8],
    /// The state after rounds 0 to 11 of the third block.
    state_12: [W; 8],
}

impl Job {
    /// The part of `work` with this low half of the nonce.
    #[must_use]
    pub fn new(work: &MiningWork, nonce_low: u32) -> Self {
        let version = work.header.version;
        let [.., block] = work.blocks(version, nonce_low).map(words);
        let inputs = inputs(&block);
        let starts = core::array::from_fn(|index| {
            let [first, second, _] = work.blocks(rolled(version, index), nonce_low).map(words);
            let midstate = compress(compress(INITIAL_STATE, &first), &second);
            Start {
                midstate,
                state_12: rounds(midstate, &inputs[..12]),
            }
        });
        Self {
            version,
            nonce_low,
            target: work.target_words(),
            starts,
            block,
        }
    }

    /// The header's version and nonce of an attempt.
    #[must_use]
    pub fn version_and_nonce(&self, found: &Found) -> (u32, u64) {
        let nonce = u64::from(found.high) << 32 | u64::from(self.nonce_low);
        (rolled(self.version, found.version), nonce)
    }

    /// The third block of nonces with these high halves.
    #[inline(always)]
    fn block<W: Word>(&self, high: W) -> [W; 16] {
        let mut block = [high.swap_bytes(); 16];
        for (index, (word, fixed)) in block.iter_mut().zip(&self.block).enumerate() {
            if index != 12 {
                *word = W::splat(*fixed);
            }
        }
        block
    }

    /// Whether the hash of this attempt meets the target, computed in full.
    fn is_met_by(&self, attempt: &Found) -> bool {
        let Some(start) = self.starts.get(attempt.version) else {
            return false;
        };
        let mut hash = compress(start.midstate, &self.block(attempt.high));
        hash.reverse();
        hash.map(u32::swap_bytes) <= self.target
    }
}

impl<W: Word> Start<W> {
    /// The last word of the hash, as a number to be compared, with these inputs of the third block.
    #[inline(always)]
    fn most_significant(&self, inputs: &[u32; 64]) -> W {
        // What round 60 puts in place of `e` ends as `h`.
        let [.., e, _, _, _] = rounds(self.state_12, &inputs[12..=60]);
        let [.., h] = self.midstate;
        e.add(h).swap_bytes()
    }
}

/// A version of the same rules, other than those of other indices.
fn rolled(version: u32, index: usize) -> u32 {
    let index = u32::try_from(index).unwrap_or_default();
    version ^ index << Header::VERSION_BITS
}

/// A block as the words that SHA-256 sees.
fn words(block: [u8; 64]) -> [u32; 16] {
    let (words, _) = block.as_chunks();
    let mut words = words.iter().map(|bytes| u32::from_be_bytes(*bytes));
    core::array::from_fn(|_| words.next().unwrap_or_default())
}
