//! Fork choice: whatever the order of arrival, the same blocks lead to the same head and rows.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::VecDeque;

use proptest::collection::vec;
use proptest::prelude::*;
use shared::block::{Block, Body};
use shared::chain::{BodyError, Chain, Checkpoint, HeaderError};
use shared::difficulty::{self, Parent, Schedule};
use shared::finality::voter::BlockStanding;
use shared::hash::Hash;
use shared::network::Consensus;
use shared::store::MemoryStore;

use crate::common::{
    Builder, CREATED_AT_MS, LATE_MS, advance, block, cases, deliver, hash_of, network, public, put,
    seal, state_of,
};

/// How to make one block of a tree.
#[derive(Clone, Debug)]
struct Plan {
    /// Which of the blocks before, genesis included, it stands on.
    parent: prop::sample::Index,
    producer: u8,
    after_ms: u64,
    writes: bool,
    /// Whether its state root is wrong.
    is_bad: bool,
}

fn plan() -> impl Strategy<Value = Plan> {
    let is_bad = prop::bool::weighted(0.15);
    (
        any::<prop::sample::Index>(),
        1_u8..4,
        1_u64..4_000,
        any::<bool>(),
        is_bad,
    )
        .prop_map(|(parent, producer, after_ms, writes, is_bad)| Plan {
            parent,
            producer,
            after_ms,
            writes,
            is_bad,
        })
}

/// A block of the tree with what its children need.
struct Grown {
    block: Block,
    /// The valid blocks from genesis to this one, or nothing where one of them is bad.
    path: Option<Vec<Block>>,
    difficulty: Parent,
}

/// Genesis is not among the blocks.
fn grow(plans: &[Plan]) -> Vec<Grown> {
    let network = network();
    let Consensus::Work(rules) = &network.consensus else {
        panic!("the test network is one of work");
    };
    let mut tree: Vec<Grown> = Vec::new();
    for (number, plan) in plans.iter().enumerate() {
        let parent = plan
            .parent
            .index(number + 1)
            .checked_sub(1)
            .map(|at| &tree[at]);
        let before = parent.map_or(
            Parent {
                height: 0,
                timestamp_ms: CREATED_AT_MS,
                schedule: Schedule::default(),
            },
            |parent| parent.difficulty,
        );
        let path = parent.map_or(Some(Vec::new()), |parent| parent.path.clone());
        let mut builder = Builder::on(path.as_deref().unwrap_or_default());
        let timestamp_ms = before.timestamp_ms + plan.after_ms;
        let sequence = builder
            .chain
            .state()
            .account(&public(plan.producer))
            .next_sequence;
        let writes = plan
            .writes
            .then(|| put(plan.producer, sequence, "k", &number.to_string()));
        let draft = builder.draft(plan.producer, timestamp_ms, writes.as_slice());
        let (bits, schedule) = difficulty::next(rules, &before, timestamp_ms);
        let mut header = draft.sealed.header;
        let mut body = draft.body;
        if path.is_none() {
            header.height = before.height + 1;
            header.previous = parent.map(|parent| hash_of(&parent.block)).unwrap();
            header.bits = bits;
            body = Body::default();
        }
        if plan.is_bad {
            header.state_root = Hash([9; 32]);
        }
        let block = block(header, body);
        let is_valid = !plan.is_bad;
        let path = path.filter(|_| is_valid).map(|mut path| {
            path.push(block.clone());
            path
        });
        tree.push(Grown {
            block,
            path,
            difficulty: Parent {
                height: before.height + 1,
                timestamp_ms,
                schedule,
            },
        });
    }
    tree
}

#[derive(Clone, Copy, Debug)]
enum Arrival {
    Header(usize),
    Body(usize),
    Decision(usize),
    Justified(usize),
}

