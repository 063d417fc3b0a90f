//! Virtual miners: a rate and chance say when a block is found, and a few real hashes which.

use shared::block::Header;
use shared::difficulty::Target;

/// A nonce that meets the header's target.
pub(crate) fn search(mut header: Header) -> u64 {
    let Ok(target) = Target::from_compact(header.bits) else {
        return 0;
    };
    while !target.is_met_by(&header.hash()) {
        header.nonce = header.nonce.wrapping_add(1);
    }
    header.nonce
}

/// The time until an event of this mean, for a uniform draw from [0, 1).
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the product is positive and far below 2^53"
)]
pub(crate) fn exponential_ms(uniform: f64, mean_s: f64) -> u64 {
    (-ln(1.0 - uniform) * mean_s * 1000.0).clamp(1.0, 1e9) as u64
}

/// The natural logarithm of a number in (0, 1], by operations that IEEE 754 defines to the last
/// bit: a platform's own `ln` would make a trace differ between platforms.
fn ln(mut number: f64) -> f64 {
    let mut halvings = 0.0;
    while number < 0.5 && halvings < 1100.0 {
        number *= 2.0;
        halvings += 1.0;
    }
    // ln x = 2 artanh((x - 1) / (x + 1))
    let base = (number - 1.0) / (number + 1.0);
    let square = base * base;
    let (mut power, mut sum, mut odd) = (base, 0.0, 1.0);
    for _ in 0..20 {
        sum += power / odd;
        power *= square;
        odd += 2.0;
    }
    2.0 * sum - halvings * core::f64::consts::LN_2
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_logarithm_is_the_logarithm() {
        for number in [1.0, 0.999, 0.75, 0.5, 0.499, 0.1, 1e-9] {
            assert!(
                (super::ln(number) - f64::ln(number)).abs() < 1e-12,
                "{number}"
            );
        }
    }
}
