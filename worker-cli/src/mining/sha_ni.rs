//! Two nonces at a time by the SHA extensions of x86-64 processors.
//!
//! `SHA256RNDS2` takes several cycles until its result can be used, and another one can begin in
//! each of them: two searches side by side cost little more than one. Rounds 0 to 11 are the same
//! for all nonces of a job and are done once; the last word of the hash, which alone decides in
//! almost every case, is known after round 61.

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_extract_epi32, _mm_insert_epi32, _mm_set_epi32,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi32,
};

use shared::hash::ROUND_CONSTANTS;

use super::Job;

/// As [`Job::search`]; nothing where the processor lacks the extensions.
#[allow(
    unsafe_code,
    reason = "no safe call exists to what a processor may lack"
)]
pub(super) fn search(job: &Job, first: u32, count: u32) -> Option<Option<u32>> {
    if is_x86_feature_detected!("sha")
        && is_x86_feature_detected!("sse4.1")
        && is_x86_feature_detected!("ssse3")
    {
        // SAFETY: the function needs the three features that were found on the lines above, and
        // nothing else: it is safe code.
        Some(unsafe { search_pairs(job, first, count) })
    } else {
        None
    }
}

/// A state in the order that the instructions want.
#[derive(Clone, Copy)]
struct State {
    abef: __m128i,
    cdgh: __m128i,
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
fn search_pairs(job: &Job, first: u32, count: u32) -> Option<u32> {
    let words = words(&job.block);
    let constants = constants();
    let [.., mid_h] = job.midstate;
    let [limit, ..] = job.target;
    let after_12 = rounds_0_to_11(job, &words, &constants);
    let mut done = 0;
    while done < count {
        let highs = [
            first.wrapping_add(done),
            first.wrapping_add(done).wrapping_add(1),
        ];
        let lasts = last_words(&words, &constants, after_12, highs);
        for (high, last) in highs.into_iter().zip(lasts) {
            let last = last.wrapping_add(mid_h).swap_bytes();
            let is_wanted = high.wrapping_sub(first) < count;
            if last <= limit && is_wanted && job.is_met_by(job.state(high)) {
                return Some(high);
            }
        }
        done = done.saturating_add(2);
    }
    None
}

/// What the last word of the hash is, less the midstate's, for two nonces side by side.
#[target_feature(enable = "sha,sse4.1,ssse3")]
#[inline]
fn last_words(
    words: &[__m128i; 4],
    constants: &[__m128i; 16],
    after_12: State,
    [one, two]: [u32; 2],
) -> [u32; 2] {
    let [w0, w1, w2, w3] = *words;
    // Word 12 of the block is the nonce's high half, which the header has little-endian.
    let mut a = [
        w0,
        w1,
        w2,
        _mm_insert_epi32::<0>(w3, one.swap_bytes().cast_signed()),
    ];
    let mut b = [
        w0,
        w1,
        w2,
        _mm_insert_epi32::<0>(w3, two.swap_bytes().cast_signed()),
    ];
    let (mut state_a, mut state_b) = (after_12, after_12);
    let [
        _,
        _,
        _,
        k3,
        k4,
        k5,
        k6,
        k7,
        k8,
        k9,
        k10,
        k11,
        k12,
        k13,
        k14,
        k15,
    ] = *constants;
    state_a = rounds_4(state_a, a[3], k3);
    state_b = rounds_4(state_b, b[3], k3);
    for constant in [k4, k5, k6, k7, k8, k9, k10, k11, k12, k13, k14] {
        a = extended(a);
        b = extended(b);
        state_a = rounds_4(state_a, a[3], constant);
        state_b = rounds_4(state_b, b[3], constant);
    }
    a = extended(a);
    b = extended(b);
    [
        rounds_60_and_61(state_a, a[3], k15),
        rounds_60_and_61(state_b, b[3], k15),
    ]
}

/// The schedule's next four words, behind the last three fours.
#[target_feature(enable = "sha,sse4.1,ssse3")]
#[inline]
fn extended([w0, w1, w2, w3]: [__m128i; 4]) -> [__m128i; 4] {
    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8::<4>(w3, w2));
    [w1, w2, w3, _mm_sha256msg2_epu32(sum, w3)]
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
#[inline]
fn rounds_4(State { abef, cdgh }: State, words: __m128i, constants: __m128i) -> State {
    let input = _mm_add_epi32(words, constants);
    let cdgh = _mm_sha256rnds2_epu32(cdgh, abef, input);
    let abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32::<0x0e>(input));
    State { abef, cdgh }
}

/// What is `f` after round 61 becomes `h` by round 63.
#[target_feature(enable = "sha,sse4.1,ssse3")]
#[inline]
fn rounds_60_and_61(State { abef, cdgh }: State, words: __m128i, constants: __m128i) -> u32 {
    let abef = _mm_sha256rnds2_epu32(cdgh, abef, _mm_add_epi32(words, constants));
    _mm_extract_epi32::<0>(abef).cast_unsigned()
}

#[target_feature(enable = "sha,sse4.1,ssse3")]
fn rounds_0_to_11(job: &Job, words: &[__m128i; 4], constants: &[__m128i; 16]) -> State {
    let [a, b, c, d, e, f, g, h] = job.midstate;
    let mut state = State {
        abef: vector([f, e, b, a]),
        cdgh: vector([h, g, d, c]),
    };
    for (words, constants) in words.iter().zip(constants).take(3) {
        state = rounds_4(state, *words, *constants);
    }
    state
}

#[target_feature(enable = "sse2")]
fn words(block: &[u8; 64]) -> [__m128i; 4] {
    let (bytes, _) = block.as_chunks::<4>();
    let mut words = bytes.iter().map(|bytes| u32::from_be_bytes(*bytes));
    core::array::from_fn(|_| vector(core::array::from_fn(|_| words.next().unwrap_or_default())))
}

#[target_feature(enable = "sse2")]
fn constants() -> [__m128i; 16] {
    let (fours, _) = ROUND_CONSTANTS.as_chunks::<4>();
    let mut fours = fours.iter();
    core::array::from_fn(|_| vector(fours.next().copied().unwrap_or_default()))
}

/// Four words, the first in the lowest lane.
#[target_feature(enable = "sse2")]
fn vector([w0, w1, w2, w3]: [u32; 4]) -> __m128i {
    _mm_set_epi32(
        w3.cast_signed(),
        w2.cast_signed(),
        w1.cast_signed(),
        w0.cast_signed(),
    )
}
