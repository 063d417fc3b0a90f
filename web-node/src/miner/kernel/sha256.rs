//! SHA-256's compression by its parts (FIPS 180-4, section 6.2.2), on one word or on several side by
//! side. In loops: unrolled it outgrows what a processor keeps of decoded instructions, and is slower.

use shared::hash::ROUND_CONSTANTS;

/// A 32-bit word, or several in lanes.
pub(super) trait Word: Copy {
    fn splat(word: u32) -> Self;
    fn add(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn shift_right<const BITS: u32>(self) -> Self;
    fn rotate_right<const BITS: u32>(self) -> Self;
    fn swap_bytes(self) -> Self;
}

/// What the rounds take in: the words of the message schedule, each with its round's constant.
#[inline(always)]
pub(super) fn inputs<W: Word>(block: &[W; 16]) -> [W; 64] {
    let mut words = [W::splat(0); 64];
    if let ([first, second, third, fourth], _) = words.as_chunks_mut() {
        *first = *block;
        *second = following(first);
        *third = following(second);
        *fourth = following(third);
    }
    for (word, constant) in words.iter_mut().zip(&ROUND_CONSTANTS) {
        *word = word.add(W::splat(*constant));
    }
    words
}

/// The sixteen words of the schedule that follow upon sixteen.
#[inline(always)]
fn following<W: Word>(
    &[
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
        w12,
        w13,
        w14,
        w15,
    ]: &[W; 16],
) -> [W; 16] {
    let w16 = scheduled(w14, w9, w1, w0);
    let w17 = scheduled(w15, w10, w2, w1);
    let w18 = scheduled(w16, w11, w3, w2);
    let w19 = scheduled(w17, w12, w4, w3);
    let w20 = scheduled(w18, w13, w5, w4);
    let w21 = scheduled(w19, w14, w6, w5);
    let w22 = scheduled(w20, w15, w7, w6);
    let w23 = scheduled(w21, w16, w8, w7);
    let w24 = scheduled(w22, w17, w9, w8);
    let w25 = scheduled(w23, w18, w10, w9);
    let w26 = scheduled(w24, w19, w11, w10);
    let w27 = scheduled(w25, w20, w12, w11);
    let w28 = scheduled(w26, w21, w13, w12);
    let w29 = scheduled(w27, w22, w14, w13);
    let w30 = scheduled(w28, w23, w15, w14);
    let w31 = scheduled(w29, w24, w16, w15);
    [
        w16, w17, w18, w19, w20, w21, w22, w23, w24, w25, w26, w27, w28, w29, w30, w31,
    ]
}

/// A word of the schedule, of those 2, 7, 15 and 16 before it.
#[inline(always)]
fn scheduled<W: Word>(before_2: W, before_7: W, before_15: W, before_16: W) -> W {
    let small_sigma_0 = before_15
        .rotate_right::<7>()
        .xor(before_15.rotate_right::<18>())
        .xor(before_15.shift_right::<3>());
    let small_sigma_1 = before_2
        .rotate_right::<17>()
        .xor(before_2.rotate_right::<19>())
        .xor(before_2.shift_right::<10>());
    small_sigma_1
        .add(before_7)
        .add(small_sigma_0)
        .add(before_16)
}

/// The state after as many rounds as there are inputs.
#[inline(always)]
pub(super) fn rounds<W: Word>(state: [W; 8], inputs: &[u32]) -> [W; 8] {
    let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
    // Where b and c differ: c's part in the majority, and what a and b were a round before.
    let mut differ = b.xor(c);
    for input in inputs {
        let big_sigma_1 = e
            .rotate_right::<6>()
            .xor(e.rotate_right::<11>())
            .xor(e.rotate_right::<25>());
        let choice = g.xor(e.and(f.xor(g)));
        let t1 = h.add(W::splat(*input)).add(choice).add(big_sigma_1);
        let big_sigma_0 = a
            .rotate_right::<2>()
            .xor(a.rotate_right::<13>())
            .xor(a.rotate_right::<22>());
        let differed = core::mem::replace(&mut differ, a.xor(b));
        let majority = b.xor(differ.and(differed));
        let t2 = big_sigma_0.add(majority);
        (h, g, f, e) = (g, f, e, d.add(t1));
        (d, c, b, a) = (c, b, a, t1.add(t2));
    }
    [a, b, c, d, e, f, g, h]
}

/// The state after one more block.
pub(super) fn compress(state: [u32; 8], block: &[u32; 16]) -> [u32; 8] {
    let mut before = state.into_iter();
    rounds(state, &inputs(block)).map(|word| word.wrapping_add(before.next().unwrap_or_default()))
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
