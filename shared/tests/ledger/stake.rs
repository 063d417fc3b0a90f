//! Proof of stake: what a chain accepts, whose stake counts when, and which branch wins.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

mod draw;
mod sync;

use shared::block::{Block, Body, Header, Seal, SealedHeader};
use shared::chain::{Chain, Checkpoint, HeaderError};
use shared::encoding::List;
use shared::finality::evidence::Evidence;
use shared::keys::{PublicKey, SignatureError};
use shared::network::{
    Consensus, Holder, NetworkParameters, ParametersError, ParseHolderError, Stake,
};
use shared::stake::{Lottery, StakeError};
use shared::state::{Entry, lottery_path};
use shared::transaction::{Action, SignedTransaction, Verified};

use crate::common::{
    CREATED_AT_MS, LATE_MS, REWARD, advance, deliver, hash_of, network, public, secret, sign,
    transaction,
};

const SLOT_MS: u64 = 1_000;
const EPOCH_SLOTS: u64 = 20;
/// Who holds what at first, by the numbers of their keys.
const FIRST: [(u8, u64); 3] = [(1, 600), (2, 300), (3, 100)];
/// Far more slots than anyone has to wait.
const PATIENCE_SLOTS: u64 = 200;

fn holder((number, stake): (u8, u64)) -> Holder {
    Holder {
        key: public(number),
        stake,
    }
}

pub(crate) fn stake_network() -> NetworkParameters {
    let mut holders = FIRST.map(holder).to_vec();
    holders.sort_by_key(|holder| holder.key);
    NetworkParameters {
        consensus: Consensus::Stake(Stake {
            slot_ms: SLOT_MS,
            epoch_slots: EPOCH_SLOTS,
            holders: List::new(holders).unwrap(),
        }),
        ..network()
    }
}

fn start_ms(slot: u64) -> u64 {
    CREATED_AT_MS + slot * SLOT_MS
}

/// The header with the signature of a key, which need not be its producer's.
fn sealed_by(signer: u8, header: Header) -> SealedHeader {
    let statement = SealedHeader::statement(&stake_network().id(), &header.hash());
    let signature = secret(signer).sign(&statement);
    SealedHeader {
        header,
        seal: Seal::Stake(signature),
    }
}

/// A chain on which holders produce when it is their turn.
pub(crate) struct Producers {
    pub(crate) chain: Chain,
    pub(crate) blocks: Vec<Block>,
}

impl Producers {
    pub(crate) fn new() -> Self {
        Self::on(&[])
    }

    fn on(blocks: &[Block]) -> Self {
        let mut producers = Self {
            chain: Chain::new(stake_network()),
            blocks: Vec::new(),
        };
        for block in blocks {
            producers.push(block.clone());
        }
        producers
    }

    fn push(&mut self, block: Block) {
        let changes = deliver(&mut self.chain, &block);
        assert!(changes.condemned.is_empty(), "{:?}", changes.condemned);
        assert_eq!(self.chain.tip().hash, hash_of(&block));
        self.blocks.push(block);
    }

    fn slot(&self) -> u64 {
        let tip = self.chain.header(self.chain.height()).unwrap();
        (tip.header.timestamp_ms - CREATED_AT_MS) / SLOT_MS
    }

    /// The first slot from this one on that one of these draws, and who.
    fn turn(&self, from: u64, of: &[u8]) -> (u64, u8) {
        let keys: Vec<_> = of.iter().map(|number| public(*number)).collect();
        let (slot, key) = self.chain.next_turn(from, PATIENCE_SLOTS, &keys).unwrap();
        let number = of.iter().find(|number| public(**number) == key);
        (slot, *number.unwrap())
    }

    /// A valid block upon the tip that is not put there.
    fn draft(&mut self, slot: u64, producer: u8, transactions: &[SignedTransaction]) -> Block {
        let verified: Vec<_> = transactions
            .iter()
            .cloned()
            .map(Verified::trusted)
            .collect();
        let (header, body) = self
            .chain
            .template(public(producer), start_ms(slot), &verified)
            .unwrap();
        Block {
            sealed: sealed_by(producer, header),
            body,
        }
    }

    /// The next block by one of these, not before a slot.
    fn produce_from(&mut self, from: u64, of: &[u8], transactions: &[SignedTransaction]) -> Block {
        let (slot, producer) = self.turn(from, of);
        let block = self.draft(slot, producer, transactions);
        self.push(block.clone());
        block
    }

    pub(crate) fn produce(&mut self, of: &[u8], transactions: &[SignedTransaction]) -> Block {
        self.produce_from(self.slot() + 1, of, transactions)
    }

