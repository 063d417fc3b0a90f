//! Lies that are many: headers that cost little, and blocks that others must put off.

use fastrand::Rng;
use shared::block::{Header, Seal, SealedHeader};
use shared::chain::Chain;
use shared::difficulty::{self, Parent};
use shared::encoding::List;
use shared::limits::{DEFERRED_BLOCKS_MAX, HEADERS_PER_MESSAGE_MAX, SIDE_HEADERS_MAX};
use shared::message::Message;
use shared::network::Consensus;

use super::{Lie, Teller};
use crate::chance::between;
use crate::world::World;

/// One flood in so many has more headers than are kept.
const GREAT_FLOODS: u64 = 16;

impl Teller<'_> {
    /// Headers of one height, each with a body of its own that nobody has.
    pub(super) fn side_headers(&self) -> Vec<Message> {
        let mut rng = Rng::with_seed(self.chance);
        let count = if rng.u64(0..GREAT_FLOODS) == 0 {
            SIDE_HEADERS_MAX + 100
        } else {
            between(&mut rng, 100, 600)
        };
        let Some(chain) = self.chain() else {
            return Vec::new();
        };
        let parent = (chain.difficulty_parent(), chain.tip().hash);
        let headers: Vec<_> = (0..count)
            .filter_map(|_| Some(self.header(chain, parent, &mut rng)?.0))
            .collect();
        messages(&headers)
    }

    /// Headers upon one another.
    pub(super) fn withheld_branch(&self) -> Vec<Message> {
        let mut rng = Rng::with_seed(self.chance);
        let Some(chain) = self.chain() else {
            return Vec::new();
        };
        let mut parent = (chain.difficulty_parent(), chain.tip().hash);
        let mut headers = Vec::new();
        for _ in 0..between(&mut rng, 2, 12) {
            let Some((sealed, next)) = self.header(chain, parent, &mut rng) else {
                break;
            };
            parent = (next, sealed.header.hash());
            headers.push(sealed);
        }
        messages(&headers)
    }

    /// All of them beyond what is accepted now, and one after the other.
    pub(super) fn future_blocks(&self) -> Vec<Message> {
        let blocks = (0..DEFERRED_BLOCKS_MAX as u64 + 10).filter_map(|number| {
            let teller = Teller {
                chance: self.chance.wrapping_add(number * 400),
                ..*self
            };
            if self.is_staked() {
                teller.staked_block(Lie::FutureTime)
            } else {
                teller.block(Lie::FutureTime)
            }
        });
        let blocks: Vec<_> = blocks.collect();
        [blocks.clone(), blocks].concat()
    }

    fn chain(&self) -> Option<&Chain> {
        Some(self.node.replica()?.chain())
    }

    /// A header with work and an unknown body, and what its successor's difficulty depends on.
    fn header(
        &self,
        chain: &Chain,
        (parent, previous): (Parent, shared::hash::BlockHash),
        rng: &mut Rng,
    ) -> Option<(SealedHeader, Parent)> {
        let Consensus::Work(rules) = &chain.network().consensus else {
            return None;
        };
        let earliest_ms = chain.timestamp_min_ms().max(parent.timestamp_ms + 1);
        let timestamp_ms = self.now_ms.max(earliest_ms);
        let (bits, schedule) = difficulty::next(rules, &parent, timestamp_ms);
        let mut header = Header {
            height: parent.height + 1,
            timestamp_ms,
            previous,
            producer: self.key,
            bits,
            nonce: 0,
            ..chain.network().genesis()
        };
        rng.fill(&mut header.tx_root.0);
        let sealed = World::mined(SealedHeader {
            header,
            seal: Seal::Work,
        });
        let next = Parent {
            height: parent.height + 1,
            timestamp_ms,
            schedule,
        };
        Some((sealed, next))
    }
}

fn messages(headers: &[SealedHeader]) -> Vec<Message> {
    let portions = headers.chunks(HEADERS_PER_MESSAGE_MAX);
    portions
        .map(|portion| Message::Headers(List::truncated(portion.iter().cloned())))
        .collect()
}
