//! Chance from a seed.

pub(super) struct Chance(pub(super) u64);

impl Chance {
    /// `SplitMix64`.
    pub(super) fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        usize::try_from((u128::from(bits) * u128::try_from(below).unwrap()) >> 64).unwrap()
    }

    pub(super) fn hits(&mut self, per_thousand: u64) -> bool {
        u64::try_from(self.next(1000)).unwrap() < per_thousand
    }
}
