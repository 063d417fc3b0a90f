//! Four nonces at a time, in the lanes of 128-bit vectors.
//!
//! A module with a single such instruction does not even compile in a browser without them: only
//! a program that is started after [`is_supported`] may contain this kernel.

use core::arch::wasm32::{
    i8x16_shuffle, u32x4, u32x4_add, u32x4_bitmask, u32x4_le, u32x4_shl, u32x4_shr, u32x4_splat,
    v128, v128_and, v128_or, v128_xor,
};

use super::rounds::{Word, most_significant};
use super::{Job, Kernel};

const LANES: u32 = 4;

/// Tries four nonces at a time.
#[derive(Clone, Copy, Debug)]
pub struct Simd;

impl Kernel for Simd {
    fn search(job: &Job, first: u32, count: u32) -> Option<u32> {
        search(job, first, count)
    }
}

#[target_feature(enable = "simd128")]
fn search(job: &Job, first: u32, count: u32) -> Option<u32> {
    let [limit, ..] = job.target;
    let limit = u32x4_splat(limit);
    let mut high = u32x4(
        first,
        first.wrapping_add(1),
        first.wrapping_add(2),
        first.wrapping_add(3),
    );
    let mut done = 0;
    while done < count {
        let candidates = u32x4_bitmask(u32x4_le(most_significant(job, Lanes(high)).0, limit));
        if candidates != 0
            && let Some(found) = first_met(job, first.wrapping_add(done), candidates, count - done)
        {
            return Some(found);
        }
        high = u32x4_add(high, u32x4_splat(LANES));
        done = done.saturating_add(LANES);
    }
    None
}

/// The first of four nonces that meets the target, among the candidates and the `count` first.
#[cold]
fn first_met(job: &Job, first: u32, candidates: u8, count: u32) -> Option<u32> {
    (0..LANES.min(count))
        .filter(|lane| candidates & (1 << lane) != 0)
        .map(|lane| first.wrapping_add(lane))
        .find(|&high| job.is_met_by(high))
}

#[derive(Clone, Copy)]
struct Lanes(v128);

impl Word for Lanes {
    #[inline(always)]
    fn splat(word: u32) -> Self {
        Self(u32x4_splat(word))
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        Self(u32x4_add(self.0, other.0))
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        Self(v128_and(self.0, other.0))
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        Self(v128_or(self.0, other.0))
    }

    #[inline(always)]
    fn xor(self, other: Self) -> Self {
        Self(v128_xor(self.0, other.0))
    }

    #[inline(always)]
    fn shift_right<const BITS: u32>(self) -> Self {
        Self(u32x4_shr(self.0, BITS))
    }

    #[inline(always)]
    fn rotate_right<const BITS: u32>(self) -> Self {
        Self(v128_or(
            u32x4_shr(self.0, BITS),
            u32x4_shl(self.0, 32 - BITS),
        ))
    }

    #[inline(always)]
    fn swap_bytes(self) -> Self {
        Self(i8x16_shuffle::<
            3,
            2,
            1,
            0,
            7,
            6,
            5,
            4,
            11,
            10,
            9,
            8,
            15,
            14,
            13,
            12,
        >(self.0, self.0))
    }
}
