//! REST as a program sees it.

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use shared::encoding::encode;
use shared::keys::SecretKey;
use shared::transaction::{Action, Expect, Key, SignedTransaction, Transaction};

use crate::member::{Member, key};
use crate::program::{Local, until};

async fn get(relay: &Local, path: &str) -> (StatusCode, Value) {
    let response = reqwest::get(relay.url(path)).await.unwrap();
    let status = response.status();
    (status, response.json().await.unwrap())
}

async fn get_ok(relay: &Local, path: &str) -> Value {
    let (status, body) = get(relay, path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    body
}

fn put(secret: &SecretKey, network: &str, key: &str, value: &str) -> SignedTransaction {
    let transaction = Transaction {
        network: network.parse().unwrap(),
        sender: secret.public_key(),
        sequence: 0,
        valid_until: None,
        action: Action::Put {
            key: Key::new(key).unwrap(),
            value: shared::transaction::Value::new(value).unwrap(),
            expect: Expect::Anything,
        },
        work: 0,
    }
    .with_work(10);
    SignedTransaction {
        signature: secret.sign(&transaction.statement()),
        transaction,
    }
}

#[tokio::test]
async fn health_names_version_network_and_height() {
    let relay = Local::start_with(&["--network-name", "class 7b"]).await;
    let health = get_ok(&relay, "/api/v1/health").await;
    assert_eq!(health["status"], "ok");
    assert_eq!(health["protocol"], 1);
    assert_eq!(health["network"]["name"], "class 7b");
    assert_eq!(health["height"], 0);
    assert_eq!(health["members"], 0);
    get_ok(&relay, "/api/v1/ready").await;
    assert_eq!(get_ok(&relay, "/health").await, health);
    get_ok(&relay, "/ready").await;
    let named = get_ok(&relay, "/api/v1/networks/class%207b").await;
    assert_eq!(named["id"], health["network"]["id"]);
    assert_eq!(named["consensus"]["work"]["spacing_ms"], 1000);
}

#[tokio::test]
async fn a_transaction_goes_in_and_comes_out_of_the_chain() {
    let relay = Local::start().await;
    let network = get_ok(&relay, "/api/v1/network").await["id"].clone();
    let network = network.as_str().unwrap();
    let url = relay.url("/api/v1/transactions");
    let client = Client::new();

    let borsh = put(&SecretKey::from_seed(&[1; 32]), network, "a/b", "borsh");
    let response = client
        .post(&url)
        .header("content-type", "application/octet-stream")
        .body(encode(&borsh))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let admitted: Value = response.json().await.unwrap();
    assert_eq!(admitted["id"], borsh.transaction.id().to_string());

    // What the mempool shows is what may be posted.
    let pending = get_ok(&relay, "/api/v1/mempool").await;
    let mut shown = pending["transactions"][0].clone();
    assert_eq!(shown["action"]["put"]["value"], "borsh");
    shown.as_object_mut().unwrap().remove("id");
    shown.as_object_mut().unwrap().remove("sender_id");
    let again = client.post(&url).json(&shown).send().await.unwrap();
    assert!(
        again.status().is_success(),
        "{}",
        again.text().await.unwrap()
    );

    let miner = Member::start(2, relay.port());
    miner
        .until("it has the transaction", |view| view.pending == 1)
        .await;
    miner.mine_one().await;
    until("the relay has the block", || async {
        let health = get_ok(&relay, "/api/v1/health").await;
        (health["height"] == 1).then_some(())
    })
    .await;

    let found = get_ok(&relay, "/api/v1/keys/a%2Fb").await;
    assert_eq!(found, get_ok(&relay, "/api/v1/keys/a/b").await);
    assert_eq!(found["current"]["value"], "borsh");
    assert_eq!(found["history"][0]["outcome"], "applied");

    let block = get_ok(&relay, "/api/v1/blocks/1").await;
    assert_eq!(block["transactions"][0]["id"], admitted["id"]);
    assert_eq!(block["producer"], key(2).to_string());
    let page = get_ok(&relay, "/api/v1/blocks?count=1").await;
    assert_eq!(page["blocks"][0]["hash"], block["hash"]);
    assert_eq!(page["next"], 0);
    let last = get_ok(&relay, "/api/v1/blocks?from=0").await;
    assert_eq!(last["next"], Value::Null);

    let members = get_ok(&relay, "/api/v1/members").await;
    assert_eq!(members["members"][0]["key"], key(2).to_string());
    let leader = get_ok(&relay, "/api/v1/leader").await;
    assert_eq!(leader["leader"]["key"], key(2).to_string());
}

#[tokio::test]
async fn errors_are_problem_documents() {
    let relay = Local::start().await;
    let network = get_ok(&relay, "/api/v1/network").await["id"].clone();
    let foreign = put(
        &SecretKey::from_seed(&[1; 32]),
        &"ab".repeat(32),
        "key",
        "value",
    );
    let mut forged = put(
        &SecretKey::from_seed(&[1; 32]),
        network.as_str().unwrap(),
        "key",
        "value",
    );
    forged.signature.0[5] ^= 1;

    let client = Client::new();
    let at = |path: &str| relay.url(path);
    let transactions = at("/api/v1/transactions");
    let borsh = |body: Vec<u8>| {
        client
            .post(&transactions)
            .header("content-type", "application/octet-stream")
            .body(body)
    };
    let cases = [
        (client.get(at("/api/v1/nothing")), 404, "not-found"),
        (client.get(at("/api/v2/health")), 404, "not-found"),
        (client.get(at("/api")), 404, "not-found"),
        (client.get(at("/api/")), 404, "not-found"),
        (client.get(at("/nothing.js")), 404, "not-found"),
        (
            client.delete(at("/api/v1/health")),
            405,
            "method-not-allowed",
        ),
        (
            client.get(at("/api/v1/networks/other/health")),
            404,
            "no-such-network",
        ),
        (client.get(at("/api/v1/blocks/7")), 404, "no-such-block"),
        (client.get(at("/api/v1/blocks/minus")), 400, "bad-parameter"),
        (
            client.get(at("/api/v1/blocks?count=-1")),
            400,
            "bad-parameter",
        ),
        (client.get(at("/api/v1/keys/never")), 404, "no-such-key"),
        (
            client.get(at(&format!("/api/v1/keys/{}", "k".repeat(257)))),
            400,
            "bad-parameter",
        ),
        (client.get(at("/api/v1/socket")), 400, "not-a-websocket"),
        (
            client.post(&transactions).body("x"),
            415,
            "unsupported-media-type",
        ),
        (
            client.post(&transactions).json(&json!({"key": 1})),
            400,
            "bad-transaction",
        ),
        (borsh(vec![1, 2, 3]), 400, "bad-transaction"),
        (borsh(vec![0; 100_000]), 413, "body-too-large"),
        (borsh(encode(&foreign)), 422, "refused-transaction"),
        (borsh(encode(&forged)), 422, "refused-transaction"),
    ];
    for (request, status, kind) in cases {
        let response = request.send().await.unwrap();
        let url = response.url().clone();
        assert_eq!(response.status().as_u16(), status, "{url}");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json",
            "{url}"
        );
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["type"], format!("urn:tabchain:problem:{kind}"));
        assert_eq!(problem["status"], status);
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|text| !text.is_empty())
        );
    }
}