/// The chain after all has arrived, and the rows that it had written.
fn follow(tree: &[Grown], arrivals: &[Arrival], is_eager: bool) -> (Chain, MemoryStore) {
    let mut chain = Chain::new(network());
    let mut store = MemoryStore::default();
    let mut waiting: VecDeque<_> = arrivals.iter().copied().collect();
    let mut refused_in_a_row = 0;
    while let Some(arrival) = waiting.pop_front() {
        let must_wait = match arrival {
            Arrival::Header(at) => {
                let judged = chain.insert_header(&tree[at].block.sealed, LATE_MS);
                match judged {
                    Err(HeaderError::Orphan(_)) => true,
                    Ok(_) | Err(HeaderError::InvalidParent(_) | HeaderError::Undecided(_)) => false,
                    Err(error) => panic!("{error}"),
                }
            }
            Arrival::Body(at) => {
                let block = &tree[at].block;
                let kept = chain.insert_body(&hash_of(block), block.body.clone());
                matches!(kept, Err(BodyError::NoHeader(_)))
            }
            Arrival::Decision(at) => {
                chain.decide(checkpoint(&tree[at].block));
                false
            }
            Arrival::Justified(at) => {
                chain.justify(Some(checkpoint(&tree[at].block)));
                false
            }
        };
        if must_wait {
            // What waits for a block that was dropped waits in vain.
            refused_in_a_row += 1;
            if refused_in_a_row > waiting.len() {
                break;
            }
            waiting.push_back(arrival);
        } else {
            refused_in_a_row = 0;
        }
        if is_eager {
            store.write(&advance(&mut chain).writes);
        }
    }
    store.write(&advance(&mut chain).writes);
    (chain, store)
}

pub(crate) fn checkpoint(block: &Block) -> Checkpoint {
    Checkpoint {
        height: block.sealed.header.height,
        hash: hash_of(block),
    }
}

/// A chain that got only the blocks of the expected best branch, and the decision.
fn straight(path: &[Block], decided: Option<Checkpoint>) -> (Chain, MemoryStore) {
    let mut chain = Chain::new(network());
    let mut store = MemoryStore::default();
    for block in path {
        store.write(&deliver(&mut chain, block).writes);
    }
    if let Some(decided) = decided {
        chain.decide(decided);
        store.write(&advance(&mut chain).writes);
    }
    (chain, store)
}

/// The valid path with the most work, ties by the lower hash, that contains the decided block, and
/// the justified one where any does.
fn expected_best<'a>(
    tree: &'a [Grown],
    decided: Option<&Block>,
    justified: Option<&Block>,
) -> &'a [Block] {
    tree.iter()
        .filter_map(|grown| grown.path.as_deref())
        .filter(|path| decided.is_none_or(|decided| path.contains(decided)))
        .max_by_key(|path| {
            let tip = straight(path, None).0.tip();
            let is_justified = justified.is_some_and(|block| path.contains(block));
            (is_justified, tip.work, core::cmp::Reverse(tip.hash))
        })
        .unwrap_or_default()
}

proptest! {
    #![proptest_config(cases(64))]

    #[test]
    fn any_order_of_arrival_leads_to_the_same_head_and_rows(
        plans in vec(plan(), 1..12),
        priorities in vec(any::<u32>(), 26),
        decides in proptest::option::of(any::<prop::sample::Index>()),
        justifies in proptest::option::of(any::<prop::sample::Index>()),
        is_eager: bool,
    ) {
        let tree = grow(&plans);
        let valid: Vec<usize> = (0..tree.len()).filter(|&at| tree[at].path.is_some()).collect();
        let decided = decides.filter(|_| !valid.is_empty()).map(|index| *index.get(&valid));

        let arrivals = (0..tree.len()).flat_map(|at| [Arrival::Header(at), Arrival::Body(at)]);
        let justified = justifies.map(|index| index.index(tree.len()));
        let all = arrivals
            .chain(decided.map(Arrival::Decision))
            .chain(justified.map(Arrival::Justified));
        let mut shuffled: Vec<_> = priorities.iter().zip(all).collect();
        shuffled.sort_by_key(|(priority, _)| **priority);
        let shuffled: Vec<_> = shuffled.into_iter().map(|(_, arrival)| arrival).collect();

        let decided = decided.map(|at| &tree[at].block);
        let justified = justified.map(|at| &tree[at].block);
        let best = expected_best(&tree, decided, justified);
        let (expected, expected_rows) = straight(best, decided.map(checkpoint));
        let (chain, rows) = follow(&tree, &shuffled, is_eager);
        prop_assert_eq!(chain.tip(), expected.tip());
        prop_assert_eq!(chain.history().root(), expected.history().root());
        prop_assert_eq!(state_of(&chain).root(), state_of(&expected).root());
        prop_assert_eq!(chain.final_height(), expected.final_height());
        prop_assert_eq!(rows, expected_rows);
    }
}

