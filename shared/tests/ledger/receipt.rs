//! Receipts: what they prove, what they leave out, and what nobody can make of them.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use proptest::prelude::*;
use shared::block::Seal;
use shared::encoding::List;
use shared::finality::{LogEntry, LogEvent, LogRecord};
use shared::hash::{BlockHash, Hash, TransactionId};
use shared::limits::RECEIPT_BYTES_MAX;
use shared::merkle::ProofError;
use shared::network::NetworkParameters;
use shared::node::interface::{Answer, Command};
use shared::receipt::{Link, LinkError, NoReceipt, Receipt, ReceiptError};
use shared::replica::Replica;
use shared::store::{Table, number_key};
use shared::transaction::{Action, Outcome, SignedTransaction};

use crate::common::{cases, network, public, put, secret, sign, text, transaction};
use crate::recorder::{Recorder, certificate, roster, signed};

fn id(signed: &SignedTransaction) -> TransactionId {
    signed.transaction.id()
}

/// Three blocks with three transactions, each decided; the roster changes each time.
pub(crate) fn recorded() -> (Recorder, Vec<SignedTransaction>) {
    let mut recorder = Recorder::with_roster(&[1, 2, 3]);
    let written: Vec<_> = (0..3)
        .map(|number| put(1, number, "key", "value"))
        .collect();
    recorder.mine(&[written[0].clone(), put(2, 0, "other", "value")]);
    recorder.decide(&[1, 2, 3], &[1, 2, 3, 4]);
    recorder.mine(std::slice::from_ref(&written[1]));
    recorder.decide(&[1, 2, 4], &[2, 3, 4, 5]);
    recorder.mine(std::slice::from_ref(&written[2]));
    recorder.decide(&[2, 3, 5], &[2]);
    (recorder, written)
}

fn refused(receipt: &Receipt) -> ReceiptError {
    receipt.verify().unwrap_err()
}

#[test]
fn a_receipt_says_what_it_proves() {
    let (recorder, written) = recorded();
    for (number, transaction) in (0..).zip(&written) {
        let receipt = recorder.receipt(&id(transaction)).unwrap();
        let proven = receipt.verify().unwrap();
        let chain = recorder.replica.chain();
        assert_eq!(proven.network, network().id());
        assert_eq!(proven.name, "test");
        assert_eq!(proven.transaction, *transaction);
        assert_eq!(proven.id, id(transaction));
        assert_eq!(proven.outcome, Outcome::Applied);
        assert_eq!(proven.height, number + 1);
        assert_eq!(Some(proven.block), chain.hash_at(number + 1));
        assert_eq!(proven.index, 0);
        assert_eq!(proven.decided_height, number + 1);
        assert_eq!(proven.log_length, number + 2);
        let members = if number == 0 { 3 } else { 4 };
        assert_eq!((proven.signers, proven.members), (3, members));
        assert_eq!(proven.forced_changes, 0);
        assert_eq!(Receipt::from_file(&receipt.to_file()), Ok(receipt));
    }
    let last = recorder
        .receipt(&id(&written[2]))
        .unwrap()
        .verify()
        .unwrap();
    assert_eq!(last.log_head, recorder.log.head());
}

#[test]
fn one_decision_covers_the_blocks_below_it() {
    let mut recorder = Recorder::with_roster(&[1]);
    let early = put(1, 0, "key", "value");
    recorder.mine(std::slice::from_ref(&early));
    for _ in 0..12 {
        recorder.mine(&[]);
    }
    recorder.decide(&[1], &[1]);
    let proven = recorder.receipt(&id(&early)).unwrap().verify().unwrap();
    assert_eq!((proven.height, proven.decided_height), (1, 13));
}

#[test]
fn a_receipt_is_the_same_for_ever_and_for_everyone() {
    let (mut recorder, written) = recorded();
    let before = recorder.receipt(&id(&written[1])).unwrap();
    for _ in 0..5 {
        recorder.mine(&[]);
        recorder.decide(&[2], &[2]);
    }
    recorder.force(&[7]);
    recorder.mine(&[]);
    assert_eq!(recorder.receipt(&id(&written[1])), Ok(before));
}

