//! Chance that is the same on machines of 32 and of 64 bits: `Rng::usize` is not.

use fastrand::Rng;

/// An index into so many choices; 0 where there is none.
pub(crate) fn index(rng: &mut Rng, choices: usize) -> usize {
    between(rng, 0, choices.saturating_sub(1))
}

/// A number from `least` to `most`.
pub(crate) fn between(rng: &mut Rng, least: usize, most: usize) -> usize {
    let wide = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    usize::try_from(rng.u64(wide(least)..=wide(most))).unwrap_or(most)
}
