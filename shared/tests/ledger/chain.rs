//! What a chain accepts: headers alone, then bodies, then their execution.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::block::{Block, Body, Header, Outcomes, Seal, SealedHeader};
use shared::chain::{BlockError, BodyError, Chain, Checkpoint, HeaderError};
use shared::difficulty::Target;
use shared::encoding::{List, encode};
use shared::hash::{BlockHash, Hash};
use shared::keys::SignatureError;
use shared::limits::{
    BLOCK_BODY_BYTES_MAX, LOCATOR_HASHES_MAX, SIDE_HEADERS_MAX, UNDECIDED_BLOCKS_MAX,
};
use shared::state::ExecutionError;
use shared::transaction::{Outcome, SignedTransaction, TransactionError};

use crate::common::{
    Builder, CREATED_AT_MS, LATE_MS, SPACING_MS, advance, block, deliver, hash_of, network, public,
    put, seal, secret, sign, state_of,
};
use crate::recorder::Recorder;

/// A valid header upon genesis, changed.
fn changed(change: impl FnOnce(&mut Header)) -> SealedHeader {
    let block = Builder::new().draft(1, CREATED_AT_MS + SPACING_MS, &[]);
    let mut header = block.sealed.header;
    change(&mut header);
    seal(header)
}

fn judged(sealed: &SealedHeader) -> Result<bool, HeaderError> {
    Chain::new(network()).insert_header(sealed, LATE_MS)
}

#[test]
fn a_valid_header_is_news_once() {
    let sealed = changed(|_| {});
    let mut chain = Chain::new(network());
    assert_eq!(chain.insert_header(&sealed, LATE_MS), Ok(true));
    assert_eq!(chain.insert_header(&sealed, LATE_MS), Ok(false));
    assert_eq!(chain.best_header().hash, sealed.header.hash());
    assert_eq!(chain.height(), 0, "it has no body yet");
}

#[test]
fn the_high_half_of_the_version_is_the_miners_to_choose() {
    for high in [1, 0x8000, 0xffff] {
        let rolled = changed(|header| header.version |= high << 16);
        assert_eq!(judged(&rolled), Ok(true));
    }
}

#[test]
fn a_header_that_breaks_a_rule_is_refused_with_what_was_expected() {
    let nowhere = BlockHash([9; 32]);
    assert_eq!(
        judged(&changed(|header| header.version = 2 | 5 << 16)),
        Err(HeaderError::Version {
            expected: 1,
            came: 2
        })
    );
    assert_eq!(
        judged(&changed(|header| header.previous = nowhere)),
        Err(HeaderError::Orphan(nowhere))
    );
    assert_eq!(
        judged(&changed(|header| header.height = 2)),
        Err(HeaderError::Height {
            expected: 1,
            came: 2
        })
    );
    let expected = changed(|_| {}).header.bits;
    let came = 0x201e_ffff;
    assert_eq!(
        judged(&changed(|header| header.bits = came)),
        Err(HeaderError::Bits { expected, came })
    );
    let mut staked = changed(|_| {});
    staked.seal = Seal::Stake(secret(1).sign(b"stake"));
    assert_eq!(judged(&staked), Err(HeaderError::Seal));

    let mut idle = changed(|_| {});
    let target = Target::from_compact(idle.header.bits).unwrap();
    while target.is_met_by(&idle.header.hash()) {
        idle.header.nonce += 1;
    }
    let hash = idle.header.hash();
    assert_eq!(judged(&idle), Err(HeaderError::Work(hash)));
}

#[test]
fn a_timestamp_must_be_above_the_median_of_those_before() {
    assert_eq!(
        judged(&changed(|header| header.timestamp_ms = CREATED_AT_MS)),
        Err(HeaderError::TooOld {
            median_ms: CREATED_AT_MS,
            came_ms: CREATED_AT_MS
        })
    );
    let mut builder = Builder::new();
    for _ in 0..12 {
        builder.mine(1, &[]);
    }
    // Of the last eleven, blocks 2 to 12, block 7 is the middle one.
    let median_ms = CREATED_AT_MS + 7 * SPACING_MS;
    assert_eq!(builder.chain.timestamp_min_ms(), median_ms + 1);
    let old = builder.draft(1, median_ms, &[]);
    assert_eq!(
        builder.chain.insert_header(&old.sealed, LATE_MS),
        Err(HeaderError::TooOld {
            median_ms,
            came_ms: median_ms
        })
    );
    builder.mine_at(1, median_ms + 1, &[]);
}