    /// Produces until the tip is in this epoch.
    pub(crate) fn produce_until_epoch(&mut self, epoch: u64, of: &[u8]) {
        while self.slot() / EPOCH_SLOTS < epoch {
            self.produce(of, &[]);
        }
    }

    fn stake_in(&self, slot: u64, number: u8) -> u64 {
        let holders = self.chain.holders_in(slot).unwrap();
        holders.stake_of(&public(number))
    }

    fn lottery(&self) -> Lottery {
        match self.chain.state().entry(&lottery_path()) {
            Some(Entry::Lottery(lottery)) => *lottery,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn transfer(from: u8, sequence: u64, to: u8, amount: u64) -> SignedTransaction {
    let to = public(to);
    let action = Action::Transfer { to, amount };
    sign(
        from,
        transaction(stake_network().id(), from, sequence, action),
    )
}

/// What a fresh chain says of a header.
fn judged(sealed: &SealedHeader) -> Result<bool, HeaderError> {
    Chain::new(stake_network()).insert_header(sealed, LATE_MS)
}

#[test]
fn a_holder_is_typed_as_a_key_and_a_number() {
    let holder = holder((1, u64::MAX));
    let key = holder.key;
    assert_eq!(format!("{key}={}", u64::MAX).parse(), Ok(holder));
    let wrong = [
        String::new(),
        key.to_string(),
        format!("{key}=-1"),
        format!("{key}=1=1"),
    ];
    for text in wrong {
        assert_eq!(text.parse::<Holder>(), Err(ParseHolderError), "{text}");
    }
}

#[test]
fn holders_produce_in_their_slots_and_are_rewarded() {
    let mut producers = Producers::new();
    for _ in 0..10 {
        producers.produce(&[1, 2, 3], &[]);
    }
    let made = |number: u8| {
        let by = |block: &&Block| block.sealed.header.producer == public(number);
        producers.blocks.iter().filter(by).count() as u64
    };
    for (number, stake) in FIRST {
        let account = producers.chain.state().account(&public(number));
        assert_eq!(account.balance, stake + REWARD * made(number));
    }
    assert_eq!(made(1) + made(2) + made(3), 10);
}

#[test]
fn a_header_that_breaks_a_rule_is_refused_with_what_was_expected() {
    let mut producers = Producers::new();
    let (slot, producer) = producers.turn(1, &[1]);
    let valid = producers.draft(slot, producer, &[]).sealed;
    let changed = |change: fn(&mut Header)| {
        let mut header = valid.header.clone();
        change(&mut header);
        judged(&sealed_by(1, header))
    };
    assert_eq!(judged(&valid), Ok(true));

    let mined = SealedHeader {
        seal: Seal::Work,
        ..valid.clone()
    };
    assert_eq!(judged(&mined), Err(HeaderError::Seal));
    let forged = sealed_by(2, valid.header.clone());
    let by_another = SignatureError::Signature(public(1));
    assert_eq!(judged(&forged), Err(HeaderError::Signature(by_another)));
    assert_eq!(
        changed(|header| header.producer = public(9)),
        Err(HeaderError::Stake(StakeError::NoStake(public(9))))
    );
    assert_eq!(
        changed(|header| header.bits = 1),
        Err(HeaderError::Bits {
            expected: 0,
            came: 1
        })
    );
    assert_eq!(
        changed(|header| header.version |= 1 << 16),
        Err(HeaderError::Version {
            expected: 1,
            came: 0x1_0001
        })
    );
    assert_eq!(
        changed(|header| header.nonce = 7),
        Err(HeaderError::Nonce(7))
    );
    assert_eq!(
        changed(|header| header.timestamp_ms += 1),
        Err(HeaderError::Slot(valid.header.timestamp_ms + 1))
    );
    assert_eq!(
        changed(|header| header.timestamp_ms = CREATED_AT_MS),
        Err(HeaderError::Stake(StakeError::PastSlot {
            parent: 0,
            came: 0
        }))
    );
    let not_drawn = (1..).find(|slot| !producers.chain.may_produce(&public(1), *slot));
    let not_drawn = not_drawn.unwrap();
    assert_eq!(
        judged(&producers.draft(not_drawn, 1, &[]).sealed),
        Err(HeaderError::Stake(StakeError::NotDrawn {
            slot: not_drawn,
            producer: public(1)
        }))
    );
}

#[test]
fn a_slot_must_be_above_the_parents() {
    let mut producers = Producers::new();
    let first = producers.produce(&[1, 2, 3], &[]);
    let slot = producers.slot();
    let mut header = first.sealed.header.clone();
    header.height += 1;
    header.previous = hash_of(&first);
    let number = (1..=3).find(|number| public(*number) == header.producer);
    assert_eq!(
        producers
            .chain
            .insert_header(&sealed_by(number.unwrap(), header), LATE_MS),
        Err(HeaderError::Stake(StakeError::PastSlot {
            parent: slot,
            came: slot
        }))
    );
}

#[test]
fn a_far_slot_is_put_off_and_not_condemned() {
    let mut producers = Producers::new();
    let (slot, producer) = producers.turn(5, &[1]);
    let sealed = producers.draft(slot, producer, &[]).sealed;
    let soon_ms = start_ms(slot - 1);
    let mut chain = Chain::new(stake_network());
    let error = chain.insert_header(&sealed, soon_ms - 1).unwrap_err();
    assert_eq!(
        error,
        HeaderError::Future {
            ahead_ms: SLOT_MS + 1,
            allowed_ms: SLOT_MS
        }
    );
    assert!(!error.is_forged());
    assert_eq!(chain.insert_header(&sealed, soon_ms), Ok(true));
}

#[test]
fn a_second_block_for_one_slot_is_refused_and_both_are_kept_as_proof() {
    let mut producers = Producers::new();
    let (slot, producer) = producers.turn(1, &[1, 2, 3]);
    let one = producers.draft(slot, producer, &[]);
    let other = producers.draft(slot, producer, &[transfer(1, 0, 2, 1)]);
    producers.push(one.clone());
    let refused = producers.chain.insert_header(&other.sealed, LATE_MS);
    let error = HeaderError::Equivocation {
        producer: public(producer),
        slot_start_ms: start_ms(slot),
        known: hash_of(&one),
    };
    assert!(error.is_forged());
    assert_eq!(refused, Err(error));
    let proof = Evidence::Blocks(Box::new((one.sealed.clone(), other.sealed.clone())));
    let found = producers.chain.take_evidence();
    assert_eq!(found, core::slice::from_ref(&proof));
    let conviction = proof.verify(&stake_network()).unwrap();
    assert_eq!(conviction.key, public(producer));

    // Where a quorum has prevoted a block that is not here yet, it may lead there.
    let mut bound = Chain::new(stake_network());
    deliver(&mut bound, &one);
    bound.justify(Some(Checkpoint {
        height: 1,
        hash: hash_of(&other),
    }));
    assert_eq!(bound.insert_header(&other.sealed, LATE_MS), Ok(true));

    // Unsigned, it proves nothing.
    let mut forged = other.sealed.clone();
    forged.header.state_root = one.sealed.header.state_root;
    assert!(matches!(
        producers.chain.insert_header(&forged, LATE_MS),
        Err(HeaderError::Signature(_))
    ));
    assert_eq!(producers.chain.take_evidence(), []);

    // What is final already has proven its producer's first signature.
    let decided = Checkpoint {
        height: 1,
        hash: hash_of(&one),
    };
    producers.chain.decide(decided);
    advance(&mut producers.chain);
    assert_eq!(producers.chain.final_height(), 1);
    for sealed in [&forged, &other.sealed] {
        let refused = producers.chain.insert_header(sealed, LATE_MS);
        assert_eq!(refused, Err(HeaderError::Undecided(decided)));
    }
    assert_eq!(producers.chain.take_evidence(), [proof]);
}

#[test]
fn stake_that_moves_counts_in_the_epoch_after_the_next() {
    let mut producers = Producers::new();
    producers.produce_until_epoch(1, &[1, 2, 3]);
    producers.produce(&[1, 2, 3], &[transfer(1, 0, 9, 600)]);
    assert_eq!(producers.slot() / EPOCH_SLOTS, 1, "still in epoch 1");
    let balance = producers.chain.state().account(&public(9)).balance;
    assert_eq!(balance, 600);
    let in_epoch = |producers: &Producers, epoch: u64| {
        let slot = epoch * EPOCH_SLOTS;
        [9, 1].map(|number| producers.stake_in(slot.max(producers.slot() + 1), number))
    };
    assert_eq!(in_epoch(&producers, 1), [0, 600]);
    // Frozen when epoch 0 ended: who held the stake then produces with it.
    assert_eq!(in_epoch(&producers, 2)[0], 0);
    producers.produce_until_epoch(2, &[1, 2, 3]);
    assert_eq!(in_epoch(&producers, 2)[0], 0);
    assert_eq!(in_epoch(&producers, 3)[0], 600);
    producers.produce_until_epoch(3, &[1, 2, 3, 9]);
    producers.produce(&[9], &[]);
}

/// After silence for epochs there is nothing newer than what everyone held before it.
#[test]
fn after_a_silent_epoch_counts_what_was_held_before_it() {
    let mut producers = Producers::new();
    producers.produce(&[1, 2, 3], &[transfer(1, 0, 9, 600)]);
    let later = 5 * EPOCH_SLOTS;
    assert_eq!(producers.stake_in(EPOCH_SLOTS, 9), 0);
    assert_eq!(producers.stake_in(later, 9), 600);
    producers.produce_from(later, &[9], &[]);
    assert_eq!(producers.stake_in(producers.slot() + EPOCH_SLOTS, 9), 600);
}

/// Otherwise a producer could try bodies until the next epoch's seed suits it.
#[test]
fn nothing_but_the_producers_keys_enters_the_seed() {
    let mut plain = Producers::new();
    let mut busy = Producers::new();
    for sequence in 0..20 {
        plain.produce(&[1], &[]);
        busy.produce(&[1], &[transfer(1, sequence, 2, 1)]);
        assert_ne!(plain.chain.tip().hash, busy.chain.tip().hash);
        assert_eq!(plain.lottery(), busy.lottery());
    }
    assert!(plain.slot() > EPOCH_SLOTS, "a seed was made");
}

#[test]
fn of_equal_weight_the_lower_ticket_wins_whoever_comes_first() {
    let mut producers = Producers::new();
    let both = |slot: &u64| {
        [1, 2]
            .iter()
            .all(|number| producers.chain.may_produce(&public(*number), *slot))
    };
    let slot = (1..).find(both).unwrap();
    let rivals = [1, 2].map(|number| producers.draft(slot, number, &[]));
    let lottery = Lottery::genesis(&stake_network().id());
    let network = stake_network();
    let rules = network.stake().unwrap();
    let ticket = |block: &&Block| {
        let producer = &block.sealed.header.producer;
        lottery.ticket(rules, slot, producer).unwrap().0
    };
    let winner = rivals.iter().min_by_key(ticket).unwrap();
    for order in [[0, 1], [1, 0]] {
        let mut chain = Chain::new(stake_network());
        for index in order {
            deliver(&mut chain, &rivals[index]);
        }
        assert_eq!(chain.tip().hash, hash_of(winner));
    }
}

#[test]
fn parameters_must_name_holders_that_can_be() {
    let with = |change: fn(&mut Stake)| {
        let mut network = stake_network();
        if let Consensus::Stake(stake) = &mut network.consensus {
            change(stake);
        }
        network.check()
    };
    let of = |holders: &[Holder]| List::truncated(holders.iter().copied());
    assert_eq!(with(|_| {}), Ok(()));
    assert_eq!(
        with(|stake| stake.slot_ms = 99),
        Err(ParametersError::Spacing(99))
    );
    assert_eq!(
        with(|stake| stake.epoch_slots = 9),
        Err(ParametersError::Epoch(9))
    );
    let refused = [
        Vec::new(),
        vec![holder((1, 0))],
        vec![holder((1, 5)), holder((1, 5))],
        stake_network()
            .stake()
            .unwrap()
            .holders
            .iter()
            .rev()
            .copied()
            .collect(),
        vec![holder((1, 1 << 63))],
    ];
    for holders in refused {
        let mut network = stake_network();
        if let Consensus::Stake(stake) = &mut network.consensus {
            stake.holders = of(&holders);
        }
        assert_eq!(
            network.check(),
            Err(ParametersError::Holders),
            "{holders:?}"
        );
    }
}

/// The body has no part in whose turn it is; one that does not execute is condemned all the same.
#[test]
fn a_block_that_does_not_execute_is_condemned() {
    let mut producers = Producers::new();
    let (slot, producer) = producers.turn(1, &[1]);
    let mut header = producers.draft(slot, producer, &[]).sealed.header;
    header.state_root = shared::hash::Hash([9; 32]);
    let sealed = sealed_by(producer, header);
    let body = Body::default();
    let changes = deliver(&mut producers.chain, &Block { sealed, body });
    assert_eq!(changes.condemned.len(), 1);
    assert_eq!(producers.chain.height(), 0);
}

fn keys(numbers: impl IntoIterator<Item = u8>) -> Vec<PublicKey> {
    numbers.into_iter().map(public).collect()
}

/// Strangers ask for it by headers that fail the draw, and it takes as long as there are accounts.
#[test]
fn what_everyone_held_after_a_block_is_counted_once() {
    let mut producers = Producers::new();
    producers.produce(&[1, 2, 3], &[]);
    let far = producers.slot() + 5 * EPOCH_SLOTS;
    let [once, again] = [far, far + EPOCH_SLOTS].map(|slot| {
        let holders = producers.chain.holders_in(slot).unwrap();
        assert_eq!(holders, producers.chain.state().held());
        holders.as_slice().as_ptr()
    });
    assert_eq!(once, again, "it is the same list");
}
