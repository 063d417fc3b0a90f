//! The kernels against plain SHA-256: the same nonces, whatever the header, target and range.
//! On this machine the scalar kernel, in a browser both.
#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use shared::block::Header;
use shared::hash::{BlockHash, Hash, Tag};
use shared::keys::PublicKey;
use shared::node::interface::MiningWork;
use web_node::miner::kernel::scalar::Scalar;
use web_node::miner::kernel::{Job, Kernel};

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test;
#[cfg(target_arch = "wasm32")]
wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_dedicated_worker);

/// Numbers that look random and are the same in every run.
struct Numbers {
    seed: u64,
    count: u64,
}

impl Numbers {
    fn bytes(&mut self) -> [u8; 32] {
        self.count += 1;
        Tag::HISTORY
            .hash(&[&self.seed.to_le_bytes(), &self.count.to_le_bytes()])
            .0
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(self.bytes()[..8].try_into().unwrap())
    }

    /// Any header, and a target that about one in 2^`difficulty_bits` hashes meets.
    fn work(&mut self, difficulty_bits: u32) -> MiningWork {
        let header = Header {
            version: Header::VERSION,
            height: self.number(),
            timestamp_ms: self.number(),
            previous: BlockHash(self.bytes()),
            tx_root: Hash(self.bytes()),
            state_root: Hash(self.bytes()),
            producer: PublicKey(self.bytes()),
            bits: u32::try_from(self.number() >> 32).unwrap(),
            nonce: 0,
        };
        let mut target = self.bytes();
        let top = u32::MAX >> difficulty_bits;
        target[28..].copy_from_slice(&top.to_le_bytes());
        MiningWork {
            work: 0,
            header,
            target,
        }
    }
}

/// What a kernel should find, version and nonce, by hashing whole headers.
fn expected(work: &MiningWork, low: u32, first: u32, count: u32) -> Option<(u32, u64)> {
    let target: Vec<u8> = work.target.iter().rev().copied().collect();
    let highs = (0..count).map(|offset| first.wrapping_add(offset));
    highs
        .flat_map(|high| {
            let nonce = u64::from(high) << 32 | u64::from(low);
            (0..16).map(move |bits| (Header::VERSION | bits << 16, nonce))
        })
        .find(|(version, nonce)| {
            let mut header = work.header.clone();
            (header.version, header.nonce) = (*version, *nonce);
            let hash: Vec<u8> = header.hash().0.iter().rev().copied().collect();
            hash <= target
        })
}

fn search<K: Kernel>(work: &MiningWork, low: u32, first: u32, count: u32) -> Option<(u32, u64)> {
    let job = Job::new(work, low);
    K::search(&job, first, count).map(|found| job.version_and_nonce(&found))
}

fn agrees_with_sha2<K: Kernel>(seed: u64) {
    let mut numbers = Numbers { seed, count: 0 };
    let mut found = 0;
    for round in 0..200 {
        let work = numbers.work(8 + round % 8);
        let low = u32::try_from(numbers.number() >> 32).unwrap();
        // From any nonce on, and over the end of the numbers in every fourth round.
        let first = match round % 4 {
            0 => u32::MAX - round,
            _ => u32::try_from(numbers.number() >> 32).unwrap(),
        };
        // Counts that are no multiple of the lanes among them.
        let count = 1 + round * 3;
        let met = search::<K>(&work, low, first, count);
        assert_eq!(met, expected(&work, low, first, count), "round {round}");
        found += u32::from(met.is_some());
    }
    assert!(found > 50, "only {found} rounds found anything");
}

/// The greatest and the smallest targets, and one that a hash just meets and just misses.
fn minds_the_edges_of_the_target<K: Kernel>() {
    let mut numbers = Numbers { seed: 99, count: 0 };
    for _ in 0..20 {
        let mut work = numbers.work(0);
        work.target = [0xff; 32];
        let first = (Header::VERSION, 5 << 32 | 7);
        assert_eq!(search::<K>(&work, 7, 5, 1), Some(first));
        work.target = [0; 32];
        assert_eq!(search::<K>(&work, 7, 5, 40), None);

        // The smallest of the hashes with this nonce.
        work.header.nonce = 6 << 32 | 7;
        let hashes = (0..16).map(|bits| {
            let mut header = work.header.clone();
            header.version |= bits << 16;
            (header.hash(), header.version)
        });
        let (smallest, version) = hashes.min().unwrap();
        work.target = smallest.0;
        let only = (version, work.header.nonce);
        assert_eq!(search::<K>(&work, 7, 6, 1), Some(only));
        let lowest = work.target.iter().position(|byte| *byte > 0).unwrap();
        work.target[lowest] -= 1;
        work.target[..lowest].fill(0xff);
        assert_eq!(search::<K>(&work, 7, 6, 1), None);
    }
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn scalar_kernel_agrees_with_sha2() {
    agrees_with_sha2::<Scalar>(1);
}

#[cfg_attr(target_arch = "wasm32", wasm_bindgen_test)]
#[cfg_attr(not(target_arch = "wasm32"), test)]
fn scalar_kernel_minds_the_edges_of_the_target() {
    minds_the_edges_of_the_target::<Scalar>();
}

#[cfg(target_arch = "wasm32")]
mod simd {
    use web_node::miner::kernel::simd::Simd;

    use super::{agrees_with_sha2, minds_the_edges_of_the_target, wasm_bindgen_test};

    #[wasm_bindgen_test]
    fn simd_kernel_agrees_with_sha2() {
        agrees_with_sha2::<Simd>(2);
    }

    #[wasm_bindgen_test]
    fn simd_kernel_minds_the_edges_of_the_target() {
        minds_the_edges_of_the_target::<Simd>();
    }
}
