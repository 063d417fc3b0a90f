//! How long a dump waits before it tries again.

use std::time::Duration;

use crate::limits::{RETRY_MAX, RETRY_MIN};

/// Waits between attempts: doubling, with chance, so that dumps that lost one server together do
/// not come back together.
#[derive(Default)]
pub(super) struct Retries(u32);

impl Retries {
    pub(super) fn reset(&mut self) {
        self.0 = 0;
    }

    pub(super) fn next(&mut self) -> Duration {
        let full = RETRY_MIN.saturating_mul(1 << self.0.min(16)).min(RETRY_MAX);
        self.0 += 1;
        // Without randomness the longer wait is right.
        let chance = getrandom::u32().unwrap_or(u32::MAX);
        full.mul_f64(0.5 + 0.5 * f64::from(chance) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_begin_anew() {
        let mut retries = Retries::default();
        let mut expected = RETRY_MIN;
        for _ in 0..40 {
            let wait = retries.next();
            assert!(wait <= expected && wait >= expected / 2, "{wait:?}");
            expected = (expected * 2).min(RETRY_MAX);
        }
        retries.reset();
        assert!(retries.next() <= RETRY_MIN);
    }
}