/// With fewer than eleven blocks the median is over all, of an even number the lower middle one.
#[test]
fn near_genesis_the_median_is_over_what_there_is() {
    let mut builder = Builder::new();
    let times_ms = [5_000, 1_500, 9_000];
    for after_ms in times_ms {
        builder.mine_at(1, CREATED_AT_MS + after_ms, &[]);
    }
    // Genesis, 1,500, 5,000 and 9,000.
    assert_eq!(builder.chain.timestamp_min_ms(), CREATED_AT_MS + 1_501);
}

#[test]
fn a_header_from_the_future_is_put_off_and_not_condemned() {
    let sealed = changed(|_| {});
    let allowed_ms = 2 * SPACING_MS;
    let soon_ms = sealed.header.timestamp_ms - allowed_ms;
    let mut chain = Chain::new(network());
    let error = chain.insert_header(&sealed, soon_ms - 1).unwrap_err();
    assert_eq!(
        error,
        HeaderError::Future {
            ahead_ms: allowed_ms + 1,
            allowed_ms
        }
    );
    assert!(!error.is_forged());
    assert_eq!(chain.insert_header(&sealed, soon_ms), Ok(true));
}

/// Otherwise anybody could fill the list of those that wait for their time.
#[test]
fn a_header_from_the_future_that_has_not_done_its_work_is_not_put_off() {
    let mut sealed = changed(|_| {});
    let target = Target::from_compact(sealed.header.bits).unwrap();
    while target.is_met_by(&sealed.header.hash()) {
        sealed.header.nonce += 1;
    }
    let hash = sealed.header.hash();
    let refused = Chain::new(network()).insert_header(&sealed, 0);
    assert_eq!(refused, Err(HeaderError::Work(hash)));
}

#[test]
fn only_what_no_honest_node_sends_counts_as_forged() {
    let checkpoint = Checkpoint {
        height: 1,
        hash: BlockHash::ZERO,
    };
    let honest = [
        HeaderError::Orphan(BlockHash::ZERO),
        HeaderError::Undecided(checkpoint),
        HeaderError::TooFar {
            decided: 0,
            came: 300,
        },
    ];
    let forged = [
        HeaderError::Work(BlockHash::ZERO),
        HeaderError::Seal,
        HeaderError::InvalidParent(BlockHash::ZERO),
    ];
    assert!(honest.iter().all(|error| !error.is_forged()));
    assert!(forged.iter().all(HeaderError::is_forged));
}

#[test]
fn no_more_than_so_many_blocks_stand_above_a_decision() {
    let mut builder = Builder::new();
    for _ in 0..UNDECIDED_BLOCKS_MAX {
        assert!(!builder.chain.is_paused());
        builder.mine(1, &[]);
    }
    assert!(builder.chain.is_paused());
    let next_ms = CREATED_AT_MS + (UNDECIDED_BLOCKS_MAX + 1) * SPACING_MS;
    let next = builder.draft(1, next_ms, &[]);
    assert_eq!(
        builder.chain.insert_header(&next.sealed, LATE_MS),
        Err(HeaderError::TooFar {
            decided: 0,
            came: UNDECIDED_BLOCKS_MAX + 1
        })
    );
    builder.chain.decide(Checkpoint {
        height: 1,
        hash: hash_of(&builder.blocks[0]),
    });
    assert!(!builder.chain.is_paused());
    deliver(&mut builder.chain, &next);
    assert_eq!(builder.chain.tip().hash, hash_of(&next));
}

/// Headers cost little at the easiest target, and bodies can be withheld.
#[test]
fn a_flood_of_headers_keeps_no_honest_block_out() {
    let mut chain = Chain::new(network());
    let mut flood = Vec::new();
    let mut header = changed(|header| header.producer = public(9)).header;
    for _ in 0..SIDE_HEADERS_MAX + 10 {
        header.nonce += 1;
        let sibling = seal(header);
        assert_eq!(chain.insert_header(&sibling, LATE_MS), Ok(true));
        header = sibling.header;
        flood.push(header.hash());
    }
    let kept = flood.iter();
    let kept = kept.filter(|hash| chain.header_by_hash(hash).is_some());
    assert_eq!(kept.count(), SIDE_HEADERS_MAX + 1, "one is the best");

    let mut honest = Builder::new();
    for _ in 0..3 {
        let block = honest.mine(1, &[]);
        deliver(&mut chain, &block);
    }
    assert_eq!(chain.tip().hash, honest.chain.tip().hash);
}

