//! One nonce at a time: for browsers without SIMD, and as the plain form of the other kernel.

use super::rounds::{Word, most_significant};
use super::{Job, Kernel};

/// Tries one nonce at a time.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

impl Kernel for Scalar {
    fn search(job: &Job, first: u32, count: u32) -> Option<u32> {
        let [limit, ..] = job.target;
        (0..count)
            .map(|offset| first.wrapping_add(offset))
            .find(|&high| most_significant(job, high) <= limit && job.is_met_by(high))
    }
}

impl Word for u32 {
    #[inline(always)]
    fn splat(word: u32) -> Self {
        word
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self & other
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        self | other
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        self ^ other
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self) -> Self {
        self >> BITS
    }

    #[inline(always)]
    fn rotate_right<const BITS: u32>(self) -> Self {
        Self::rotate_right(self, BITS)
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        Self::swap_bytes(self)
    }
}
