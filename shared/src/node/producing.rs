//! Producing where the proof is stake: nothing is searched; at each slot's beginning a node looks
//! whether the slot is its own, and signs a block if it is.

use super::interface::{MiningPause, StakeView};
use super::{Followup, Node, Signing};
use crate::block::{Block, Body, Header, Seal, SealedHeader};
use crate::chain::{Chain, seal_statement};
use crate::hash::NetworkId;
use crate::keys::{PublicKey, Signature};
use crate::limits::{STAKE_FORECAST_PRODUCERS_MAX, STAKE_FORECAST_SLOTS, STAKE_HOLDERS_SHOWN_MAX};
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
        (holders.stake_of(&self.key) == 0).then_some(MiningPause::NoStake)
    }

    /// When the next slot begins, by the clock to wait by, in a network of proof of stake.
    pub(super) fn next_slot_ms(&self) -> Option<u64> {
        let chain = self.ledger.as_ref()?.replica.chain();
        let slot = chain.slot_at(self.network_time_ms(self.clock.now_ms()))?;
        let start_ms = chain.slot_start_ms(slot.saturating_add(1));
        Some(self.steady_ms(start_ms))
    }

    /// Makes a block if the present slot is this key's own and it has signed none for it. What was
    /// signed is durable first: a second block for the slot would be a proof of misbehaviour.
    pub(super) fn take_turn(&mut self, now_ms: u64) {
        let time_ms = self.network_time_ms(now_ms);
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        let chain = ledger.replica.chain();
        let network = chain.network_id();
        let Some(slot) = chain.slot_at(time_ms) else {
            return;
        };
        let has_signed = self
            .mining
            .signed
            .is_some_and(|signed| signed.network == network && signed.slot >= slot);
        if has_signed || !chain.may_produce(&self.key, slot) {
            return;
        }
        let start_ms = chain.slot_start_ms(slot);
        let template = ledger.replica.template(self.key, start_ms);
        let signed = SignedSlot { network, slot };
        self.mining.signed = Some(signed);
        let row = Write::put(Table::Meta, SIGNED_SLOT_ROW, &signed);
        self.write(vec![row], vec![Followup::Seal(Box::new(template))]);
    }

    pub(super) fn seal(&mut self, template: Box<(Header, Body)>) {
        let Some(ledger) = &self.ledger else {
            return;
        };
        let network = ledger.replica.chain().network_id();
        let statement = seal_statement(&network, &template.0.hash());
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
            equivocations: chain
                .equivocations()
                .iter()
                .map(|proof| {
                    let header = &proof.one.header;
                    (header.producer, header.timestamp_ms)
                })
                .collect(),
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