#[test]
fn a_body_that_does_not_match_does_not_condemn_its_header() {
    let mut builder = Builder::new();
    let right = builder.draft(1, CREATED_AT_MS + SPACING_MS, &[put(1, 0, "k", "v")]);
    let hash = hash_of(&right);
    let mut chain = Chain::new(network());
    assert_eq!(
        chain.insert_body(&hash, right.body.clone()),
        Err(BodyError::NoHeader(hash))
    );
    chain.insert_header(&right.sealed, LATE_MS).unwrap();
    let other = Body::default();
    assert_eq!(
        chain.insert_body(&hash, other.clone()),
        Err(BodyError::Root {
            expected: right.sealed.header.tx_root,
            came: other.root()
        })
    );
    let without_outcomes = Body {
        transactions: right.body.transactions.clone(),
        outcomes: Outcomes::default(),
    };
    assert_eq!(
        chain.insert_body(&hash, without_outcomes),
        Err(BodyError::Outcomes {
            transactions: 1,
            outcomes: 0
        })
    );
    assert_eq!(chain.missing_bodies().collect::<Vec<_>>(), [hash]);
    assert!(!advance(&mut chain).moved_tip());
    chain.insert_body(&hash, right.body.clone()).unwrap();
    assert_eq!(advance(&mut chain).applied, [(1, hash, 1)]);
    assert_eq!(chain.tip().hash, hash);
}

/// Two valid blocks, and a heavier branch whose third block is invalid in this way.
struct Rivals {
    chain: Chain,
    honest_tip: BlockHash,
    root: Hash,
    branch: Builder,
}

impl Rivals {
    fn new() -> Self {
        let mut honest = Builder::new();
        honest.mine(1, &[put(1, 0, "k", "honest")]);
        honest.mine(1, &[put(1, 1, "k", "honest still")]);
        let mut branch = Builder::new();
        branch.mine(2, &[put(2, 0, "k", "rival")]);
        branch.mine(2, &[]);
        Self {
            honest_tip: honest.chain.tip().hash,
            root: state_of(&honest.chain).root(),
            chain: honest.chain,
            branch,
        }
    }

    /// A third block of the branch.
    fn third(&mut self, transactions: &[SignedTransaction]) -> Block {
        let after_ms = 3 * SPACING_MS;
        self.branch.draft(2, CREATED_AT_MS + after_ms, transactions)
    }

    /// Hands over the branch with this third block, which must be condemned.
    fn condemned(mut self, third: &Block) -> BlockError {
        for valid in &self.branch.blocks {
            self.chain.insert_header(&valid.sealed, LATE_MS).unwrap();
            let body = valid.body.clone();
            self.chain.insert_body(&hash_of(valid), body).unwrap();
        }
        let mut changes = deliver(&mut self.chain, third);
        let (hash, error) = changes.condemned.pop().unwrap();
        assert_eq!(hash, hash_of(third));
        assert!(changes.condemned.is_empty());
        assert_eq!(self.chain.height(), 2);
        let best = [self.honest_tip, self.branch.chain.tip().hash]
            .into_iter()
            .min();
        assert_eq!(Some(self.chain.tip().hash), best, "the lower hash wins");
        if best == Some(self.honest_tip) {
            assert_eq!(state_of(&self.chain).root(), self.root);
        }

        let mut child = third.sealed.header.clone();
        child.previous = hash;
        child.height += 1;
        child.timestamp_ms += SPACING_MS;
        let refused = self.chain.insert_header(&seal(child), LATE_MS);
        assert_eq!(refused, Err(HeaderError::InvalidParent(hash)));
        let kept = self.chain.insert_body(&hash, third.body.clone());
        assert_eq!(kept, Err(BodyError::Condemned(hash)));
        assert_eq!(self.chain.body(&hash), None);
        error
    }
}

#[test]
fn a_block_of_another_state_root_is_condemned_and_the_chain_returns() {
    let mut rivals = Rivals::new();
    let mut third = rivals.third(&[]);
    let expected = third.sealed.header.state_root;
    let came = Hash([9; 32]);
    third.sealed.header.state_root = came;
    let third = block(third.sealed.header, third.body);
    let error = rivals.condemned(&third);
    assert_eq!(error, BlockError::StateRoot { expected, came });
}

#[test]
fn a_block_of_other_outcomes_is_condemned() {
    let mut rivals = Rivals::new();
    let mut third = rivals.third(&[put(2, 1, "k", "v")]);
    third.body.outcomes = Outcomes::truncated([Outcome::ExpectFailed]);
    let third = block(third.sealed.header, third.body);
    assert_eq!(rivals.condemned(&third), BlockError::Outcomes);
}

