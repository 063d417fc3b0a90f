//! What a program can ask that it need not believe: receipts, proofs, the log; and what it must
//! know before it writes.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use shared::encoding::decode;
use shared::finality::LogEntry;
use shared::finality::log::DecisionLog;
use shared::hash::Hash;
use shared::merkle::verify_consistency;
use shared::network::NetworkParameters;
use shared::node::interface::Answer;
use shared::receipt::Receipt;
use shared::replica::KeyProof;
use shared::transaction::Key;

use crate::member::{Member, key};
use crate::program::{Local, until};

async fn get(relay: &Local, path: &str) -> (u16, Value) {
    let response = reqwest::get(relay.url(path)).await.unwrap();
    let status = response.status().as_u16();
    (status, response.json().await.unwrap())
}

async fn get_ok(relay: &Local, path: &str) -> Value {
    let (status, body) = get(relay, path).await;
    assert_eq!(status, 200, "{path}: {body}");
    body
}

async fn problem(relay: &Local, path: &str) -> (u16, String) {
    let (status, body) = get(relay, path).await;
    let kind = body["type"].as_str().unwrap();
    let kind = kind.strip_prefix("urn:tabchain:problem:").unwrap();
    (status, kind.to_owned())
}

/// Writes a key, mines the block, and waits until it is final. Returns the transaction's id.
async fn write_finally(relay: &Local, member: &Member, key: &str, value: &str) -> String {
    let Answer::Submitted(id) = member.put(key, value).await else {
        panic!("the transaction should be submitted");
    };
    member.mine_one().await;
    until("the transaction is final", || async {
        let (_, found) = get(relay, &format!("/api/v1/transactions/{id}")).await;
        (found["status"] == "final").then_some(())
    })
    .await;
    id.to_string()
}

fn parameters(relay: &Local, entry: &LogEntry, receipt: &Receipt) -> NetworkParameters {
    assert_eq!(
        entry.record.network,
        receipt.network.id(),
        "{}",
        relay.url("")
    );
    receipt.network.clone()
}

