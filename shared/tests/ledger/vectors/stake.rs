//! Proof of stake: a chain over four epochs, block by block, and thresholds.

use serde_json::{Value, json};
use shared::block::Block;
use shared::chain::Chain;
use shared::hash::Tag;
use shared::stake::{Holders, Lottery, is_drawn, ticket, weight};
use shared::state::{Entry, lottery_path, stakes_path};

use super::{encoded, formats, hex};
use crate::common::deliver;
use crate::stake::{Producers, stake_network, transfer};

pub(super) fn stake() -> Value {
    let network = stake_network();
    let mut producers = Producers::new();
    producers.produce(&[1, 2, 3], &[transfer(1, 0, 9, 300)]);
    producers.produce_until_epoch(3, &[1, 2, 3, 9]);
    let mut chain = Chain::new(network.clone());
    let mut parent = Lottery::genesis(&network.id());
    let genesis = lottery(&parent);
    let blocks: Vec<_> = producers
        .blocks
        .iter()
        .map(|block| {
            deliver(&mut chain, block);
            let shown = shown(&chain, &parent, block);
            parent = chain.state().lottery().unwrap();
            shown
        })
        .collect();
    json!({
        "parameters": encoded(&network),
        "fields": formats::fields(&network),
        "genesis": { "hash": hex(network.genesis().hash().0), "lottery": genesis },
        "blocks": blocks,
        "thresholds": thresholds(),
    })
}

fn shown(chain: &Chain, parent: &Lottery, block: &Block) -> Value {
    let header = &block.sealed.header;
    let network = chain.network();
    let rules = network.stake().unwrap();
    let own = chain.state().lottery().unwrap();
    let (drawn, doublings) = parent.ticket(rules, own.slot, &header.producer).unwrap();
    assert_eq!(drawn, ticket(&own.seed, own.slot, &header.producer));
    let entry = |path| chain.state().entry(&path).map(encoded::<Entry>);
    let stakes = chain.state().stakes().unwrap();
    json!({
        "header": encoded(header),
        "hash": hex(header.hash().0),
        "seal_statement": hex(Tag::SEAL.statement(&(network.id(), header.hash()))),
        "sealed": encoded(&block.sealed),
        "body": encoded(&block.body),
        "epoch": rules.epoch(own.slot),
        "lottery": lottery(&own),
        "ticket": hex(drawn.0),
        "doublings": doublings,
        "weight": encoded(&weight(doublings)),
        "chain_work": encoded(&chain.tip().work),
        "current": holders(&stakes.current),
        "next": holders(&stakes.next),
        "lottery_entry": entry(lottery_path()),
        "stakes_entry": entry(stakes_path()),
    })
}

fn lottery(lottery: &Lottery) -> Value {
    json!({
        "slot": lottery.slot,
        "seed": hex(lottery.seed.0),
        "fold": hex(lottery.fold.0),
    })
}

fn holders(holders: &Holders) -> Value {
    let shown = holders.as_slice().iter();
    let shown = shown.map(|holder| json!({ "key": hex(holder.key.0), "stake": holder.stake }));
    json!(shown.collect::<Vec<_>>())
}

/// Tickets just below and at the threshold.
fn thresholds() -> Value {
    let seed = shared::hash::Hash([7; 32]);
    let key = crate::common::public(1);
    let cases = [
        (1, 1, 0),
        (1, 3, 0),
        (1, 3, 1),
        (1, 3, 3),
        (1, 1_000, 5),
        (1, 1_000, 12),
    ];
    let shown = cases.map(|(stake, total, doublings)| {
        let drawn: Vec<_> = (1..=40)
            .filter(|slot| is_drawn(&ticket(&seed, *slot, &key), stake, total, doublings))
            .collect();
        json!({
            "stake": stake,
            "total": u64::try_from(total).unwrap(),
            "doublings": doublings,
            "slots_drawn_of_40": drawn,
        })
    });
    json!({ "seed": hex(seed.0), "key": hex(key.0), "cases": shown })
}
