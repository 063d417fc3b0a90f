//! Workers that stay: several on one chain, killed, interrupted, over TLS.

use serde_json::Value;

use crate::programs::{Relay, Worker};

#[test]
fn three_workers_agree_on_one_chain() {
    let relay = Relay::start();
    let workers = [(); 3].map(|()| Worker::registered(&relay));
    let mut running: Vec<_> = workers.iter().map(|worker| worker.run(&[])).collect();
    for (worker, key) in workers.iter().zip(["a", "b", "c"]) {
        worker.json(&["add_transaction", "--key", key, "--value", key]);
        worker.json(&["mine_block"]);
    }
    for worker in &mut running {
        let decided = worker.event("final", |event| event["height"] == 3);
        assert_eq!(decided["members"], 3);
    }
    let chains: Vec<_> = workers
        .iter()
        .map(|worker| worker.json(&["get_chain"]))
        .collect();
    assert_eq!(chains[0]["blocks"], chains[1]["blocks"]);
    assert_eq!(chains[0]["blocks"], chains[2]["blocks"]);
    for worker in &workers {
        assert_eq!(worker.json(&["get", "b"])["value"], "b");
    }
    let report = workers[0].json(&["check_consistency"]);
    assert_eq!(
        report["agree"].as_array().map(Vec::len),
        Some(3),
        "{report}"
    );
}

#[test]
fn a_worker_that_mines_goes_on_until_it_is_told_to_leave() {
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let mut running = worker.run(&["--mine", "--threads", "1"]);
    running.event("final", |event| event["height"].as_u64() >= Some(3));
    worker.json(&["disconnect"]);
    assert!(running.wait().success());
}

#[test]
fn a_second_run_in_one_folder_is_refused() {
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let _running = worker.run(&[]);
    let (code, error) = worker.failure(&["run"]);
    assert_eq!((code, &error["class"]), (11, &"folder_in_use".into()));
    assert_eq!(
        worker.json(&["get_leader"])["is_self"],
        true,
        "the first one is unharmed"
    );
}

#[test]
fn a_killed_worker_comes_back_as_the_same_with_its_replica() {
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let id = worker.json(&["get_id"]);
    let mut running = worker.run(&["--mine"]);
    let shown = running.event("block", |block| block["height"].as_u64() >= Some(3));
    // A worker keeps its vote before it sends it, and a block before its vote.
    running.event("final", |last| {
        last["height"].as_u64() >= shown["height"].as_u64()
    });
    running.kill();
    assert!(
        worker.path("control.sock").exists(),
        "what it could not tidy up"
    );

    let _running = worker.run(&[]);
    let registered = worker.json(&["register", "--server", &relay.url]);
    assert_eq!(registered["id"], id["id"]);
    assert_eq!(registered["key"], id["key"]);
    let chain = worker.json(&["get_chain", "--count", "1000"]);
    let blocks = chain["blocks"].as_array().unwrap();
    let is_there = |block: &Value| block["hash"] == shown["hash"];
    assert!(
        blocks.iter().any(is_there),
        "the block that was final is kept"
    );
}

#[test]
fn ctrl_c_leaves_at_once() {
    let relay = Relay::start();
    let (one, two) = (Worker::registered(&relay), Worker::registered(&relay));
    let leaving = one.run(&[]);
    let mut staying = two.run(&[]);
    let id = one.json(&["get_id"])["id"].clone();
    assert!(leaving.signal("-INT").success());
    staying.event("member_left", |left| left["id"] == id);
    assert!(!one.path("control.sock").exists());
}

#[test]
fn commands_in_one_folder_wait_for_each_other() {
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    std::thread::scope(|scope| {
        for number in 0..5 {
            let worker = &worker;
            scope.spawn(move || {
                let key = number.to_string();
                worker.json(&["add_transaction", "--key", &key, "--value", &key]);
            });
        }
    });
    assert_eq!(worker.json(&["mine_block"])["transactions"], 5);
}

#[test]
fn a_certificate_of_the_relays_own_is_trusted_when_the_user_says_so() {
    let relay = Relay::start_with(&["--tls", "self-signed"]);
    let (code, error) = Worker::new().failure(&["register", "--server", &relay.url]);
    assert_eq!((code, &error["class"]), (22, &"certificate".into()));

    let by_file = Worker::new();
    let ca = relay.certificate();
    by_file.json(&[
        "register",
        "--server",
        &relay.url,
        "--ca",
        ca.to_str().unwrap(),
    ]);
    by_file.json(&["mine_block"]);

    let printed = relay.printed.iter();
    let fingerprint = printed
        .filter_map(|line| line.strip_prefix("certificate fingerprint (SHA-256) "))
        .next()
        .unwrap();
    let by_fingerprint = Worker::new();
    by_fingerprint.json(&[
        "register",
        "--server",
        &relay.url,
        "--fingerprint",
        fingerprint,
    ]);
    assert_eq!(by_fingerprint.json(&["get_chain"])["height"], 1);
    let wrong = "00".repeat(32);
    let (code, _) =
        Worker::new().failure(&["register", "--server", &relay.url, "--fingerprint", &wrong]);
    assert_eq!(code, 22);
}

#[test]
fn watch_tells_what_happens_line_by_line_until_the_worker_ends() {
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let running = worker.run(&[]);
    let mut watching = worker.watch();
    let mined = worker.json(&["mine_block"]);
    let block = watching.event("block", |block| block["height"] == 1);
    assert_eq!(block["hash"], mined["hash"]);
    worker.json(&["disconnect"]);
    assert!(running.wait().success());
    assert!(watching.wait().success());
}