fn decoded<T: borsh::BorshDeserialize>(encoded: &Value) -> T {
    decode("value", &hex::decode(encoded.as_str().unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_transaction_is_followed_from_pending_to_its_receipt() {
    let relay = Local::start().await;
    let member = Member::start(1, relay.port());
    member.joined().await;
    let Answer::Submitted(id) = member.put("a", "1").await else {
        panic!("the transaction should be submitted");
    };
    let path = format!("/api/v1/transactions/{id}");
    let receipt = format!("{path}/receipt");
    until("the relay has it", || async {
        let (status, found) = get(&relay, &path).await;
        (status == 200).then(|| {
            assert_eq!(found["status"], "pending");
            assert_eq!(found["included"], Value::Null);
            assert_eq!(found["action"]["put"]["key"], "a");
        })
    })
    .await;
    assert_eq!(problem(&relay, &receipt).await, (409, "not-final".into()));

    let account = format!("/api/v1/accounts/{}", key(1));
    let waiting = get_ok(&relay, &account).await;
    assert_eq!(
        (&waiting["sequence"], &waiting["next_sequence"]),
        (&json!("0"), &json!("1"))
    );

    member.mine_one().await;
    until("it is final", || async {
        (get_ok(&relay, &path).await["status"] == "final").then_some(())
    })
    .await;
    let found = get_ok(&relay, &path).await;
    assert_eq!(found["included"]["height"], 1);
    assert_eq!(found["included"]["outcome"], "applied");
    let block = get_ok(&relay, "/api/v1/blocks/1").await;
    assert_eq!(found["included"]["block"], block["hash"]);
    let written = get_ok(&relay, &account).await;
    assert_eq!(
        (&written["sequence"], &written["balance"]),
        (&json!("1"), &json!("50"))
    );

    let answer = reqwest::get(relay.url(&receipt)).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/octet-stream");
    let name = format!("attachment; filename=\"{id}.tabreceipt\"");
    assert_eq!(answer.headers()["content-disposition"], name.as_str());
    let receipt = Receipt::from_file(&answer.bytes().await.unwrap()).unwrap();
    let proven = receipt.verify().unwrap();
    assert_eq!((proven.id, proven.height), (id, 1));
    let network = get_ok(&relay, "/api/v1/network").await;
    assert_eq!(network["id"], proven.network.to_string());
}

#[tokio::test]
async fn what_a_key_holds_is_proved_and_that_another_holds_nothing() {
    let relay = Local::start().await;
    let member = Member::start(1, relay.port());
    member.joined().await;
    write_finally(&relay, &member, "a/b", "1").await;
    let block = get_ok(&relay, "/api/v1/blocks/1").await;
    for (name, value) in [("a/b", json!("1")), ("never", Value::Null)] {
        let found = get_ok(&relay, &format!("/api/v1/proofs/keys/{name}")).await;
        assert_eq!(found["entry"]["value"], value);
        assert_eq!(found["block"]["state_root"], block["state_root"]);
        let proof: KeyProof = decoded(&found["encoded"]);
        proof.verify(&Key::new(name).unwrap()).unwrap();
        assert_eq!(proof.sealed.header.hash().to_string(), block["hash"]);
        assert_eq!(
            proof
                .entry
                .map(|entry| json!(entry.value.as_str()))
                .unwrap_or_default(),
            value
        );
    }
}

#[tokio::test]
async fn the_log_verifies_and_one_history_continues_another() {
    let relay = Local::start().await;
    let member = Member::start(1, relay.port());
    member.joined().await;
    let mut last = String::new();
    for height in 1..=3 {
        last = write_finally(&relay, &member, "a", &height.to_string()).await;
    }
    let path = format!("/api/v1/transactions/{last}/receipt");
    let file = reqwest::get(relay.url(&path))
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    let receipt = Receipt::from_file(&file).unwrap();

    let page = get_ok(&relay, "/api/v1/log?count=1").await;
    assert_eq!(
        (&page["next"], &page["entries"][0]["index"]),
        (&json!(1), &json!(0))
    );
    let whole = get_ok(&relay, "/api/v1/log").await;
    assert_eq!(whole["next"], Value::Null);
    let entries = whole["entries"].as_array().unwrap();
    let first: LogEntry = decoded(&entries[0]["encoded"]);
    let mut log = DecisionLog::new(&parameters(&relay, &first, &receipt));
    let mut roots = vec![];
    for shown in entries {
        log.append(&decoded(&shown["encoded"])).unwrap();
        if let Value::Object(decided) = &shown["event"]["decided"] {
            roots.push((
                decided["height"].as_u64().unwrap(),
                decided["history_root"].clone(),
            ));
        }
    }
    assert_eq!(whole["head"], log.head().to_string());

    let proof = get_ok(&relay, "/api/v1/proofs/history?from=1").await;
    let root = |end: &str| {
        let height = proof[end]["height"].as_u64().unwrap();
        let signed = roots
            .iter()
            .find(|(decided, _)| *decided == height)
            .unwrap();
        assert_eq!(signed.1, proof[end]["root"], "{end}");
        (
            height + 1,
            signed.1.as_str().unwrap().parse::<Hash>().unwrap(),
        )
    };
    let hashes = proof["proof"].as_array().unwrap().iter();
    let hashes: Vec<Hash> = hashes
        .map(|hash| hash.as_str().unwrap().parse().unwrap())
        .collect();
    let ((old, old_root), (new, new_root)) = (root("from"), root("to"));
    assert_eq!((old, new), (2, 4));
    verify_consistency(old, new, &old_root, &new_root, &hashes).unwrap();
}

#[tokio::test]
async fn the_history_of_a_key_is_paged() {
    let relay = Local::start().await;
    let member = Member::start(1, relay.port());
    member.joined().await;
    for value in ["1", "2", "3"] {
        write_finally(&relay, &member, "a", value).await;
    }
    let mut path = "/api/v1/keys/a?count=2".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = get_ok(&relay, &path).await;
        assert_eq!(page["current"]["value"], "3");
        let writes = page["history"].as_array().unwrap();
        seen.extend(writes.iter().map(|write| write["value"].clone()));
        let Some(next) = page["next"].as_str() else {
            break;
        };
        path = format!("/api/v1/keys/a?count=2&before={next}");
    }
    assert_eq!(seen, ["3", "2", "1"]);
}

#[tokio::test]
async fn what_a_key_has_sent_is_paged_newest_first() {
    let relay = Local::start().await;
    let (writer, other) = (
        Member::start(1, relay.port()),
        Member::start(2, relay.port()),
    );
    writer.joined().await;
    other.joined().await;
    let mut ids = Vec::new();
    for value in ["1", "2", "3"] {
        ids.push(write_finally(&relay, &writer, "a", value).await);
    }
    let Answer::Submitted(foreign) = other.put("b", "another's").await else {
        panic!("the transaction should be submitted");
    };
    // Two in one block, and one of somebody else.
    for value in ["4", "5"] {
        let Answer::Submitted(id) = writer.put("a", value).await else {
            panic!("the transaction should be submitted");
        };
        ids.push(id.to_string());
    }
    writer
        .until("all wait for its block", |view| view.pending == 3)
        .await;
    writer.mine_one().await;
    until("the last one is in a block", || async {
        let (_, found) = get(&relay, &format!("/api/v1/transactions/{foreign}")).await;
        found["included"]["height"].as_u64()
    })
    .await;
    ids.reverse();

    let resource = format!("/api/v1/accounts/{}/transactions", key(1));
    for count in [1, 2, 100] {
        let mut path = format!("{resource}?count={count}");
        let mut seen = Vec::new();
        loop {
            let page = get_ok(&relay, &path).await;
            let sent = page["transactions"].as_array().unwrap();
            assert!(sent.len() <= count, "{page}");
            seen.extend(sent.iter().map(|sent| sent["id"].clone()));
            let Some(next) = page["next"].as_str() else {
                break;
            };
            path = format!("{resource}?count={count}&before={next}");
        }
        assert_eq!(seen, ids, "by {count}");
    }
    let nothing = get_ok(&relay, &format!("/api/v1/accounts/{}/transactions", key(9))).await;
    assert_eq!(nothing, json!({ "transactions": [], "next": null }));
    let (status, kind) = problem(&relay, &format!("{resource}?before=17")).await;
    assert_eq!((status, kind.as_str()), (400, "bad-parameter"));
}

#[tokio::test]
async fn the_leader_compares_the_replicas_when_an_administrator_asks() {
    let relay = Local::start().await;
    let client = Client::new();
    let token = relay
        .server
        .new_operator_token()
        .unwrap()
        .as_str()
        .to_owned();
    let url = relay.url("/api/v1/consistency");
    let ask = || client.post(&url).bearer_auth(&token).send();
    assert_eq!(
        client.post(&url).send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(ask().await.unwrap().status(), StatusCode::CONFLICT);
    assert_eq!(
        get_ok(&relay, "/api/v1/consistency").await["report"],
        Value::Null
    );

    let member = Member::start(1, relay.port());
    let id = member.joined().await.id.unwrap();
    write_finally(&relay, &member, "a", "1").await;
    let asked = ask().await.unwrap();
    assert_eq!(asked.status(), StatusCode::ACCEPTED);
    let asked: Value = asked.json().await.unwrap();
    let report = until("the report is there", || async {
        let found = get_ok(&relay, "/api/v1/consistency").await;
        (found["report"] != Value::Null).then(|| found["report"].clone())
    })
    .await;
    assert!(
        report["at_ms"].as_u64() >= asked["asked_at_ms"].as_u64(),
        "{report}"
    );
    assert_eq!(report["height"], 1);
    assert_eq!(
        (&report["agree"], &report["differ"]),
        (&json!([id]), &json!([]))
    );
}

#[tokio::test]
async fn what_is_asked_wrongly_is_a_problem_with_a_name() {
    let relay = Local::start().await;
    let unknown = "0".repeat(64);
    let cases = [
        (
            "/api/v1/transactions/short".to_owned(),
            400,
            "bad-parameter",
        ),
        (
            format!("/api/v1/transactions/{unknown}"),
            404,
            "no-such-transaction",
        ),
        (
            format!("/api/v1/transactions/{unknown}/receipt"),
            404,
            "no-such-transaction",
        ),
        (
            "/api/v1/transactions/short/receipt".to_owned(),
            400,
            "bad-parameter",
        ),
        (
            "/api/v1/accounts/tab1wrong".to_owned(),
            400,
            "bad-parameter",
        ),
        (
            format!("/api/v1/proofs/keys/{}", "k".repeat(257)),
            400,
            "bad-parameter",
        ),
        ("/api/v1/proofs/history".to_owned(), 400, "bad-parameter"),
        (
            "/api/v1/proofs/history?from=2&to=1".to_owned(),
            400,
            "bad-parameter",
        ),
        (
            "/api/v1/proofs/history?from=0&to=7".to_owned(),
            404,
            "no-such-block",
        ),
        (
            format!("/api/v1/proofs/history?from={0}&to={0}", u64::MAX),
            404,
            "no-such-block",
        ),
        ("/api/v1/log?from=minus".to_owned(), 400, "bad-parameter"),
        ("/api/v1/keys/a?before=7".to_owned(), 400, "bad-parameter"),
    ];
    for (path, status, kind) in cases {
        assert_eq!(
            problem(&relay, &path).await,
            (status, kind.to_owned()),
            "{path}"
        );
    }
}
