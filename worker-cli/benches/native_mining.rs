//! Hashes per second of the miners' kernel beside one compression by `sha2` for each attempt, in
//! one run on one thread. `cargo xtask bench native-mining` reads the figures.

use std::hint::black_box;
use std::time::{Duration, Instant};

use sha2::block_api::compress256;
use shared::block::Header;
use shared::hash::{BlockHash, Hash};
use shared::keys::PublicKey;
use shared::node::interface::MiningWork;
use worker::mining::Job;

const ATTEMPTS: u32 = 1 << 18;
/// Alternating, so that both see the same weather on a shared machine.
const ROUNDS: u32 = 60;

fn main() {
    let header = Header {
        version: Header::VERSION,
        height: 1,
        timestamp_ms: 1,
        previous: BlockHash::ZERO,
        tx_root: Hash::ZERO,
        state_root: Hash::ZERO,
        producer: PublicKey::default(),
        bits: 0,
        nonce: 0,
    };
    let work = MiningWork {
        work: 1,
        header,
        target: [0; 32],
    };
    let job = Job::new(&work, 1);
    let (mut kernel, mut plain) = (Duration::MAX, Duration::MAX);
    for round in 0..ROUNDS {
        let first = round * ATTEMPTS;
        kernel = kernel.min(time(|| {
            black_box(job.search(first, ATTEMPTS));
        }));
        plain = plain.min(time(|| compressions(first)));
    }
    figure("hashes per s per thread", per_second(kernel));
    figure("sha2 compressions per s", per_second(plain));
    figure(
        "kernel over sha2",
        plain.as_secs_f64() / kernel.as_secs_f64(),
    );
}

/// A whole block, its nonce set, compressed upon a kept state: what an attempt costs at least.
fn compressions(first: u32) {
    let mut block = [0; 64];
    for high in first..first + ATTEMPTS {
        if let Some(word) = block.get_mut(48..52) {
            word.copy_from_slice(&high.to_le_bytes());
        }
        let mut state = black_box([1; 8]);
        compress256(&mut state, black_box(&[block]));
        black_box(state);
    }
}

fn time(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

fn per_second(elapsed: Duration) -> f64 {
    f64::from(ATTEMPTS) / elapsed.as_secs_f64()
}

/// As `cargo xtask bench` reads it.
fn figure(what: &str, value: f64) {
    println!(
        "figure {}",
        serde_json::json!({ "what": what, "value": value })
    );
}
