//! The search for nonces: hashing the 180 bytes of a tagged header again and again, where only
//! the nonce differs.
//!
//! They fill three SHA-256 blocks (FIPS 180-4) exactly. The first two never change: their state is
//! computed once. In the third the nonce, a little-endian u64, is words 11 and 12; its low half is
//! kept and its high half counted, one compression per attempt. A hash is compared as a
//! little-endian number: its last word decides first.

#[cfg(target_arch = "x86_64")]
mod sha_ni;

use sha2::block_api::compress256;
use shared::hash::INITIAL_STATE;
use shared::node::interface::MiningWork;

/// A header and one low half of the nonce, with all that the high half does not change.
#[derive(Clone, Debug)]
pub struct Job {
    nonce_low: u32,
    /// The greatest hash that will do, the most significant word first.
    target: [u32; 8],
    /// The state after the first two blocks.
    midstate: [u32; 8],
    /// The third block; word 12 is zero here.
    block: [u8; 64],
}

impl Job {
    /// The part of `work` with this low half of the nonce.
    #[must_use]
    pub fn new(work: &MiningWork, nonce_low: u32) -> Self {
        let [first, second, block] = work.blocks(work.header.version, nonce_low);
        let mut midstate = INITIAL_STATE;
        compress256(&mut midstate, &[first, second]);
        Self {
            nonce_low,
            target: work.target_words(),
            midstate,
            block,
        }
    }

    /// The nonce of a high half.
    #[must_use]
    pub fn nonce(&self, high: u32) -> u64 {
        u64::from(high) << 32 | u64::from(self.nonce_low)
    }

    /// Tries `count` high halves from `first` on, in order and wrapping, and returns the first
    /// whose hash meets the target.
    #[must_use]
    pub fn search(&self, first: u32, count: u32) -> Option<u32> {
        #[cfg(target_arch = "x86_64")]
        if let Some(found) = sha_ni::search(self, first, count) {
            return found;
        }
        self.search_by_sha2(first, count)
    }

    /// The same by `sha2`'s compression, which itself chooses what the processor is best at.
    #[must_use]
    pub fn search_by_sha2(&self, first: u32, count: u32) -> Option<u32> {
        let [limit, ..] = self.target;
        let mut highs = (0..count).map(|offset| first.wrapping_add(offset));
        highs.find(|&high| {
            let state = self.state(high);
            let [.., last] = state;
            last.swap_bytes() <= limit && self.is_met_by(state)
        })
    }

    /// The state after the third block: the hash, as big-endian words.
    #[inline]
    fn state(&self, high: u32) -> [u32; 8] {
        let mut block = self.block;
        if let Some(word) = block.get_mut(48..52) {
            word.copy_from_slice(&high.to_le_bytes());
        }
        let mut state = self.midstate;
        compress256(&mut state, &[block]);
        state
    }

    #[cold]
    fn is_met_by(&self, mut state: [u32; 8]) -> bool {
        state.reverse();
        state.map(u32::swap_bytes) <= self.target
    }
}