#[test]
fn what_is_not_final_has_no_receipt_yet() {
    let (mut recorder, _) = recorded();
    let transaction = put(1, 3, "key", "value");
    let unknown = Err(NoReceipt::NotMined(id(&transaction)));
    assert_eq!(recorder.receipt(&id(&transaction)), unknown);
    recorder.mine(std::slice::from_ref(&transaction));
    let not_final = NoReceipt::NotFinal {
        height: 4,
        final_height: 3,
    };
    assert_eq!(recorder.receipt(&id(&transaction)), Err(not_final));
    recorder.decide(&[2], &[2]);
    assert!(recorder.receipt(&id(&transaction)).is_ok());
}

#[test]
fn a_damaged_row_makes_no_receipt() {
    let (recorder, written) = recorded();
    for (table, key) in [(Table::Bodies, 2), (Table::Log, 0), (Table::Log, 2)] {
        let mut damaged = Recorder::new();
        damaged.store = recorder.store.clone();
        damaged.replica = Replica::restore(
            network(),
            &recorder.store.rows(),
            Some(recorder.replica.chain().decided()),
        )
        .unwrap();
        damaged.log = recorder.log.clone();
        let row = damaged.store.0.get_mut(&(table, number_key(key))).unwrap();
        let middle = row.len() / 2;
        row[middle] ^= 1;
        assert_eq!(damaged.receipt(&id(&written[1])), Err(NoReceipt::Damaged));
    }
}

/// The roster moves on by one of four members at each decision.
fn rolling(decisions: u8) -> (Recorder, SignedTransaction) {
    let at = |first: u8| [first, first + 1, first + 2, first + 3];
    let mut recorder = Recorder::with_roster(&at(0));
    for first in 0..decisions - 1 {
        recorder.mine(&[]);
        recorder.decide(&at(first)[1..], &at(first + 1));
    }
    let last = put(1, 0, "key", "value");
    recorder.mine(std::slice::from_ref(&last));
    recorder.decide(&at(decisions - 1)[..3], &at(decisions - 1));
    (recorder, last)
}

#[test]
fn entries_are_left_out_where_a_third_of_a_roster_still_signs() {
    let (recorder, last) = rolling(60);
    let receipt = recorder.receipt(&id(&last)).unwrap();
    assert_eq!(recorder.log.length(), 61);
    let shown = receipt.links.len();
    assert!((15..40).contains(&shown), "{shown} of 61 entries are shown");
    assert_eq!(receipt.verify().unwrap().log_length, 61);

    let mut steady = Recorder::with_roster(&[1, 2, 3]);
    for _ in 0..100 {
        steady.mine(&[]);
        steady.decide(&[1, 2, 3], &[1, 2, 3]);
    }
    let late = put(1, 0, "key", "value");
    steady.mine(std::slice::from_ref(&late));
    steady.decide(&[1, 2, 3], &[1, 2, 3]);
    assert_eq!(steady.receipt(&id(&late)).unwrap().links.len(), 2);
}

#[test]
fn a_forced_change_is_shown_or_counted() {
    // Nobody is left: the change itself must be shown.
    let mut recorder = Recorder::with_roster(&[1, 2, 3]);
    recorder.mine(&[]);
    recorder.decide(&[1, 2, 3], &[1, 2, 3]);
    recorder.force(&[4, 5]);
    let written = put(1, 0, "key", "value");
    recorder.mine(std::slice::from_ref(&written));
    recorder.decide(&[4, 5], &[4, 5]);
    let receipt = recorder.receipt(&id(&written)).unwrap();
    let is_forced = |entry: &LogEntry| matches!(entry.record.event, LogEvent::Forced { .. });
    let forced = receipt.links.iter().filter(|link| is_forced(&link.entry));
    assert_eq!(forced.count(), 2);
    assert_eq!(receipt.verify().unwrap().forced_changes, 1);

    // One of three is left, and has signed the count.
    let mut recorder = Recorder::with_roster(&[1, 2, 3]);
    recorder.mine(&[]);
    recorder.decide(&[1, 2, 3], &[1, 2, 3]);
    recorder.force(&[1, 4]);
    recorder.mine(std::slice::from_ref(&written));
    recorder.decide(&[1, 4], &[1, 4]);
    let receipt = recorder.receipt(&id(&written)).unwrap();
    assert_eq!(receipt.links.len(), 2);
    assert_eq!(receipt.verify().unwrap().forced_changes, 1);
}