/// Two blocks of member 1, three of member 2.
pub(crate) fn two_branches() -> (Builder, Builder) {
    let (mut short, mut long) = (Builder::new(), Builder::new());
    for _ in 0..2 {
        short.mine(1, &[]);
    }
    for _ in 0..3 {
        long.mine(2, &[]);
    }
    (short, long)
}

#[test]
fn a_reorganisation_says_what_left_and_what_joined() {
    let mut short = Builder::new();
    let only_here = put(1, 0, "k", "here");
    let in_both = put(3, 0, "k", "both");
    short.mine(1, &[only_here.clone(), in_both.clone()]);
    let mut long = Builder::new();
    long.mine(2, &[]);
    long.mine(2, std::slice::from_ref(&in_both));

    let mut chain = Chain::new(network());
    deliver(&mut chain, &short.blocks[0]);
    for rival in &long.blocks {
        chain.insert_header(&rival.sealed, LATE_MS).unwrap();
        let body = rival.body.clone();
        chain.insert_body(&hash_of(rival), body).unwrap();
    }
    let changes = advance(&mut chain);
    assert_eq!(changes.reverted, 1);
    assert_eq!(chain.reorganisations(), 1);
    assert_eq!(changes.returned, [only_here, in_both.clone()]);
    let joined: Vec<_> = changes.applied.iter().map(|(height, ..)| *height).collect();
    assert_eq!(joined, [1, 2]);
}

#[test]
fn a_header_alone_moves_nothing() {
    let (short, long) = two_branches();
    let mut chain = Builder::on(&short.blocks).chain;
    for rival in &long.blocks {
        chain.insert_header(&rival.sealed, LATE_MS).unwrap();
    }
    chain
        .insert_body(&hash_of(&long.blocks[0]), long.blocks[0].body.clone())
        .unwrap();
    assert!(!advance(&mut chain).moved_tip());
    assert_eq!(chain.tip().hash, short.chain.tip().hash);
    assert_eq!(chain.best_header().hash, long.chain.tip().hash);
    let missing: Vec<_> = long.blocks[1..].iter().map(hash_of).collect();
    assert_eq!(chain.missing_bodies().collect::<Vec<_>>(), missing);
}

#[test]
fn bodies_that_are_kept_back_hold_up_no_other_branch() {
    let (short, long) = two_branches();
    let mut chain = Chain::new(network());
    let mut store = MemoryStore::default();
    for rival in &long.blocks {
        chain.insert_header(&rival.sealed, LATE_MS).unwrap();
    }
    for block in &short.blocks {
        store.write(&deliver(&mut chain, block).writes);
        assert_eq!(chain.tip().hash, hash_of(block));
    }
    let missing: Vec<_> = long.blocks.iter().map(hash_of).collect();
    assert_eq!(chain.missing_bodies().collect::<Vec<_>>(), missing);

    for rival in &long.blocks {
        store.write(&deliver(&mut chain, rival).writes);
    }
    assert_eq!(chain.tip().hash, long.chain.tip().hash);
    assert_eq!(store, straight(&long.blocks, None).1);
}

#[test]
fn a_branch_that_is_left_for_one_whose_bodies_are_here_may_lead_on() {
    let (short, long) = two_branches();
    let mut withheld = Builder::on(&short.blocks);
    for _ in 0..2 {
        withheld.mine(1, &[]);
    }
    let mut chain = Builder::on(&short.blocks).chain;
    for block in &withheld.blocks {
        chain.insert_header(&block.sealed, LATE_MS).unwrap();
    }
    for block in &long.blocks {
        deliver(&mut chain, block);
    }
    assert_eq!(chain.tip().hash, long.chain.tip().hash);
    let missing: Vec<_> = withheld.blocks[2..].iter().map(hash_of).collect();
    assert_eq!(chain.missing_bodies().collect::<Vec<_>>(), missing);

    for block in &withheld.blocks[2..] {
        deliver(&mut chain, block);
    }
    assert_eq!(chain.tip().hash, withheld.chain.tip().hash);
    assert_eq!(state_of(&chain).root(), state_of(&withheld.chain).root());
}

