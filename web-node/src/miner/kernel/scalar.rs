//! One attempt at a time: for browsers without SIMD, and as the plain form of the other kernel.

use super::sha256::inputs;
use super::{Found, Job, Kernel};

/// Tries one version of one nonce at a time.
#[derive(Clone, Copy, Debug)]
pub struct Scalar;

impl Kernel for Scalar {
    fn search(job: &Job, first: u32, count: u32) -> Option<Found> {
        let [limit, ..] = job.target;
        let highs = (0..count).map(|offset| first.wrapping_add(offset));
        highs
            .flat_map(|high| {
                let inputs = inputs(&job.block(high));
                let starts = job.starts.iter().enumerate();
                starts.map(move |(version, start)| {
                    let found = Found { version, high };
                    (found, start.most_significant(&inputs))
                })
            })
            .find(|(found, word)| *word <= limit && job.is_met_by(found))
            .map(|(found, _)| found)
    }
}