/// A decision with these voters, which the relay has signed although nobody decided it.
fn invented(receipt: &Receipt, voters: &[u8], signers: &[u8], forced_changes: u64) -> Receipt {
    let mut receipt = receipt.clone();
    let mut links = receipt.links.into_vec();
    let last = links.last_mut().unwrap();
    let LogEvent::Decided {
        decision,
        certificate: signatures,
    } = &mut last.entry.record.event
    else {
        panic!("a receipt ends with a decision");
    };
    decision.forced_changes = forced_changes;
    *signatures = certificate(decision, &roster(voters), signers);
    last.roster = Some(roster(voters));
    last.entry = signed(last.entry.record.clone());
    receipt.links = List::new(links).unwrap();
    receipt
}

fn link_error(receipt: &Receipt) -> LinkError {
    match refused(receipt) {
        ReceiptError::Link { error, .. } => error,
        other => panic!("another part was refused: {other}"),
    }
}

#[test]
fn a_roster_of_strangers_is_not_believed_even_with_the_relays_signature() {
    let (recorder, written) = recorded();
    let receipt = recorder.receipt(&id(&written[0])).unwrap();
    assert!(
        invented(&receipt, &[1, 2, 3], &[1, 2, 3], 0)
            .verify()
            .is_ok()
    );
    assert!(
        invented(&receipt, &[1, 8, 9], &[1, 8, 9], 0)
            .verify()
            .is_ok()
    );
    assert_eq!(
        link_error(&invented(&receipt, &[7, 8, 9], &[7, 8, 9], 0)),
        LinkError::Strangers {
            members: 3,
            came: 0
        }
    );
    // One of the trusted is named in the roster but has not signed.
    let voters = [1, 6, 7, 8];
    assert_eq!(
        link_error(&invented(&receipt, &voters, &voters[1..], 0)),
        LinkError::Strangers {
            members: 3,
            came: 0
        }
    );
    let few = link_error(&invented(&receipt, &[1, 2, 3], &[1, 2], 0));
    assert!(matches!(few, LinkError::Certificate(_)), "{few}");
}

#[test]
fn forced_changes_that_are_shown_cannot_be_left_uncounted() {
    let mut recorder = Recorder::with_roster(&[1, 2, 3]);
    recorder.force(&[4, 5]);
    let written = put(1, 0, "key", "value");
    recorder.mine(std::slice::from_ref(&written));
    recorder.decide(&[4, 5], &[4, 5]);
    let receipt = recorder.receipt(&id(&written)).unwrap();
    assert_eq!(receipt.verify().unwrap().forced_changes, 1);
    assert_eq!(
        link_error(&invented(&receipt, &[4, 5], &[4, 5], 0)),
        LinkError::ForcedChanges { shown: 1, came: 0 }
    );
    let mut without = receipt.clone();
    let mut links = without.links.into_vec();
    links.remove(1);
    links[1].roster = Some(roster(&[4, 5]));
    without.links = List::new(links).unwrap();
    assert!(matches!(link_error(&without), LinkError::Strangers { .. }));
}

#[test]
fn no_forced_change_is_believed_where_the_network_forbids_them() {
    let strict = NetworkParameters {
        forced_changes_allowed: false,
        ..network()
    };
    let to = public(2);
    let action = Action::Transfer { to, amount: 0 };
    let written = sign(1, transaction(strict.id(), 1, 0, action));
    let mut recorder = Recorder::of(strict);
    recorder.force(&[1]);
    recorder.mine(std::slice::from_ref(&written));
    recorder.decide(&[1], &[1]);
    let mut receipt = recorder.receipt(&id(&written)).unwrap();
    assert!(receipt.verify().is_ok());
    let mut links = receipt.links.into_vec();
    let first = &links[0].entry.record;
    let changed = LogRecord {
        index: 1,
        previous: first.hash(),
        event: LogEvent::Forced {
            instance: 1,
            old_roster: roster(&[1]).hash(),
            new_roster: roster(&[9]),
            base_height: 0,
            base: BlockHash::ZERO,
        },
        ..first.clone()
    };
    links[1] = Link {
        roster: None,
        entry: signed(changed),
    };
    receipt.links = List::new(links).unwrap();
    assert_eq!(link_error(&receipt), LinkError::ForcedChange);
}

