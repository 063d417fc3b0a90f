//! Four attempts at a time, in the lanes of 128-bit vectors: the schedules of four nonces side by
//! side, then the rounds of four versions with each of them.
//!
//! A module with a single such instruction does not even compile in a browser without them: only
//! a program that is started where the browser has been asked may contain this kernel.

use core::arch::wasm32::{
    i8x16_shuffle, u32x4, u32x4_add, u32x4_bitmask, u32x4_extract_lane, u32x4_le, u32x4_shl,
    u32x4_shr, u32x4_splat, v128, v128_and, v128_or, v128_xor,
};

use super::sha256::{Word, inputs};
use super::{Found, Job, Kernel, Start};

const LANES: usize = 4;

/// Tries four versions of a nonce at a time.
#[derive(Clone, Copy, Debug)]
pub struct Simd;

impl Kernel for Simd {
    fn search(job: &Job, first: u32, count: u32) -> Option<Found> {
        search(job, first, count)
    }
}

#[target_feature(enable = "simd128")]
fn search(job: &Job, first: u32, count: u32) -> Option<Found> {
    let [limit, ..] = job.target;
    let limit = u32x4_splat(limit);
    let (fours, _) = job.starts.as_chunks::<LANES>();
    let starts: Vec<_> = fours.iter().map(|four| side_by_side(four)).collect();
    for done in (0..count).step_by(LANES) {
        let first = first.wrapping_add(done);
        let highs = u32x4_add(u32x4_splat(first), u32x4(0, 1, 2, 3));
        let nonces = by_lane(&inputs(&job.block(Lanes(highs))));
        for (inputs, offset) in nonces.iter().zip(0..count - done) {
            for (four, start) in starts.iter().enumerate() {
                let met = u32x4_bitmask(u32x4_le(start.most_significant(inputs).0, limit));
                if met != 0
                    && let Some(found) = first_met(job, first.wrapping_add(offset), four, met)
                {
                    return Some(found);
                }
            }
        }
    }
    None
}

/// The first of four versions that meets the target, among those whose bit is set.
#[cold]
fn first_met(job: &Job, high: u32, four: usize, candidates: u8) -> Option<Found> {
    (0..LANES)
        .filter(|lane| candidates & (1 << lane) != 0)
        .map(|lane| Found {
            version: four * LANES + lane,
            high,
        })
        .find(|found| job.is_met_by(found))
}

#[target_feature(enable = "simd128")]
fn side_by_side(starts: &[Start<u32>; LANES]) -> Start<Lanes> {
    Start {
        midstate: in_lanes(starts.map(|start| start.midstate)),
        state_12: in_lanes(starts.map(|start| start.state_12)),
    }
}

#[target_feature(enable = "simd128")]
fn in_lanes([a, b, c, d]: [[u32; 8]; LANES]) -> [Lanes; 8] {
    let mut words = a.into_iter().zip(b).zip(c).zip(d);
    core::array::from_fn(|_| {
        let (((a, b), c), d) = words.next().unwrap_or_default();
        Lanes(u32x4(a, b, c, d))
    })
}

/// The words of each nonce.
#[target_feature(enable = "simd128")]
fn by_lane(words: &[Lanes; 64]) -> [[u32; 64]; LANES] {
    let mut lanes = [[0; 64]; LANES];
    let [a, b, c, d] = &mut lanes;
    for ((((Lanes(word), a), b), c), d) in words.iter().zip(a).zip(b).zip(c).zip(d) {
        *a = u32x4_extract_lane::<0>(*word);
        *b = u32x4_extract_lane::<1>(*word);
        *c = u32x4_extract_lane::<2>(*word);
        *d = u32x4_extract_lane::<3>(*word);
    }
    lanes
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
