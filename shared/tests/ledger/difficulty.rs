//! The difficulty against aserti3-2d's vectors, and its two additions against swings of hash power.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use proptest::prelude::*;
use shared::difficulty::{
    ChainWork, Parent, Schedule, Target, TargetError, aserti3_2d, exponent, next,
};
use shared::hash::BlockHash;
use shared::network::Work as Rules;

use crate::common::cases;

/// The runs of the specification, in seconds: 600 a block, half-life of two days.
const RUNS: [&str; 6] = [
    include_str!("../data/aserti3-2d/run01"),
    include_str!("../data/aserti3-2d/run02"),
    include_str!("../data/aserti3-2d/run03"),
    include_str!("../data/aserti3-2d/run04"),
    include_str!("../data/aserti3-2d/run05"),
    include_str!("../data/aserti3-2d/run06"),
];
const RUN_SPACING: i128 = 600;
const RUN_HALF_LIFE: i128 = 172_800;
/// The easiest target of the chain that the vectors are from.
const RUN_EASIEST_BITS: u32 = 0x1d00_ffff;

#[test]
fn targets_are_those_of_the_specifications_vectors() {
    let mut rows = 0;
    for run in RUNS {
        let anchor_height: i128 = head_value(run, "anchor height").parse().unwrap();
        let anchor_time: i128 = head_value(run, "anchor ancestor time").parse().unwrap();
        let anchor_bits = bits(head_value(run, "anchor nBits"));
        for line in run
            .lines()
            .filter(|line| line.starts_with(|first: char| first.is_ascii_digit()))
        {
            let columns: Vec<_> = line.split_whitespace().collect();
            let [_, height, time, expected] = columns[..] else {
                panic!("{line}: four columns expected");
            };
            let elapsed = time.parse::<i128>().unwrap() - anchor_time;
            let blocks = height.parse::<i128>().unwrap() - anchor_height + 1;
            let behind = elapsed - RUN_SPACING * blocks;
            let exponent = exponent(behind, RUN_HALF_LIFE);
            let came = aserti3_2d(anchor_bits, exponent, RUN_EASIEST_BITS);
            assert_eq!(came, bits(expected), "{line}: {came:#010x}");
            rows += 1;
        }
    }
    assert_eq!(rows, 1480);
}

fn head_value<'a>(run: &'a str, name: &str) -> &'a str {
    let line = run.lines().find(|line| line.contains(name)).unwrap();
    line.rsplit(": ").next().unwrap().trim()
}

fn bits(digits: &str) -> u32 {
    u32::from_str_radix(digits.trim_start_matches("0x"), 16).unwrap()
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn a_compact_target_that_is_accepted_has_one_form(bits: u32) {
        if let Ok(target) = Target::from_compact(bits) {
            prop_assert_eq!(target.to_compact(), bits);
        }
    }

    #[test]
    fn what_stands_in_shortest_form_is_accepted(exponent in 3_u32..=32, mantissa in 0x8000_u32..0x80_0000) {
        let bits = exponent << 24 | mantissa;
        prop_assert_eq!(Target::from_compact(bits).map(Target::to_compact), Ok(bits));
    }

    #[test]
    fn more_time_never_makes_a_target_harder(
        behind in -2_000_000_i128..2_000_000,
        more in 0_i128..1_000_000,
    ) {
        let target = |behind| {
            let exponent = exponent(behind, 120_000);
            Target::from_compact(aserti3_2d(0x1e00_ffff, exponent, 0x2000_ffff)).unwrap()
        };
        prop_assert!(target(behind) <= target(behind + more));
    }
}

#[test]
fn compact_targets_that_stand_for_none_are_refused() {
    let refused = [
        (0x0000_0000, "zero"),
        (0x2000_0000, "zero with an exponent"),
        (0x0100_00ff, "shifted to zero"),
        (0x1d80_ffff, "negative"),
        (0x0180_0000, "negative, one byte"),
        (0x1e00_00ff, "not in its shortest form"),
        (0x0400_0001, "not in its shortest form"),
        (0x0112_3456, "with digits that are shifted out"),
        (0x2101_0000, "257 bits"),
        (0x2200_ffff, "over 256 bits"),
        (0xff00_ffff, "far over 256 bits"),
    ];
    for (bits, why) in refused {
        assert_eq!(Target::from_compact(bits), Err(TargetError(bits)), "{why}");
    }
    for bits in [
        0x0101_0000,
        0x0300_ffff,
        0x1d00_ffff,
        0x207f_ffff,
        0x2100_ffff,
    ] {
        assert!(Target::from_compact(bits).is_ok(), "{bits:#010x}");
    }
}

