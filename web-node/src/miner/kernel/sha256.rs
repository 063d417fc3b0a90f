//! SHA-256's compression by its parts (FIPS 180-4), since a search needs some rounds alone.

use shared::hash::ROUND_CONSTANTS;

#[inline(always)]
pub(super) const fn small_sigma_0(x: u32) -> u32 {
    x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3)
}

#[inline(always)]
pub(super) const fn small_sigma_1(x: u32) -> u32 {
    x.rotate_right(17) ^ x.rotate_right(19) ^ (x >> 10)
}

/// One round; `input` is the schedule's word plus the round's constant.
#[inline(always)]
pub(super) const fn round(state: [u32; 8], input: u32) -> [u32; 8] {
    let [a, b, c, d, e, f, g, h] = state;
    let big_sigma_1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
    let choice = g ^ (e & (f ^ g));
    let t1 = h
        .wrapping_add(input)
        .wrapping_add(big_sigma_1)
        .wrapping_add(choice);
    let big_sigma_0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
    let majority = (a & b) | (c & (a | b));
    let t2 = big_sigma_0.wrapping_add(majority);
    [t1.wrapping_add(t2), a, b, c, d.wrapping_add(t1), e, f, g]
}

/// The state after one more block.
pub(super) fn compress(state: [u32; 8], block: &[u32; 16]) -> [u32; 8] {
    let mut schedule = *block;
    let mut after = state;
    let (rounds_16, _) = ROUND_CONSTANTS.as_chunks::<16>();
    for constants in rounds_16 {
        for (word, constant) in schedule.iter().zip(constants) {
            after = round(after, word.wrapping_add(*constant));
        }
        extend(&mut schedule);
    }
    let mut before = state.into_iter();
    after.map(|word| word.wrapping_add(before.next().unwrap_or_default()))
}

/// Replaces sixteen words of the schedule by the sixteen that follow.
fn extend(schedule: &mut [u32; 16]) {
    for _ in 0..16 {
        let [w0, w1, .., w9, _, _, _, _, w14, _] = *schedule;
        let next = small_sigma_1(w14)
            .wrapping_add(w9)
            .wrapping_add(small_sigma_0(w1))
            .wrapping_add(w0);
        schedule.rotate_left(1);
        if let Some(last) = schedule.last_mut() {
            *last = next;
        }
    }
}