#[test]
fn a_receipt_must_begin_with_the_first_roster_and_end_with_a_decision() {
    let (recorder, written) = recorded();
    let receipt = recorder.receipt(&id(&written[1])).unwrap();
    let with = |choose: fn(Vec<Link>) -> Vec<Link>| {
        let mut changed = receipt.clone();
        changed.links = List::new(choose(changed.links.into_vec())).unwrap();
        changed
    };
    assert_eq!(
        link_error(&with(|links| links[1..].to_vec())),
        LinkError::First
    );
    assert_eq!(
        refused(&with(|links| links[..1].to_vec())),
        ReceiptError::NoDecision
    );
    assert_eq!(refused(&with(|_| Vec::new())), ReceiptError::NoDecision);
    let twice = with(|mut links| {
        links.extend(links.last().cloned());
        links
    });
    assert_eq!(link_error(&twice), LinkError::Order);
}

#[test]
fn no_path_of_another_proves_a_transaction_that_is_not_included() {
    let mut recorder = Recorder::with_roster(&[1]);
    let written: Vec<_> = (0..6)
        .map(|number| put(1, number, "key", "value"))
        .collect();
    recorder.mine(&written[..5]);
    recorder.decide(&[1], &[1]);
    let receipts: Vec<_> = written[..5]
        .iter()
        .map(|transaction| recorder.receipt(&id(transaction)).unwrap())
        .collect();
    let left_out = &written[5];
    for receipt in &receipts {
        let mut forged = receipt.clone();
        forged.transaction = left_out.clone();
        assert!(matches!(refused(&forged), ReceiptError::Inclusion(_)));
        for other in &receipts {
            forged.index = other.index;
            forged.transaction_path = other.transaction_path.clone();
            forged.record_path = other.transaction_path.clone();
            assert!(forged.verify().is_err());
            // An included one, at another one's place.
            let mut moved = receipt.clone();
            moved.index = other.index;
            moved.transaction_path = other.transaction_path.clone();
            assert_eq!(moved.verify().is_ok(), moved == *receipt);
        }
        let mut more = receipt.clone();
        more.transactions += 1;
        assert!(matches!(refused(&more), ReceiptError::Record(_)));
        let mut applied = receipt.clone();
        applied.outcome = Outcome::ExpectFailed;
        assert!(matches!(refused(&applied), ReceiptError::Inclusion(_)));
    }
}

#[test]
fn a_block_beside_the_decided_history_proves_nothing() {
    let (recorder, written) = recorded();
    let receipt = recorder.receipt(&id(&written[0])).unwrap();
    let mut aside = Recorder::with_roster(&[9]);
    aside.mine(std::slice::from_ref(&written[0]));
    aside.decide(&[9], &[9]);
    let beside = aside.receipt(&id(&written[0])).unwrap();
    let mut forged = beside.clone();
    forged.links = receipt.links.clone();
    forged.history_path = receipt.history_path.clone();
    assert!(matches!(
        refused(&forged),
        ReceiptError::History(ProofError::Root { .. })
    ));
}

#[test]
fn no_flipped_bit_leaves_a_receipt_valid() {
    let (recorder, last) = rolling(6);
    let file = recorder.receipt(&id(&last)).unwrap().to_file();
    let step = if cfg!(target_arch = "wasm32") { 37 } else { 1 };
    for at in (0..file.len()).step_by(step) {
        let mut changed = file.clone();
        changed[at] ^= 1 << (at % 8);
        let verified = Receipt::from_file(&changed).and_then(|receipt| receipt.verify());
        assert!(verified.is_err(), "byte {at} of {}", file.len());
    }
}

#[test]
fn bytes_that_are_no_receipt_are_named() {
    let (recorder, written) = recorded();
    let file = recorder.receipt(&id(&written[0])).unwrap().to_file();
    assert_eq!(Receipt::from_file(b""), Err(ReceiptError::Magic));
    assert_eq!(
        Receipt::from_file(b"tabchain-receipt"),
        Err(ReceiptError::Magic)
    );
    assert_eq!(
        Receipt::from_file(b"%PDF-1.7 and so on"),
        Err(ReceiptError::Magic)
    );
    let mut newer = file.clone();
    newer[16] = 2;
    assert_eq!(Receipt::from_file(&newer), Err(ReceiptError::Version(2)));
    let cut = Receipt::from_file(&file[..file.len() - 1]);
    assert!(matches!(cut, Err(ReceiptError::Decode(_))));
    let long = vec![0; RECEIPT_BYTES_MAX + 1];
    let error = Err(ReceiptError::TooLong(RECEIPT_BYTES_MAX + 1));
    assert_eq!(Receipt::from_file(&long), error);
}

