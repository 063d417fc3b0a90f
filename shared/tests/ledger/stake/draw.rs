//! The draw itself: who gets how much of it, and what cannot be had from it.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::hash::{BlockHash, NetworkId};
use shared::keys::PublicKey;
use shared::limits::{STAKE_ACTIVE_SLOTS_LOG2, STAKE_EMPTY_SLOTS, STAKE_HOLDERS_MAX};
use shared::network::{Holder, Stake};
use shared::stake::{Holders, Lottery, is_drawn, ticket, weight};

use super::{EPOCH_SLOTS, keys, stake_network};

/// The little-endian number whose highest bytes are these.
fn number(highest: &[u8]) -> BlockHash {
    let mut bytes = [0; 32];
    for (to, from) in bytes.iter_mut().rev().zip(highest) {
        *to = *from;
    }
    BlockHash(bytes)
}

#[test]
fn the_threshold_is_the_share_of_a_quarter_of_all_numbers() {
    assert_eq!(STAKE_ACTIVE_SLOTS_LOG2, 2);
    let below = number(&[0x3f, 0xff]);
    let at = number(&[0x40]);
    assert!(is_drawn(&below, 7, 7, 0) && !is_drawn(&at, 7, 7, 0));
    let half = number(&[0x20]);
    assert!(is_drawn(&number(&[0x1f, 0xff]), 1, 2, 0) && !is_drawn(&half, 1, 2, 0));
    assert!(is_drawn(&half, 1, 2, 1), "doubled once");
    let highest = BlockHash([0xff; 32]);
    assert!(!is_drawn(&highest, 1, 2, 2) && is_drawn(&highest, 1, 2, 3));
    assert!(is_drawn(&highest, u64::MAX, u128::from(u64::MAX), 64));
    assert!(!is_drawn(&highest, 1, u128::from(u64::MAX), 64));
}

#[test]
fn each_doubling_halves_the_weight() {
    for doublings in 0..64 {
        let (more, less) = (weight(doublings), weight(doublings + 1));
        assert_eq!(more, less.plus(less));
    }
    assert_eq!(weight(64).to_f64(), 1.0);
}

#[test]
fn chances_double_after_so_many_empty_slots() {
    let network = stake_network();
    let lottery = Lottery::genesis(&network.id());
    let rules = network.stake().unwrap();
    let doublings = |slot| lottery.ticket(rules, slot, &PublicKey([1; 32])).unwrap().1;
    let last = STAKE_EMPTY_SLOTS + 1;
    assert_eq!(
        [1, last, last + 1, last + 2, last + 64, last + 65].map(doublings),
        [0, 0, 1, 2, 64, 64]
    );
}

#[test]
fn only_the_greatest_holders_count() {
    let all = (0..=STAKE_HOLDERS_MAX as u64).map(|number| {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&number.to_be_bytes());
        Holder {
            key: PublicKey(key),
            stake: number,
        }
    });
    let holders = Holders::of(all);
    assert_eq!(holders.as_slice().len(), STAKE_HOLDERS_MAX);
    assert!(
        holders
            .as_slice()
            .is_sorted_by(|one, next| one.stake >= next.stake)
    );
    assert_eq!(holders.stake_of(&PublicKey([0; 32])), 0, "holds nothing");
}

/// The draw alone, slot by slot, as long as everybody produces.
struct Slots {
    rules: Stake,
    holders: Holders,
    lottery: Lottery,
}

impl Slots {
    fn new(network: u8, holders: &[(PublicKey, u64)]) -> Self {
        let rules = stake_network().stake().unwrap().clone();
        Self {
            rules,
            holders: Holders::of(holders.iter().map(|(key, stake)| Holder {
                key: *key,
                stake: *stake,
            })),
            lottery: Lottery::genesis(&NetworkId([network; 32])),
        }
    }

    /// Those who draw a slot, the winner first.
    fn drawn(&self, slot: u64) -> Vec<PublicKey> {
        let seed = self
            .lottery
            .after(&self.rules, slot, &PublicKey([0; 32]))
            .seed;
        let mut drawn: Vec<_> = self
            .holders
            .as_slice()
            .iter()
            .map(|holder| holder.key)
            .filter(|key| {
                let draw = self.lottery.draw(&self.rules, &self.holders, slot, key);
                draw.is_ok()
            })
            .collect();
        drawn.sort_by_key(|key| ticket(&seed, slot, key));
        drawn
    }

    fn produce(&mut self, slot: u64, producer: &PublicKey) {
        self.lottery = self.lottery.after(&self.rules, slot, producer);
    }
}

/// How many standard deviations a number of successes lies off its expectation.
fn deviations(successes: u64, of: u64, share: f64) -> f64 {
    let expected = of as f64 * share;
    (successes as f64 - expected) / (expected * (1.0 - share)).sqrt()
}

