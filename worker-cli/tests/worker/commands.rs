//! Each command by itself, as a script types it, with nothing running in the data folder.

use crate::programs::{Relay, Worker, until};

#[test]
fn register_gives_each_key_a_number_once() {
    let relay = Relay::start();
    let (one, two) = (Worker::new(), Worker::new());
    let first = one.json(&["register", "--server", &relay.url]);
    let second = two.json(&["register", "--server", &relay.url]);
    assert_ne!(first["id"], second["id"]);
    assert_ne!(first["key"], second["key"]);
    assert_eq!(first["network"], second["network"]);
    let again = one.json(&["register", "--server", &relay.url]);
    assert_eq!(again, first);
}

#[test]
fn add_transaction_is_in_every_mempool_until_it_is_mined() {
    let relay = Relay::start();
    let (one, two) = (Worker::registered(&relay), Worker::registered(&relay));
    let mut other = two.run(&[]);
    let added = one.json(&["add_transaction", "--key", "k", "--value", "-v"]);
    assert_eq!(added["key"], "k");
    assert_eq!(added["value"], "-v");
    // By then the other has it, since it mines it.
    let mined = two.json(&["mine-block"]);
    assert_eq!(mined["transactions"], 1);
    other.event("block", |block| {
        block["height"] == 1 && block["pending"] == 0
    });
    let written = one.json(&["get", "k"]);
    assert_eq!(written["value"], "-v");
    assert_eq!(written["transaction"], added["id"]);
}

#[test]
fn add_transaction_can_ask_for_what_the_key_must_be() {
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let absent = [
        "add_transaction",
        "--key",
        "k",
        "--value",
        "1",
        "--expect-absent",
    ];
    let first = worker.json(&absent);
    worker.json(&["mine_block"]);
    worker.json(&absent);
    let id = first["id"].as_str().unwrap();
    let second = [
        "add-transaction",
        "--key",
        "k",
        "--value",
        "2",
        "--expect",
        id,
    ];
    worker.json(&second);
    worker.json(&["mine_block"]);
    let history = worker.json(&["history", "k"]);
    let writes = history["writes"].as_array().unwrap();
    let outcomes: Vec<_> = writes
        .iter()
        .map(|write| write["outcome"].as_str())
        .collect();
    assert_eq!(
        outcomes,
        [Some("applied"), Some("expect_failed"), Some("applied")]
    );
    assert_eq!(worker.json(&["get", "k"])["value"], "2");
}

#[test]
fn get_id_is_what_register_gave() {
    let relay = Relay::start();
    let _first = Worker::registered(&relay);
    let worker = Worker::new();
    let registered = worker.json(&["register", "--server", &relay.url]);
    let id = worker.json(&["get_id"]);
    assert_eq!(id["id"], registered["id"]);
    assert_eq!(id["key"], registered["key"]);
    assert_eq!(worker.json(&["get-id"]), id);
}

#[test]
fn get_leader_is_the_same_for_every_worker() {
    let relay = Relay::start();
    let staying = Worker::registered(&relay);
    let mut running = staying.run(&[]);
    running.event("leader", |_| true);
    let leader = staying.json(&["get_leader"]);
    assert_eq!(leader["is_self"], true);
    assert_eq!(leader["id"], staying.json(&["get_id"])["id"]);
    let other = Worker::registered(&relay).json(&["get-leader"]);
    assert_eq!(other["is_self"], false);
    assert_eq!(other["id"], leader["id"]);
    assert_eq!(other["term"], leader["term"]);
}

#[test]
fn check_consistency_names_who_agrees() {
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let _running = worker.run(&[]);
    let (code, error) = worker.failure(&["check_consistency"]);
    assert_eq!((code, &error["class"]), (32, &"not_yet".into()));
    worker.json(&["mine_block"]);
    let report = worker.json(&["check_consistency"]);
    assert_eq!(report["consistent"], true);
    assert_eq!(report["height"], 1);
    assert_eq!(
        report["agree"],
        serde_json::json!([worker.json(&["get_id"])["id"]])
    );
}

#[test]
fn mine_block_returns_when_the_block_is_stored() {
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    assert_eq!(
        worker.json(&["mine_block"])["final"],
        false,
        "nobody stays to decide"
    );
    let _running = worker.run(&[]);
    for height in 2..=4 {
        let mined = worker.json(&["mine_block"]);
        assert_eq!(mined["height"], height);
        assert_eq!(mined["final"], true);
        // A stranger to whom only the relay can have given it.
        let chain = Worker::registered(&relay).json(&["get_chain"]);
        assert_eq!(chain["blocks"][0]["hash"], mined["hash"]);
        assert_eq!(chain["blocks"][0]["nonce"], mined["nonce"]);
    }
}

#[test]
fn get_chain_is_paged_and_survives() {
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    for _ in 0..4 {
        worker.json(&["mine_block"]);
    }
    let all = worker.json(&["get_chain"]);
    assert_eq!(all["height"], 4);
    let blocks = all["blocks"].as_array().unwrap();
    assert_eq!(blocks.len(), 5);
    for pair in blocks.windows(2) {
        assert_eq!(pair[0]["previous"], pair[1]["hash"]);
    }
    let page = worker.json(&["get-chain", "--from", "3", "--count", "2"]);
    assert_eq!(page["blocks"].as_array().unwrap(), &blocks[1..3]);
    let (code, _) = worker.failure(&["get_chain", "--from", "5"]);
    assert_eq!(code, 31);
    let text = worker.output(&["get_chain"]);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(!text.contains('\x1b'), "colours into a pipe: {text}");
    assert_eq!(text.lines().count(), 6, "{text}");
}

#[test]
fn disconnect_ends_the_running_worker_and_takes_it_off_every_list() {
    let relay = Relay::start();
    let (one, two) = (Worker::registered(&relay), Worker::registered(&relay));
    let idle = one.json(&["disconnect"]);
    assert_eq!(idle["was_running"], false);
    let leader = one.run(&[]);
    let mut other = two.run(&[]);
    let id = one.json(&["get_id"])["id"].clone();
    assert_eq!(one.json(&["disconnect"])["was_running"], true);
    assert!(leader.wait().success());
    other.event("member_left", |left| left["id"] == id);
    let next = until("another leads", || {
        let next = two.json(&["get_leader"]);
        (next["id"] != id).then_some(next)
    });
    assert_eq!(next["is_self"], true);
}