#[test]
fn a_header_without_work_is_refused() {
    let (recorder, written) = recorded();
    let mut receipt = recorder.receipt(&id(&written[0])).unwrap();
    receipt.sealed.seal = Seal::Stake(secret(1).sign(b""));
    assert!(matches!(refused(&receipt), ReceiptError::Seal(_)));
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn no_damage_makes_a_receipt_panic_or_hold(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        static FILE: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
        let file = FILE.get_or_init(|| {
            let (recorder, written) = recorded();
            recorder.receipt(&id(&written[1])).unwrap().to_file()
        });
        let mut changed = file.clone();
        for (at, byte) in damage {
            *at.get_mut(&mut changed) = byte;
        }
        let verified = Receipt::from_file(&changed).and_then(|receipt| receipt.verify());
        prop_assert_eq!(verified.is_ok(), changed == *file);
    }
}

#[test]
fn a_keys_presence_and_absence_are_proved_against_a_header() {
    let (recorder, _) = recorded();
    for (key, is_there) in [("key", true), ("other", true), ("nothing", false)] {
        let key = text(key);
        let answer = recorder.ask(&Command::KeyProof {
            key: text(key.as_str()),
        });
        let Answer::KeyProof(proof) = answer else {
            panic!("no proof: {answer:?}");
        };
        assert_eq!(proof.verify(&key), Ok(()));
        assert_eq!(proof.entry.is_some(), is_there);
        assert_eq!(Some(&proof.sealed), recorder.replica.chain().header(3));
        assert!(proof.verify(&text("another")).is_err());
        let mut altered = proof.clone();
        altered.sealed.header.state_root = Hash::ZERO;
        assert!(altered.verify(&key).is_err());
        let mut altered = proof;
        altered.entry = match altered.entry {
            Some(_) => None,
            None => recorder.replica.chain().state().key(&text("key")).cloned(),
        };
        assert!(altered.verify(&key).is_err());
    }
}

/// It takes some seconds, and would take many in a browser.
#[cfg(not(target_arch = "wasm32"))]
mod largest {
    use shared::finality::Roster;
    use shared::limits::ROSTER_MEMBERS_MAX;

    use super::*;

    /// As many rosters as there are windows on 255 members.
    const FULL: usize = 155;

    /// The receipt of a value that stands behind so many forced changes. No two rosters are the
    /// same, and none has the last one's member: all changes must be shown.
    fn after_changes(changes: usize, value: &str) -> Result<Receipt, NoReceipt> {
        let members: Vec<_> = (0..=254).map(public).collect();
        let mut recorder = Recorder::new();
        for change in 0..changes {
            let (first, fewer) = (change % FULL, change / FULL);
            let window = &members[first..first + ROSTER_MEMBERS_MAX - fewer];
            recorder.force_to(Roster::of(window.iter().copied()));
        }
        recorder.force(&[255]);
        let written = put(1, 0, "key", value);
        recorder.mine(std::slice::from_ref(&written));
        recorder.decide(&[255], &[255]);
        recorder.receipt(&id(&written))
    }

    #[test]
    fn the_largest_receipt_that_is_made_can_be_read_and_a_larger_one_is_not_made() {
        let bytes = |changes| after_changes(changes, "").unwrap().to_file().len();
        let none = bytes(0);
        let change = bytes(1) - none;
        let smaller_change = change - 32;
        let rest = RECEIPT_BYTES_MAX - none - FULL * change;
        let (smaller, left) = (rest / smaller_change, rest % smaller_change);
        assert!(smaller <= FULL, "{smaller} rosters with one member fewer");
        let of_value = |length| after_changes(FULL + smaller, &"v".repeat(length));
        let largest = of_value(left).unwrap();
        assert_eq!(largest.to_file().len(), RECEIPT_BYTES_MAX);
        assert_eq!(of_value(left + 1), Err(NoReceipt::TooLong));
    }
}
