//! Proof of stake as plainly as it can be written: lists of balances, long division bit by bit.

use shared::block::{Seal, SealedHeader};
use shared::encoding::encode;
use shared::hash::Hash;
use shared::keys::PublicKey;
use shared::limits::{STAKE_EMPTY_SLOTS, STAKE_HOLDERS_MAX};
use shared::network::{Holder, NetworkParameters, Stake};
use shared::stake::{Holders, Lottery, Stakes};
use shared::state::Entry;

use super::{NaiveState, sha256};
use crate::invariants::Broken;

/// What a block leaves to its successors.
#[derive(Clone, Debug)]
pub(super) struct NaiveTurn {
    slot: u64,
    seed: Hash,
    fold: Hash,
    current: Vec<(PublicKey, u64)>,
    next: Vec<(PublicKey, u64)>,
    /// The weight of the chain up to here.
    weight: u128,
}

impl NaiveTurn {
    fn genesis(network: &NetworkParameters, rules: &Stake) -> Self {
        let first = rules.holders.iter();
        let first = held(first.map(|holder| (holder.key, holder.stake)));
        let seed = seed(&Hash(network.id().0), 0);
        Self {
            slot: 0,
            seed,
            fold: seed,
            current: first.clone(),
            next: first,
            weight: 0,
        }
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        let of = |list: &[(PublicKey, u64)]| {
            let holders = list.iter();
            Holders::of(holders.map(|(key, stake)| Holder {
                key: *key,
                stake: *stake,
            }))
        };
        vec![
            Entry::Lottery(Lottery {
                slot: self.slot,
                seed: self.seed,
                fold: self.fold,
            }),
            Entry::Stakes(Stakes {
                current: of(&self.current),
                next: of(&self.next),
            }),
        ]
    }

    /// As the 40 bytes of a chain's work.
    pub(super) fn weight(&self) -> Vec<u8> {
        let mut bytes = self.weight.to_le_bytes().to_vec();
        bytes.resize(40, 0);
        bytes
    }
}

/// What a block upon `parent` leaves to its successors, if it was its producer's turn.
pub(super) fn turn(
    network: &NetworkParameters,
    rules: &Stake,
    parent: &NaiveState,
    sealed: &SealedHeader,
) -> Result<NaiveTurn, Broken> {
    let header = &sealed.header;
    let broken = |promise, what: String| Err((promise, format!("block {}: {what}", header.height)));
    let before = match &parent.turn {
        Some(turn) => turn.clone(),
        None => NaiveTurn::genesis(network, rules),
    };
    let slot = (header.timestamp_ms - network.created_at_ms) / rules.slot_ms;
    if slot <= before.slot {
        let what = format!("slot {slot} comes after slot {}", before.slot);
        return broken("slots increase along a chain", what);
    }
    let held = if parent.height == 0 {
        before.next.clone()
    } else {
        held(
            parent
                .accounts
                .iter()
                .map(|(key, account)| (*key, account.balance)),
        )
    };
    let epoch = slot / rules.epoch_slots;
    let (current, next, seed, fold) = match epoch - before.slot / rules.epoch_slots {
        0 => (before.current, before.next, before.seed, before.fold),
        later => {
            let seed = seed(&before.fold, epoch);
            let current = if later == 1 {
                before.next
            } else {
                held.clone()
            };
            (current, held, seed, seed)
        }
    };
    let producer = header.producer;
    let own = current.iter().find(|(key, _)| *key == producer);
    let own = own.map_or(0, |(_, stake)| *stake);
    let total = current.iter().map(|(_, stake)| u128::from(*stake)).sum();
    let doublings = (slot - before.slot - 1).saturating_sub(STAKE_EMPTY_SLOTS);
    let doublings = doublings.min(64);
    let tag = b"tabchain/stake/ticket/v1";
    let ticket = sha256(&[tag, &seed.0, &slot.to_le_bytes(), &producer.0]);
    if !is_below(&ticket, own, total, doublings) {
        let what = format!("{producer} with {own} of {total} did not draw slot {slot}");
        return broken("who produces has drawn the slot", what);
    }
    let tag = b"tabchain/seal/v1".as_slice();
    let statement = [tag, &network.id().0, &header.hash().0].concat();
    let is_signed = match &sealed.seal {
        Seal::Stake(signature) => producer.verify(&statement, signature).is_ok(),
        Seal::Work => false,
    };
    if !is_signed {
        return broken("a block is signed by its producer", format!("{sealed:?}"));
    }
    Ok(NaiveTurn {
        slot,
        seed,
        fold: sha256(&[b"tabchain/stake/fold/v1", &fold.0, &producer.0]),
        current,
        next,
        weight: before.weight + ((1 << 64) >> doublings),
    })
}

fn seed(fold: &Hash, epoch: u64) -> Hash {
    sha256(&[b"tabchain/stake/seed/v1", &encode(fold), &encode(&epoch)])
}

fn held(accounts: impl Iterator<Item = (PublicKey, u64)>) -> Vec<(PublicKey, u64)> {
    let mut held: Vec<_> = accounts.filter(|(_, balance)| *balance > 0).collect();
    held.sort_by(|(one, more), (other, less)| less.cmp(more).then(one.cmp(other)));
    held.truncate(STAKE_HOLDERS_MAX);
    held
}

/// Whether a ticket is below ⌊stake · 2^254 / total⌋ · 2^doublings: long division from the top bit.
fn is_below(ticket: &Hash, stake: u64, total: u128, doublings: u64) -> bool {
    let mut remainder = 0_u128;
    let mut quotient = Vec::new();
    for place in (0..64 + 254).rev() {
        let digit = if place < 254 {
            0
        } else {
            stake >> (place - 254) & 1
        };
        remainder = remainder * 2 + u128::from(digit);
        quotient.push(remainder >= total);
        if remainder >= total {
            remainder -= total;
        }
    }
    quotient.extend((0..doublings).map(|_| false));
    // Both as bits, the top one first, of the same length.
    let bytes = ticket.0.iter().rev();
    let bits = bytes.flat_map(|byte| (0..8).rev().map(move |place| byte >> place & 1 == 1));
    let above = (0..quotient.len() - 256).map(|_| false);
    above.chain(bits).lt(quotient)
}
