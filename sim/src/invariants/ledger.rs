//! Promises on blocks and state: every replica's is that of a naive replay.

use shared::block::{Body, SealedHeader};
use shared::chain::Chain;
use shared::encoding::decode;
use shared::hash::BlockHash;
use shared::limits::{MEMPOOL_BYTES_MAX, MEMPOOL_RETURNED_BYTES_MAX, UNDECIDED_BLOCKS_MAX};
use shared::network::NetworkParameters;
use shared::replica::Replica;
use shared::state::Entry;
use shared::store::{Table, number_key};

use super::{BOUNDS, Broken, Who};
use crate::naive::{NaiveLedger, tx_root};
use crate::world::{SPACING_MS, SimNode, World};

/// Blocks beyond one a spacing that a rise of the hash power may yield until the difficulty has
/// followed: twelve for each doubling, and the power at most grows from the easiest target's to
/// 800 times that (`docs/adr/0010`), and chance.
const BLOCKS_AHEAD_MAX: u64 = 180;
/// Lengths of chain over which the rate is looked at, in blocks.
const RATE_WINDOWS: [u64; 3] = [200, 300, 600];

#[derive(Debug)]
pub(super) struct Ledger {
    network: NetworkParameters,
    naive: NaiveLedger,
}

impl Ledger {
    pub(super) fn new(network: &NetworkParameters) -> Self {
        Self {
            naive: NaiveLedger::new(network),
            network: network.clone(),
        }
    }

    pub(super) fn naive(&self) -> &NaiveLedger {
        &self.naive
    }

    /// Equal heads imply equal state roots, equal to a naive replay from genesis.
    pub(super) fn is_that_of_a_naive_replay(
        &mut self,
        world: &World,
        who: Who,
        replica: &Replica,
    ) -> Result<(), Broken> {
        let chain = replica.chain();
        let mut lacking = Vec::new();
        let mut at = chain.tip().hash;
        while self.naive.state(&at).is_none() {
            let Some((sealed, body)) = stored_block(world, who, chain, &at) else {
                // A store that has failed keeps nothing: its replica is behind what it shows.
                return Ok(());
            };
            let previous = sealed.header.previous;
            lacking.push((at, sealed, body));
            at = previous;
        }
        for (hash, sealed, body) in lacking.into_iter().rev() {
            self.naive.execute(&self.network, &sealed, &body)?;
            self.rate_is_bounded(&hash)?;
        }
        let Some(naive) = self.naive.state(&chain.tip().hash) else {
            return Ok(());
        };
        naive.weighs(&chain.tip())?;
        let expected = naive.entries();
        let state = chain.state();
        let differing = expected
            .iter()
            .find(|entry| state.entry(&entry.path()) != Some(*entry));
        if differing.is_none() && state.len() == expected.len() {
            return Ok(());
        }
        Err((
            "state roots are those of a naive replay",
            format!(
                "{who:?} has {} entries at height {}, a naive replay {}; first to differ: {differing:?}",
                state.len(),
                chain.height(),
                expected.len()
            ),
        ))
    }

    /// Block rate bounded after swings and idleness.
    fn rate_is_bounded(&self, hash: &BlockHash) -> Result<(), Broken> {
        let Some(tip) = self.naive.state(hash) else {
            return Ok(());
        };
        if !tip.height.is_multiple_of(20) {
            return Ok(());
        }
        let mut at = tip;
        while let Some(before) = self.naive.state(&at.previous) {
            at = before;
            let blocks = tip.height - at.height;
            let due = tip.timestamp_ms.saturating_sub(at.timestamp_ms) / SPACING_MS;
            if RATE_WINDOWS.contains(&blocks) && blocks > due + BLOCKS_AHEAD_MAX {
                return Err((
                    "the block rate is bounded after swings and idleness",
                    format!(
                        "{blocks} blocks up to height {} in a time for {due}",
                        tip.height
                    ),
                ));
            }
        }
        Ok(())
    }
}

/// Total balance = what was held at first + rewards.
pub(super) fn balances_are_rewards(who: Who, chain: &Chain) -> Result<(), Broken> {
    let balances = chain.state().entries().filter_map(|entry| match entry {
        Entry::Account(_, account) => Some(account.balance),
        _ => None,
    });
    let total: u64 = balances.sum();
    let first = chain.network().stake().filter(|_| chain.height() > 0);
    let first = first.map_or(0, |rules| rules.holders.iter().map(|one| one.stake).sum());
    let rewards = first + chain.height() * chain.network().block_reward;
    if total == rewards {
        return Ok(());
    }
    Err((
        "all balances together are all rewards",
        format!("{who:?}: balances are {total}, rewards {rewards}"),
    ))
}

/// What a replica itself does not count: bytes of what is pending, and blocks that may be taken
/// back.
pub(super) fn blocks_and_bytes_are_bounded(who: Who, replica: &Replica) -> Result<(), Broken> {
    let pending = replica.mempool();
    let bytes: usize = pending.iter().map(|one| one.verified.bytes()).sum();
    let chain = replica.chain();
    let undecided = chain.height().saturating_sub(chain.decided().height);
    let bytes_max = MEMPOOL_BYTES_MAX + MEMPOOL_RETURNED_BYTES_MAX;
    if bytes <= bytes_max && undecided <= UNDECIDED_BLOCKS_MAX {
        return Ok(());
    }
    let what = format!("{who:?}: {bytes} bytes pending, {undecided} blocks undecided");
    Err((BOUNDS, what))
}

/// Whether the stored bytes of a block of the best chain are not those that its header commits to.
pub(super) fn is_damaged(sim: &SimNode, height: u64) -> bool {
    let key = number_key(height);
    let chain = sim
        .node
        .as_ref()
        .and_then(|node| Some(node.replica()?.chain()));
    let header = sim.disk.row(Table::Headers, &key);
    let body = sim.disk.row(Table::Bodies, &key);
    let (Some(chain), Some(header), Some(body)) = (chain, header, body) else {
        return false;
    };
    match (
        decode::<SealedHeader>("header", header),
        decode("body", body),
    ) {
        (Ok(sealed), Ok(body)) => {
            Some(sealed.header.hash()) != chain.hash_at(height)
                || tx_root(&body) != sealed.header.tx_root
        }
        _ => true,
    }
}

fn stored_block(
    world: &World,
    who: Who,
    chain: &Chain,
    hash: &BlockHash,
) -> Option<(SealedHeader, Body)> {
    let sealed = chain.header_by_hash(hash)?.clone();
    if let Some(body) = chain.body(hash) {
        return Some((sealed, body.clone()));
    }
    let disk = match who {
        Who::Node(index) => &world.nodes.get(index)?.disk,
        Who::Relay(relay) => &world.relays.get(relay)?.disk,
    };
    let row = disk.row(Table::Bodies, &number_key(sealed.header.height))?;
    Some((sealed, decode("body", row).ok()?))
}