#[tokio::test]
async fn every_response_carries_the_policy() {
    let relay = Local::start().await;
    for path in ["/", "/api/v1/health", "/api/v1/nothing"] {
        let response = reqwest::get(relay.url(path)).await.unwrap();
        let headers = response.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self'"));
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
    }
}

#[tokio::test]
async fn share_says_how_to_let_others_in() {
    let relay = Local::start().await;
    let share = get_ok(&relay, "/api/v1/share").await;
    assert_eq!(share["lan"], json!([]));
    assert_eq!(share["port"], relay.port());
    assert!(share["advice"].as_str().unwrap().contains("--bind 0.0.0.0"));
}

#[tokio::test]
async fn https_keeps_its_certificate_over_a_restart() {
    let relay = Local::start_with(&["--tls", "self-signed"]).await;
    let fingerprint = relay.server.fingerprint().unwrap().to_owned();
    assert_eq!(fingerprint.len(), 32 * 3 - 1, "{fingerprint}");

    let pem = std::fs::read(relay.data.path().join("tls-cert.pem")).unwrap();
    let client = Client::builder()
        .add_root_certificate(reqwest::Certificate::from_pem(&pem).unwrap())
        .build()
        .unwrap();
    for host in ["localhost", "127.0.0.1"] {
        let url = format!("https://{host}:{}/api/v1/share", relay.port());
        let share: Value = client.get(url).send().await.unwrap().json().await.unwrap();
        assert_eq!(share["scheme"], "https");
    }

    relay.server.stop().await.unwrap();
    let settings = crate::program::settings(relay.data.path(), &["--tls", "self-signed"]);
    let again = relay::Server::start(&settings).await.unwrap();
    assert_eq!(again.fingerprint(), Some(fingerprint.as_str()));
    again.stop().await.unwrap();
}