#[test]
fn over_ten_thousand_slots_blocks_are_shared_as_stake_is() {
    let stakes = [500, 250, 150, 70, 30];
    let holders: Vec<_> = keys(1..=5).into_iter().zip(stakes).collect();
    let mut slots = Slots::new(1, &holders);
    let mut made = [0_u64; 5];
    for slot in 1..=10_000 {
        if let Some(winner) = slots.drawn(slot).first().copied() {
            let index = holders.iter().position(|(key, _)| *key == winner);
            made[index.unwrap()] += 1;
            slots.produce(slot, &winner);
        }
    }
    let blocks: u64 = made.iter().sum();
    // Fewer than one in four: of two who draw one slot one loses.
    assert!((2_000..2_500).contains(&blocks), "{blocks}");
    for (made, stake) in made.iter().zip(stakes) {
        let off = deviations(*made, blocks, stake as f64 / 1_000.0);
        assert!(off.abs() < 3.0, "{stake}: {made} of {blocks}, {off}");
    }
}

/// Slots of an epoch with this seed that one of these keys draws.
fn gain(slots: &Slots, epoch: u64, own: &[PublicKey]) -> usize {
    let from = epoch * EPOCH_SLOTS;
    (from..from + EPOCH_SLOTS)
        .filter(|slot| slots.drawn(*slot).iter().any(|key| own.contains(key)))
        .count()
}

/// A third of the stake, on ten keys. Where several of them draw the last slots of an epoch, their
/// holder signs with the one whose seed gives it most of the next epoch.
#[test]
fn a_holder_that_tries_all_its_keys_gains_nothing_measurable() {
    let own = keys(1..=10);
    let others = keys(11..=20);
    let holders: Vec<_> = own
        .iter()
        .map(|key| (*key, 50))
        .chain(others.iter().map(|key| (*key, 100)))
        .collect();
    let (mut made, mut blocks, mut choices) = (0_u64, 0_u64, 0_u64);
    let mut slots = Slots::new(2, &holders);
    for slot in 1..=10_000_u64 {
        let drawn = slots.drawn(slot);
        let Some(winner) = drawn.first().copied() else {
            continue;
        };
        blocks += 1;
        let mine: Vec<_> = drawn.iter().filter(|key| own.contains(key)).collect();
        let is_mine = own.contains(&winner);
        let epoch = slot / EPOCH_SLOTS;
        let best = mine.iter().max_by_key(|key| {
            let mut tried = Slots {
                rules: slots.rules.clone(),
                holders: slots.holders.clone(),
                lottery: slots.lottery,
            };
            tried.produce(slot, key);
            gain(&tried, epoch + 1, &own)
        });
        let is_late = slot % EPOCH_SLOTS >= EPOCH_SLOTS - 4;
        match best {
            Some(best) if is_mine && is_late && mine.len() > 1 => {
                choices += 1;
                slots.produce(slot, best);
            }
            _ => slots.produce(slot, &winner),
        }
        made += u64::from(is_mine);
    }
    assert!(choices > 0, "it never had a choice");
    let off = deviations(made, blocks, 1.0 / 3.0);
    assert!(
        off.abs() < 3.0,
        "{made} of {blocks}, {off}, {choices} choices"
    );
}

/// Before stake is frozen its holder does not know the seed with which it will be drawn. It moves
/// all of it, each epoch, to the one of many keys that would do best with the newest seed there is.
#[test]
fn a_holder_that_moves_its_stake_to_the_best_key_gains_nothing_measurable() {
    let others = keys(1..=5);
    let candidates = keys(100..=131);
    let with = |key: PublicKey| -> Vec<_> {
        let others = others.iter().map(|key| (*key, 100));
        others.chain([(key, 250)]).collect()
    };
    let best_for = |slots: &Slots, epoch| {
        let best = candidates.iter().max_by_key(|key| {
            let tried = Slots {
                rules: slots.rules.clone(),
                holders: Slots::new(0, &with(**key)).holders,
                lottery: slots.lottery,
            };
            gain(&tried, epoch, &[**key])
        });
        *best.unwrap()
    };
    // What counts in this epoch, in the next, and in the one after.
    let mut chosen = [candidates[0]; 3];
    let mut slots = Slots::new(3, &with(chosen[0]));
    let (mut made, mut blocks) = (0_u64, 0_u64);
    for slot in 1..=10_000_u64 {
        if slot % EPOCH_SLOTS == 0 {
            // The stake is where the holder moved it in the epoch that ends here.
            chosen = [chosen[1], chosen[2], best_for(&slots, slot / EPOCH_SLOTS)];
            slots.holders = Slots::new(0, &with(chosen[0])).holders;
        }
        if let Some(winner) = slots.drawn(slot).first().copied() {
            blocks += 1;
            made += u64::from(winner == chosen[0]);
            slots.produce(slot, &winner);
        }
    }
    let off = deviations(made, blocks, 1.0 / 3.0);
    assert!(off.abs() < 3.0, "{made} of {blocks}, {off}");
}
