//! A block that a quorum has prevoted outweighs work, wherever it and its bodies come from.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::block::Block;
use shared::chain::Chain;
use shared::finality::voter::BlockStanding;

use crate::common::{Builder, LATE_MS, advance, deliver, hash_of};
use crate::forks::{checkpoint, two_branches};

fn standing(chain: &Chain, block: &Block) -> BlockStanding {
    let justified = checkpoint(block);
    chain.standing(justified.height, &justified.hash)
}

#[test]
fn a_justified_branch_is_left_for_no_heavier_one_and_is_gone_to_from_one() {
    let (short, long) = two_branches();
    let justified = &short.blocks[0];

    let mut chain = Builder::on(&short.blocks).chain;
    assert!(chain.justify(Some(checkpoint(justified))));
    assert!(!chain.justify(Some(checkpoint(justified))), "nothing new");
    for rival in &long.blocks {
        deliver(&mut chain, rival);
    }
    assert_eq!(chain.tip().hash, short.chain.tip().hash);

    let mut chain = Builder::on(&long.blocks).chain;
    for rival in &short.blocks {
        deliver(&mut chain, rival);
    }
    assert_eq!(chain.tip().hash, long.chain.tip().hash);
    assert_eq!(standing(&chain, justified), BlockStanding::Unknown);
    chain.justify(Some(checkpoint(justified)));
    assert_eq!(advance(&mut chain).reverted, 3);
    assert_eq!(
        chain.tip().hash,
        short.chain.tip().hash,
        "with all above it"
    );
    assert_eq!(standing(&chain, justified), BlockStanding::Executed);
    assert_eq!(standing(&chain, &long.blocks[2]), BlockStanding::Left);

    chain.justify(None);
    advance(&mut chain);
    assert_eq!(chain.tip().hash, long.chain.tip().hash);
    assert_eq!(standing(&chain, justified), BlockStanding::Left);
}

#[test]
fn a_justified_block_is_waited_for_and_its_bodies_are_asked_for_meanwhile() {
    let (short, long) = two_branches();
    let mut chain = Builder::on(&long.blocks[..2]).chain;
    chain.justify(Some(checkpoint(&short.blocks[1])));
    for rival in &short.blocks {
        chain.insert_header(&rival.sealed, LATE_MS).unwrap();
    }
    assert_eq!(chain.best_header().hash, hash_of(&short.blocks[1]));
    let missing: Vec<_> = short.blocks.iter().map(hash_of).collect();
    assert_eq!(chain.missing_bodies().collect::<Vec<_>>(), missing);

    deliver(&mut chain, &short.blocks[0]);
    deliver(&mut chain, &long.blocks[2]);
    assert_eq!(chain.tip().hash, hash_of(&long.blocks[2]), "nobody waits");
    deliver(&mut chain, &short.blocks[1]);
    assert_eq!(chain.tip().hash, hash_of(&short.blocks[1]));
}

#[test]
fn a_decision_outweighs_a_justified_block() {
    let (short, long) = two_branches();
    for decided_first in [true, false] {
        let mut chain = Builder::on(&short.blocks).chain;
        for rival in &long.blocks {
            deliver(&mut chain, rival);
        }
        let decided = checkpoint(&long.blocks[0]);
        if decided_first {
            chain.decide(decided);
        }
        chain.justify(Some(checkpoint(&short.blocks[0])));
        advance(&mut chain);
        chain.decide(decided);
        advance(&mut chain);
        assert_eq!(chain.tip().hash, long.chain.tip().hash);
        chain.justify(None);
        assert!(!advance(&mut chain).moved_tip());
    }
}

#[test]
fn of_two_justified_blocks_the_later_one_counts() {
    let (short, long) = two_branches();
    let mut chain = Builder::on(&long.blocks).chain;
    for rival in &short.blocks {
        deliver(&mut chain, rival);
    }
    for (justified, tip) in [(&short.blocks[0], &short), (&long.blocks[1], &long)] {
        chain.justify(Some(checkpoint(justified)));
        advance(&mut chain);
        assert_eq!(chain.tip().hash, tip.chain.tip().hash);
    }
}
