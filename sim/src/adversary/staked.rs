//! Lies about blocks where the proof is stake.

use shared::block::{Body, Header, Seal, SealedHeader};
use shared::chain::Chain;
use shared::hash::Hash;
use shared::keys::PublicKey;
use shared::message::{AnnouncedBody, BlockAnnouncement, Message};
use shared::stake::Lottery;
use shared::state::{BlockContext, Progress, State};

use super::{Lie, Teller};
use crate::world::SPACING_MS;

/// How far back a liar looks for a slot that it drew.
const SLOTS_BACK: u64 = 16;

impl Teller<'_> {
    pub(super) fn is_staked(&self) -> bool {
        let replica = self.node.replica();
        replica.is_some_and(|replica| replica.chain().network().stake().is_some())
    }

    /// A block upon the tip with one thing wrong, but for that such as an honest member makes.
    pub(super) fn staked_block(&self, lie: Lie) -> Option<Message> {
        let chain = self.node.replica()?.chain();
        if lie == Lie::BadWork && self.chance % 4 == 3 {
            return self.second_block(chain);
        }
        let (present, parent) = (chain.slot_at(self.now_ms)?, self.lottery(chain));
        let own = [self.key];
        let drawn = chain.next_turn(parent.slot + 1, present.checked_sub(parent.slot)?, &own);
        let (slot, producer) = match lie {
            // Another's slot, a slot before the parent's, and one that nobody drew.
            Lie::BadWork => match self.chance % 4 {
                0 => self.slot_of_another(chain, parent.slot + 1, present)?,
                1 => (self.past_slot(chain, &parent)?, self.key),
                _ => (present, self.key),
            },
            Lie::FutureTime => {
                let ahead_ms = 2 * SPACING_MS + self.chance % 30_000;
                (chain.slot_at(self.now_ms + ahead_ms)?, self.key)
            }
            _ => drawn.unwrap_or((present, self.key)),
        };
        let body = match lie {
            Lie::BadSignature => self.unsigned_body()?,
            _ => Body::default(),
        };
        let header = Header {
            version: Header::VERSION,
            height: chain.height() + 1,
            timestamp_ms: chain.slot_start_ms(slot),
            previous: chain.tip().hash,
            tx_root: match lie {
                Lie::BadTxRoot => Hash([9; 32]),
                _ => body.root(),
            },
            state_root: self.state_root(chain, &parent, slot, producer)?,
            producer,
            bits: 0,
            nonce: 0,
        };
        Some(self.announced(chain, header, body))
    }

    /// Another block for the slot of the newest that this member has made.
    fn second_block(&self, chain: &Chain) -> Option<Message> {
        let heights = (1..=chain.height()).rev();
        let mut headers = heights.filter_map(|height| Some(&chain.header(height)?.header));
        let first = headers.find(|header| header.producer == self.key)?;
        let second = Header {
            state_root: Hash([9; 32]),
            ..first.clone()
        };
        Some(self.announced(chain, second, Body::default()))
    }

    fn announced(&self, chain: &Chain, header: Header, body: Body) -> Message {
        let statement = SealedHeader::statement(&chain.network_id(), &header.hash());
        let seal = Seal::Stake(self.secret.sign(&statement));
        Message::Block(Box::new(BlockAnnouncement {
            sealed: SealedHeader { header, seal },
            body: AnnouncedBody::Full(body),
        }))
    }

    fn lottery(&self, chain: &Chain) -> Lottery {
        let genesis = || Lottery::genesis(&chain.network_id());
        chain.state().lottery().unwrap_or_else(genesis)
    }

    fn slot_of_another(&self, chain: &Chain, from: u64, to: u64) -> Option<(u64, PublicKey)> {
        let holders = chain.holders_in(to)?;
        let others = holders.as_slice().iter().map(|holder| holder.key);
        let others: Vec<_> = others.filter(|key| *key != self.key).collect();
        chain.next_turn(from, to.saturating_sub(from) + 1, &others)
    }

    /// A slot below the parent's that this key would have drawn with the parent's seed.
    fn past_slot(&self, chain: &Chain, parent: &Lottery) -> Option<u64> {
        let rules = chain.network().stake()?;
        let holders = &chain.state().stakes()?.current;
        let back = parent.slot.saturating_sub(SLOTS_BACK)..parent.slot;
        back.filter(|slot| rules.epoch(*slot) == rules.epoch(parent.slot))
            .find(|slot| {
                let before = Lottery {
                    slot: slot.saturating_sub(1),
                    ..*parent
                };
                before.draw(rules, holders, *slot, &self.key).is_ok()
            })
    }

    /// The root after an empty block.
    fn state_root(
        &self,
        chain: &Chain,
        parent: &Lottery,
        slot: u64,
        producer: PublicKey,
    ) -> Option<Hash> {
        let network = chain.network();
        let context = BlockContext {
            height: chain.height() + 1,
            producer,
            progress: Progress::Stake(parent.after(network.stake()?, slot, &producer)),
        };
        let mut state = State::from_entries(chain.state().entries().cloned());
        state.execute(network, &context, []).ok()?;
        Some(state.root())
    }
}