#[test]
fn a_block_with_a_forged_signature_is_condemned() {
    let mut rivals = Rivals::new();
    let mut forged = put(2, 1, "k", "v");
    forged.signature = secret(3).sign(&forged.transaction.statement());
    let third = rivals.third(&[forged]);
    assert_eq!(
        rivals.condemned(&third),
        BlockError::Transaction {
            index: 0,
            error: TransactionError::Signature(SignatureError::Signature(public(2)))
        }
    );
}

#[test]
fn a_pending_transaction_does_not_vouch_for_another_signature() {
    let genuine = put(1, 0, "k", "v");
    let mut forged = genuine.clone();
    forged.signature = secret(3).sign(&forged.transaction.statement());
    let bad = Builder::new().draft(1, CREATED_AT_MS + SPACING_MS, &[forged]);
    let mut replica = Recorder::new().replica;
    replica.admit(genuine, public(1)).unwrap();
    replica.insert_header(&bad.sealed, LATE_MS).unwrap();
    replica.insert_body(&hash_of(&bad), bad.body).unwrap();
    let condemned = replica.advance().changes.condemned;
    let [(_, BlockError::Transaction { error, .. })] = condemned.as_slice() else {
        panic!("{condemned:?}");
    };
    let expected = TransactionError::Signature(SignatureError::Signature(public(1)));
    assert_eq!(*error, expected);
}

#[test]
fn a_block_with_another_networks_transaction_is_condemned() {
    let mut rivals = Rivals::new();
    let mut foreign = network();
    foreign.salt = [8; 16];
    let mut transaction = put(2, 1, "k", "v").transaction;
    transaction.network = foreign.id();
    let third = rivals.third(&[sign(2, transaction)]);
    assert_eq!(
        rivals.condemned(&third),
        BlockError::Transaction {
            index: 0,
            error: TransactionError::Network {
                expected: network().id(),
                came: foreign.id()
            }
        }
    );
}

#[test]
fn a_block_that_skips_a_sequence_is_condemned() {
    let mut rivals = Rivals::new();
    let mut third = rivals.third(&[put(2, 1, "k", "v")]);
    third.body.transactions = List::truncated([put(2, 2, "k", "v")]);
    let third = block(third.sealed.header, third.body);
    assert_eq!(
        rivals.condemned(&third),
        BlockError::Execution(ExecutionError::Sequence {
            expected: 1,
            came: 2
        })
    );
}

#[test]
fn a_block_that_repeats_a_transaction_is_condemned() {
    let mut rivals = Rivals::new();
    let mut third = rivals.third(&[put(2, 1, "k", "v")]);
    third.body.transactions = List::truncated([put(2, 0, "k", "rival")]);
    let third = block(third.sealed.header, third.body);
    assert_eq!(
        rivals.condemned(&third),
        BlockError::Execution(ExecutionError::Sequence {
            expected: 1,
            came: 0
        })
    );
}

#[test]
fn a_block_whose_body_is_too_long_is_condemned() {
    let mut rivals = Rivals::new();
    let value = "v".repeat(4_000);
    let count = BLOCK_BODY_BYTES_MAX as u64 / 4_000 + 1;
    let transactions: Vec<_> = (1..=count)
        .map(|sequence| put(2, sequence, "k", &value))
        .collect();
    let third = rivals.third(&transactions);
    let bytes = encode(&third.body).len();
    assert!(bytes > BLOCK_BODY_BYTES_MAX);
    assert_eq!(rivals.condemned(&third), BlockError::BodyBytes(bytes));
}

#[test]
fn another_node_finds_the_last_shared_block_by_a_locator() {
    let mut ours = Builder::new();
    for _ in 0..200 {
        ours.mine(1, &[]);
    }
    let mut theirs = Builder::on(&ours.blocks[..150]);
    for _ in 0..20 {
        theirs.mine(2, &[]);
    }
    let locator = theirs.chain.locator();
    assert!(locator.len() <= LOCATOR_HASHES_MAX);
    assert_eq!(locator.first(), Some(&theirs.chain.tip().hash));
    assert_eq!(locator.last(), theirs.chain.hash_at(0).as_ref());

    let headers = ours.chain.headers_after(&locator, 1_000);
    let first = headers[0].header.height;
    assert!((100..=151).contains(&first), "they begin at {first}");
    assert_eq!(headers.last(), ours.chain.header(200));
    for sealed in &headers {
        theirs.chain.insert_header(sealed, LATE_MS).unwrap();
    }
    assert_eq!(theirs.chain.best_header().hash, ours.chain.tip().hash);
    assert_eq!(ours.chain.headers_after(&locator, 7).len(), 7);
    assert_eq!(ours.chain.headers_after(&[BlockHash([9; 32])], 7), []);
}
