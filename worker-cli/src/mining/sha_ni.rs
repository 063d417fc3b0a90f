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

use super::Job;

/// The round constants (FIPS 180-4, section 4.2.2).
const CONSTANTS: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

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
    let (fours, _) = CONSTANTS.as_chunks::<4>();
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