#[test]
fn a_hash_is_a_little_endian_number_and_may_equal_its_target() {
    let target = Target::from_compact(0x0300_ffff).unwrap();
    let hash = |low: [u8; 3]| {
        let mut bytes = [0; 32];
        bytes[..3].copy_from_slice(&low);
        BlockHash(bytes)
    };
    assert!(target.is_met_by(&hash([0xff, 0xff, 0])));
    assert!(!target.is_met_by(&hash([0, 0, 1])));
    assert_eq!(target.to_bytes(), hash([0xff, 0xff, 0]).0);
    let mut high = [0; 32];
    high[31] = 1;
    assert!(!target.is_met_by(&BlockHash(high)));
}

#[test]
fn work_is_the_expected_number_of_hashes() {
    for bits in 1..=255_u8 {
        let work = Target::of_expected_hashes(bits).work().to_f64();
        let expected = 2_f64.powi(i32::from(bits));
        assert!((work / expected - 1.0).abs() < 0.51, "{bits}: {work}");
    }
    let one = Target::from_compact(0x1d00_ffff).unwrap().work();
    assert_eq!(one.plus(one).to_f64(), 2.0 * one.to_f64());
    assert!(ChainWork::default() < one && one < one.plus(one));
}

const SPACING_MS: u64 = 10_000;
const SPACING_S: f64 = 10.0;
const HOUR_S: f64 = 3_600.0;
/// 2^16 hashes for the first block: 6,554 hashes a second hold the spacing.
const RULES: Rules = Rules {
    spacing_ms: SPACING_MS,
    first_bits: 0x1f00_ffff,
    easiest_bits: 0x1f00_ffff,
};

/// A chain whose miners always take exactly the time to be expected.
struct Miners {
    rules: Rules,
    parent: Parent,
    now_ms: u64,
}

impl Miners {
    fn new(rules: Rules) -> Self {
        let mut miners = Self {
            rules,
            parent: Parent {
                height: 0,
                timestamp_ms: 0,
                schedule: Schedule::default(),
            },
            now_ms: 1_000_000,
        };
        miners.extend_at(1_000_000);
        miners
    }

    /// Mines one block at this rate; how long that took, in seconds.
    fn mine(&mut self, hashes_per_second: f64) -> f64 {
        let start_ms = self.now_ms;
        let late_ms = self.parent.timestamp_ms + 6 * SPACING_MS;
        let (mut at_ms, mut done) = (start_ms, 0.0);
        loop {
            let (bits, _) = next(&self.rules, &self.parent, at_ms + 1);
            let hashes = Target::from_compact(bits).unwrap().work().to_f64();
            let left_ms = (1.0 - done) * hashes / hashes_per_second * 1_000.0;
            // The target stays until the block is late; from then on it becomes easier, here in
            // steps of a tenth of a spacing, up to the easiest.
            let constant_ms = if bits == self.rules.easiest_bits {
                f64::INFINITY
            } else if at_ms < late_ms {
                (late_ms - at_ms) as f64
            } else {
                SPACING_MS as f64 / 10.0
            };
            if left_ms <= constant_ms {
                at_ms += left_ms.ceil() as u64;
                break;
            }
            done += constant_ms * hashes_per_second / 1_000.0 / hashes;
            at_ms += constant_ms as u64;
        }
        self.extend_at(at_ms);
        (at_ms - start_ms) as f64 / 1_000.0
    }

    fn extend_at(&mut self, at_ms: u64) {
        let (_, schedule) = next(&self.rules, &self.parent, at_ms);
        self.parent = Parent {
            height: self.parent.height + 1,
            timestamp_ms: at_ms,
            schedule,
        };
        self.now_ms = at_ms;
    }

    /// Blocks within so many seconds at this rate.
    fn blocks_within(&mut self, seconds: f64, hashes_per_second: f64) -> u64 {
        let first = self.parent.height;
        let mut left_s = seconds;
        while left_s > 0.0 {
            left_s -= self.mine(hashes_per_second);
        }
        self.parent.height - first
    }
}

const STEADY_HASHES_PER_S: f64 = 65_536.0 / SPACING_S;

