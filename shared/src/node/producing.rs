//! Producing where the proof is stake: nothing is searched; at each slot's beginning a node looks
//! whether the slot is its own, and signs a block if it is.

use super::interface::{MiningPause, StakeView};
use super::{Followup, Node, Signing};
use crate::block::{Block, Body, Header, Seal, SealedHeader};
use crate::chain::Chain;
use crate::hash::NetworkId;
use crate::keys::{PublicKey, Signature};
use crate::limits::{
    STAKE_FORECAST_PRODUCERS_MAX, STAKE_FORECAST_SLOTS, STAKE_GAP_MAX_MS, STAKE_HOLDERS_SHOWN_MAX,
    STAKE_IN_TOUCH_MS,
};
use crate::network::Holder;
use crate::store::{Rows, Table, Write};

/// The name of the row in [`Table::Meta`] that holds the newest slot that this key has signed for.
const SIGNED_SLOT_ROW: &[u8] = b"signed-slot";

/// The newest slot that a key has signed a block for, and the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, borsh::BorshSerialize, borsh::BorshDeserialize)]
pub(super) struct SignedSlot {
    network: NetworkId,
    slot: u64,
}

impl SignedSlot {
    pub(super) fn restore(rows: &Rows) -> Option<Self> {
        let row = rows.get(Table::Meta, SIGNED_SLOT_ROW)?;
        crate::encoding::decode("signed slot", row).ok()
    }
}

impl Node {
    /// Why this key will not produce where the proof is stake.
    pub(super) fn stake_pause(&self, chain: &Chain) -> Option<MiningPause> {
        let slot = chain.slot_at(self.network_time_ms(self.clock.now_ms()))?;
        let holders = chain.holders_in(slot)?;
        if holders.stake_of(&self.key) == 0 {
            Some(MiningPause::NoStake)
        } else if self.in_touch_since_ms().is_none() {
            Some(MiningPause::NoRelay)
        } else {
            None
        }
    }

    /// Since when this node is a member whose key no other tab uses, and knows the relay's time.
    fn in_touch_since_ms(&self) -> Option<u64> {
        let since_ms = self.mining.in_touch_since_ms?;
        self.session.is_joined().then_some(since_ms)
    }

    /// A device that slept, or whose clock was set, waits for the relay's time: a block for a slot
    /// far ahead would keep its producer, and who builds on it, from all slots before that one.
    pub(super) fn note_gap(&mut self, gap_ms: u64) {
        let ledger = self.ledger.as_ref();
        let slot_ms = ledger
            .and_then(|ledger| ledger.replica.chain().network().stake())
            .map_or(0, |rules| rules.slot_ms);
        if gap_ms > slot_ms.saturating_add(STAKE_GAP_MAX_MS) {
            self.mining.in_touch_since_ms = None;
        }
    }

    /// When the next slot begins, by the clock to wait by, in a network of proof of stake.
    pub(super) fn next_slot_ms(&self) -> Option<u64> {
        let chain = self.ledger.as_ref()?.replica.chain();
        let slot = chain.slot_at(self.network_time_ms(self.clock.now_ms()))?;
        let start_ms = chain.slot_start_ms(slot.saturating_add(1));
        Some(self.steady_ms(start_ms))
    }

    /// Makes a block if it is this key's turn. What was signed is durable first: a second block for
    /// the slot would be a proof of misbehaviour.
    pub(super) fn take_turn(&mut self, now_ms: u64) {
        let turn = self.turn(now_ms);
        let (Some(signed), Some(ledger)) = (turn, &mut self.ledger) else {
            return;
        };
        let start_ms = ledger.replica.chain().slot_start_ms(signed.slot);
        let template = ledger.replica.template(self.key, start_ms);
        self.mining.signed = Some(signed);
        let row = Write::put(Table::Meta, SIGNED_SLOT_ROW, &signed);
        self.write(vec![row], vec![Followup::Seal(Box::new(template))]);
    }

    /// The present slot, if this key draws it and has signed nothing for it: neither here nor, as
    /// far as can be known, in another tab that had the key before.
    fn turn(&self, now_ms: u64) -> Option<SignedSlot> {
        let chain = self.ledger.as_ref()?.replica.chain();
        let network = chain.network_id();
        let slot = chain.slot_at(self.network_time_ms(now_ms))?;
        let start_ms = chain.slot_start_ms(slot);
        let since_ms = self.in_touch_since_ms()?;
        let is_in_touch = since_ms.saturating_add(STAKE_IN_TOUCH_MS) <= self.steady_ms(start_ms);
        let has_signed = self
            .mining
            .signed
            .is_some_and(|signed| signed.network == network && signed.slot >= slot);
        let is_free = !has_signed && chain.produced_at(&self.key, start_ms).is_none();
        let is_turn = is_in_touch && is_free && chain.may_produce(&self.key, slot);
        is_turn.then_some(SignedSlot { network, slot })
    }

    pub(super) fn seal(&mut self, template: Box<(Header, Body)>) {
        let Some(ledger) = &self.ledger else {
            return;
        };
        let network = ledger.replica.chain().network_id();
        let statement = SealedHeader::statement(&network, &template.0.hash());
        self.sign(statement, Signing::Block(template));
    }

    pub(super) fn sealed(&mut self, now_ms: u64, template: (Header, Body), signature: Signature) {
        let (header, body) = template;
        self.produced(
            now_ms,
            &Block {
                sealed: SealedHeader {
                    header,
                    seal: Seal::Stake(signature),
                },
                body,
            },
        );
    }

    /// What a page shows of proof of stake.
    pub(super) fn stake_view(&self) -> Option<StakeView> {
        let chain = self.ledger.as_ref()?.replica.chain();
        let rules = chain.network().stake()?;
        let slot = chain.slot_at(self.network_time_ms(self.clock.now_ms()))?;
        let next_epoch_slot = (rules.epoch(slot) + 1).saturating_mul(rules.epoch_slots);
        let holders = chain.holders_in(slot)?;
        let present: Vec<PublicKey> = holders
            .as_slice()
            .iter()
            .map(|holder| holder.key)
            .filter(|key| {
                *key == self.key || self.members.values().any(|member| member.key == *key)
            })
            .collect();
        let first = present
            .get(..STAKE_FORECAST_PRODUCERS_MAX)
            .unwrap_or(&present);
        let turn = chain.next_turn(slot, STAKE_FORECAST_SLOTS, first);
        Some(StakeView {
            slot,
            epoch: rules.epoch(slot),
            next_epoch_at_ms: chain.slot_start_ms(next_epoch_slot),
            total: u64::try_from(holders.total()).unwrap_or(u64::MAX),
            own: holders.stake_of(&self.key),
            own_next: chain
                .holders_in(next_epoch_slot)
                .map_or(0, |next| next.stake_of(&self.key)),
            holders: shown(holders.as_slice()),
            holders_present: super::view::count(present.len()),
            next: turn.map(|(slot, key)| (chain.slot_start_ms(slot), key)),
        })
    }
}

fn shown(holders: &[Holder]) -> Vec<Holder> {
    holders
        .iter()
        .take(STAKE_HOLDERS_SHOWN_MAX)
        .copied()
        .collect()
}
