//! Receipts and chain files: made from a replica, checked without one.

use std::fs;

use shared::limits::RECEIPT_BYTES_MAX;
use shared::receipt::ReceiptError;

use crate::programs::{Relay, Worker};

#[test]
fn a_receipt_is_verified_without_a_relay_and_a_changed_one_is_refused() {
    let file = {
        let relay = Relay::start();
        let worker = Worker::registered(&relay);
        let _running = worker.run(&[]);
        let added = worker.json(&["add_transaction", "--key", "k", "--value", "v"]);
        let id = added["id"].as_str().unwrap().to_owned();
        let (code, _) = worker.failure(&["receipt", &id]);
        assert_eq!(code, 31, "it is not mined yet");
        worker.json(&["mine_block"]);
        let file = worker.path("k.receipt");
        worker.json(&["receipt", &id, "--out", file.to_str().unwrap()]);
        fs::read(file).unwrap()
    };
    let anybody = Worker::new();
    let path = anybody.path("k.receipt");
    fs::write(&path, &file).unwrap();
    let path = path.to_str().unwrap();
    let verified = anybody.json(&["verify", path]);
    assert_eq!(verified["kind"], "receipt");
    assert_eq!(verified["height"], 1);
    let mut changed = file;
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    fs::write(path, changed).unwrap();
    let (code, _) = anybody.failure(&["verify", path]);
    assert_eq!(code, 34);
}

#[test]
fn an_exported_chain_is_verified_offline_and_imported() {
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let _running = worker.run(&[]);
    worker.json(&["add_transaction", "--key", "k", "--value", "v"]);
    worker.json(&["mine_block"]);
    let path = worker.path("chain");
    let path = path.to_str().unwrap();
    worker.json(&["export", path]);
    let verified = worker.json(&["verify", path]);
    assert_eq!(verified["kind"], "chain");
    assert_eq!(verified["height"], 1);
    let other = Worker::registered(&relay);
    assert_eq!(other.json(&["import", path])["tip"], verified["tip"]);
    let mut cut = fs::read(path).unwrap();
    cut.truncate(cut.len() - 1);
    fs::write(path, cut).unwrap();
    let (code, _) = worker.failure(&["verify", path]);
    assert_eq!(code, 34);
}

#[test]
fn a_receipt_is_read_whole_and_no_further_than_a_receipt_may_be_long() {
    let anybody = Worker::new();
    let path = anybody.path("long.receipt");
    let mut file = b"tabchain-receipt\x01".to_vec();
    file.resize(2 * RECEIPT_BYTES_MAX, 0);
    fs::write(&path, &file).unwrap();
    let (code, error) = anybody.failure(&["verify", path.to_str().unwrap()]);
    let expected = ReceiptError::TooLong(RECEIPT_BYTES_MAX + 1).to_string();
    assert_eq!((code, &error["message"]), (34, &expected.into()));
}

#[test]
fn an_export_touches_no_file_but_its_own() {
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let (beside, aside) = (worker.path("ledger.part"), worker.path("ledger.chain.part"));
    let path = worker.path("ledger.chain");
    fs::write(&beside, "another's").unwrap();
    worker.json(&["export", path.to_str().unwrap()]);
    assert_eq!(fs::read(&beside).unwrap(), b"another's");
    assert!(!aside.exists());
    let exported = fs::read(&path).unwrap();

    fs::write(&aside, "of another export").unwrap();
    let (code, error) = worker.failure(&["export", path.to_str().unwrap()]);
    assert_eq!((code, &error["class"]), (10, &"folder".into()));
    assert_eq!(fs::read(&aside).unwrap(), b"of another export");
    assert_eq!(fs::read(&path).unwrap(), exported);
}