#[test]
fn at_a_steady_rate_the_spacing_holds() {
    let harder = Rules {
        first_bits: 0x1f00_ffff,
        easiest_bits: 0x2000_ffff,
        ..RULES
    };
    let mut miners = Miners::new(harder);
    let blocks = miners.blocks_within(HOUR_S, STEADY_HASHES_PER_S);
    assert!((355..=365).contains(&blocks), "{blocks} blocks in an hour");
    let blocks = miners.blocks_within(HOUR_S, 8.0 * STEADY_HASHES_PER_S);
    assert!((360..=420).contains(&blocks), "{blocks} after a rise");
}

#[test]
fn idleness_at_the_easiest_target_earns_no_credit() {
    let mut miners = Miners::new(RULES);
    miners.blocks_within(HOUR_S, STEADY_HASHES_PER_S);
    // One miner of a hundred remains over the weekend: at the easiest target it falls far behind.
    miners.blocks_within(60.0 * HOUR_S, STEADY_HASHES_PER_S / 100.0);
    let blocks = miners.blocks_within(HOUR_S, 20.0 * STEADY_HASHES_PER_S);
    // 360 and what the half-life of twelve blocks takes to catch up with twenty times the rate.
    assert!((360..=460).contains(&blocks), "{blocks} blocks in the hour");
}

#[test]
fn an_idle_weekend_without_a_single_block_earns_no_credit() {
    let mut miners = Miners::new(RULES);
    miners.blocks_within(HOUR_S, STEADY_HASHES_PER_S);
    miners.now_ms += 60 * 3_600_000;
    let blocks = miners.blocks_within(HOUR_S, 20.0 * STEADY_HASHES_PER_S);
    assert!((360..=460).contains(&blocks), "{blocks} blocks in the hour");
}

/// What the addition is for: with plain ASERT the weekend is spent on a flood.
#[test]
fn plain_asert_would_spend_the_weekend_on_a_flood() {
    let behind_ms = 60 * 3_600_000;
    let half_life_ms = 12 * i128::from(SPACING_MS);
    let hour_of_blocks = 360 * i128::from(SPACING_MS);
    // Twenty times the rate at the easiest target is 7,200 blocks an hour, and none of them
    // would have made the next one harder.
    let after = exponent(behind_ms - 20 * hour_of_blocks, half_life_ms);
    assert_eq!(
        aserti3_2d(RULES.first_bits, after, RULES.easiest_bits),
        RULES.easiest_bits
    );
}

#[test]
fn the_loss_of_most_hash_power_is_survived_in_bounded_time() {
    let rules = Rules {
        easiest_bits: 0x2000_ffff,
        ..RULES
    };
    let mut miners = Miners::new(rules);
    miners.blocks_within(HOUR_S, 200.0 * STEADY_HASHES_PER_S);
    let wait_s = miners.mine(STEADY_HASHES_PER_S);
    // Judged at its parent's time the block would take 200 spacings, 2,000 s.
    assert!(wait_s < 700.0, "the first block took {wait_s} s");
    let waits: Vec<f64> = (0..60).map(|_| miners.mine(STEADY_HASHES_PER_S)).collect();
    let longest_s = waits.iter().copied().fold(0.0, f64::max);
    assert!(longest_s < 700.0, "a later block took {longest_s} s");
    let last_s = waits[waits.len() - 1];
    assert!(
        (SPACING_S / 2.0..SPACING_S * 2.0).contains(&last_s),
        "after sixty blocks one takes {last_s} s"
    );
}

#[test]
fn a_late_block_is_judged_at_its_own_time_and_no_other_is() {
    let rules = Rules {
        easiest_bits: 0x2000_ffff,
        ..RULES
    };
    let parent = Parent {
        height: 100,
        timestamp_ms: 99 * SPACING_MS + 1,
        schedule: Schedule {
            anchor_ms: 1,
            forgiven_ms: 0,
        },
    };
    let bits_after = |wait_ms| next(&rules, &parent, parent.timestamp_ms + wait_ms).0;
    assert_eq!(bits_after(1), rules.first_bits);
    assert_eq!(bits_after(6 * SPACING_MS), rules.first_bits);
    let target = |bits| Target::from_compact(bits).unwrap();
    assert!(target(bits_after(6 * SPACING_MS + 1)) > target(rules.first_bits));
    // One half-life late, twice as easy.
    assert_eq!(bits_after(12 * SPACING_MS), 0x1f01_fffe);
}