#[test]
fn a_decision_binds_against_more_work() {
    let (short, long) = two_branches();
    let mut chain = Builder::on(&long.blocks).chain;
    for rival in &short.blocks {
        deliver(&mut chain, rival);
    }
    assert_eq!(chain.tip().hash, long.chain.tip().hash);

    let decided = checkpoint(&short.blocks[0]);
    chain.decide(decided);
    let changes = advance(&mut chain);
    assert_eq!(changes.reverted, 3);
    assert_eq!(chain.tip().hash, short.chain.tip().hash);
    assert_eq!((chain.decided(), chain.final_height()), (decided, 1));

    let mut header = long.blocks[0].sealed.header.clone();
    header.nonce += 1;
    assert_eq!(
        chain.insert_header(&seal(header), LATE_MS),
        Err(HeaderError::Undecided(decided))
    );
    let mut longer = Builder::on(&long.blocks);
    let fourth = longer.mine(2, &[]);
    if chain.insert_header(&fourth.sealed, LATE_MS).is_ok() {
        let _ = chain.insert_body(&hash_of(&fourth), fourth.body.clone());
    }
    assert!(!advance(&mut chain).moved_tip());
    assert_eq!(chain.best_header().hash, short.chain.tip().hash);

    // An older decision than the last one is none.
    chain.decide(checkpoint(&short.blocks[0]));
    assert_eq!(chain.decided(), decided);
}

#[test]
fn a_decision_on_a_block_that_is_not_here_yet_waits_for_it() {
    let (short, long) = two_branches();
    let mut chain = Builder::on(&long.blocks).chain;
    let decided = checkpoint(&short.blocks[1]);
    chain.decide(decided);
    assert!(!advance(&mut chain).moved_tip());
    for rival in &short.blocks {
        chain.insert_header(&rival.sealed, LATE_MS).unwrap();
    }
    assert_eq!(chain.best_header().hash, decided.hash);
    for rival in short.blocks.iter().rev() {
        let body = rival.body.clone();
        chain.insert_body(&hash_of(rival), body).unwrap();
        advance(&mut chain);
    }
    assert_eq!(chain.tip().hash, decided.hash);
    assert_eq!(chain.final_height(), 2);
}

#[test]
fn a_chain_says_how_it_stands_to_any_block() {
    let (short, long) = two_branches();
    let mut chain = Builder::on(&long.blocks).chain;
    let of = |chain: &Chain, block: &Block| {
        let Checkpoint { height, hash } = checkpoint(block);
        chain.standing(height, &hash)
    };
    assert_eq!(of(&chain, &long.blocks[1]), BlockStanding::Executed);
    assert_eq!(of(&chain, &short.blocks[0]), BlockStanding::Unknown);
    chain
        .insert_header(&short.blocks[0].sealed, LATE_MS)
        .unwrap();
    assert_eq!(of(&chain, &short.blocks[0]), BlockStanding::Unknown);
    chain.decide(checkpoint(&long.blocks[0]));
    advance(&mut chain);
    assert_ne!(of(&chain, &short.blocks[1]), BlockStanding::Executed);
    let wrong_height = chain.standing(1, &hash_of(&long.blocks[1]));
    assert_eq!(wrong_height, BlockStanding::Conflicting);
}

/// A vote names the history up to the block, also where the block is on a side branch.
#[test]
fn the_history_root_of_a_side_branch_is_that_of_a_chain_on_it() {
    let (short, long) = two_branches();
    let mut chain = Builder::on(&long.blocks).chain;
    for rival in &short.blocks {
        deliver(&mut chain, rival);
    }
    for builder in [&short, &long] {
        for block in &builder.blocks {
            let Checkpoint { height, hash } = checkpoint(block);
            let expected = builder.chain.history().root_at(height as usize + 1);
            assert_eq!(chain.history_root_to(height, &hash), expected);
        }
    }
}
