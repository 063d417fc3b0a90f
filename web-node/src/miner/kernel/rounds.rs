//! The last compression of an attempt, up to the word that decides first; for one nonce or for
//! several side by side.

use super::Job;

/// A 32-bit word of SHA-256, or several in lanes.
pub(super) trait Word: Copy {
    fn splat(word: u32) -> Self;
    fn add(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn shift_right<const BITS: u32>(self) -> Self;
    fn rotate_right<const BITS: u32>(self) -> Self;
    fn swap_bytes(self) -> Self;
}

#[inline(always)]
fn small_sigma_0<W: Word>(x: W) -> W {
    x.rotate_right::<7>()
        .xor(x.rotate_right::<18>())
        .xor(x.shift_right::<3>())
}

#[inline(always)]
fn small_sigma_1<W: Word>(x: W) -> W {
    x.rotate_right::<17>()
        .xor(x.rotate_right::<19>())
        .xor(x.shift_right::<10>())
}

#[inline(always)]
fn round<W: Word>([a, b, c, d, e, f, g, h]: [W; 8], input: W) -> [W; 8] {
    let t1 = first_sum([e, f, g, h], input);
    let big_sigma_0 = a
        .rotate_right::<2>()
        .xor(a.rotate_right::<13>())
        .xor(a.rotate_right::<22>());
    let majority = a.and(b).or(c.and(a.or(b)));
    let t2 = big_sigma_0.add(majority);
    [t1.add(t2), a, b, c, d.add(t1), e, f, g]
}

/// T1 of a round (FIPS 180-4, section 6.2.2).
#[inline(always)]
fn first_sum<W: Word>([e, f, g, h]: [W; 4], input: W) -> W {
    let big_sigma_1 = e
        .rotate_right::<6>()
        .xor(e.rotate_right::<11>())
        .xor(e.rotate_right::<25>());
    let choice = g.xor(e.and(f.xor(g)));
    h.add(input).add(big_sigma_1).add(choice)
}

/// Goes through rounds, each with its number and its schedule word.
macro_rules! rounds {
    ($job:ident, $state:ident: $($index:literal $word:expr),+ $(,)?) => {
        $(let $state = round($state, $word.add(W::splat($job.constants[$index])));)+
    };
}

/// Extends the schedule: each new word from those 2, 7, 15 and 16 before it.
macro_rules! schedule {
    ($($new:ident = $w2:ident $w7:ident $w15:ident $w16:ident),+ $(,)?) => {
        $(let $new = small_sigma_1($w2).add($w7).add(small_sigma_0($w15)).add($w16);)+
    };
}

/// The hash's last word, as a number to be compared, of the nonces with these high halves.
#[inline(always)]
pub(super) fn most_significant<W: Word>(job: &Job, high: W) -> W {
    let s = &job.schedule;
    let splat = W::splat;
    let [.., w13, w14, w15] = job.block.map(splat);

    let w12 = high.swap_bytes();
    let w16 = splat(s.w16);
    let w17 = splat(s.w17);
    let w18 = splat(s.w18);
    let w19 = splat(s.w19).add(w12);
    let w20 = splat(s.w20);
    let w21 = splat(s.w21).add(small_sigma_1(w19));
    let w22 = splat(s.w22);
    let w23 = splat(s.w23).add(small_sigma_1(w21));
    let w24 = splat(s.w24);
    let w25 = splat(s.w25).add(small_sigma_1(w23));
    let w26 = splat(s.w26).add(w19);
    let w27 = splat(s.w27).add(small_sigma_1(w25)).add(small_sigma_0(w12));
    let w28 = splat(s.w28).add(small_sigma_1(w26)).add(w21).add(w12);
    let w29 = splat(s.w29).add(small_sigma_1(w27));
    let w30 = splat(s.w30).add(small_sigma_1(w28)).add(w23);
    let w31 = splat(s.w31).add(small_sigma_1(w29));
    let w32 = splat(s.w32).add(small_sigma_1(w30)).add(w25);
    let w33 = splat(s.w33).add(small_sigma_1(w31)).add(w26);
    let w34 = splat(s.w34)
        .add(small_sigma_1(w32))
        .add(w27)
        .add(small_sigma_0(w19));

    let state = job.state_12.map(splat);
    rounds!(job, state:
        12 w12, 13 w13, 14 w14, 15 w15, 16 w16, 17 w17, 18 w18, 19 w19, 20 w20, 21 w21, 22 w22,
        23 w23, 24 w24, 25 w25, 26 w26, 27 w27, 28 w28, 29 w29, 30 w30, 31 w31, 32 w32, 33 w33,
        34 w34,
    );
    schedule! {
        w35 = w33 w28 w20 w19, w36 = w34 w29 w21 w20, w37 = w35 w30 w22 w21,
        w38 = w36 w31 w23 w22, w39 = w37 w32 w24 w23, w40 = w38 w33 w25 w24,
        w41 = w39 w34 w26 w25, w42 = w40 w35 w27 w26, w43 = w41 w36 w28 w27,
        w44 = w42 w37 w29 w28, w45 = w43 w38 w30 w29, w46 = w44 w39 w31 w30,
        w47 = w45 w40 w32 w31, w48 = w46 w41 w33 w32, w49 = w47 w42 w34 w33,
        w50 = w48 w43 w35 w34, w51 = w49 w44 w36 w35, w52 = w50 w45 w37 w36,
        w53 = w51 w46 w38 w37, w54 = w52 w47 w39 w38, w55 = w53 w48 w40 w39,
        w56 = w54 w49 w41 w40, w57 = w55 w50 w42 w41, w58 = w56 w51 w43 w42,
        w59 = w57 w52 w44 w43, w60 = w58 w53 w45 w44,
    }
    rounds!(job, state:
        35 w35, 36 w36, 37 w37, 38 w38, 39 w39, 40 w40, 41 w41, 42 w42, 43 w43, 44 w44, 45 w45,
        46 w46, 47 w47, 48 w48, 49 w49, 50 w50, 51 w51, 52 w52, 53 w53, 54 w54, 55 w55, 56 w56,
        57 w57, 58 w58, 59 w59,
    );
    // What round 60 adds as `e` ends as `h`.
    let [_, _, _, d, e, f, g, h] = state;
    let e_60 = d.add(first_sum([e, f, g, h], w60.add(splat(job.constants[60]))));
    let [.., mid_h] = job.midstate;
    e_60.add(splat(mid_h)).swap_bytes()
}
