//! What an operator does: look at metrics, back up, verify, replace a token.

use futures_util::SinkExt;
use serde_json::Value;
use shared::message::PROTOCOL_VERSION;
use shared::node::interface::Answer;
use sqlx::{ConnectOptions, Executor};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::Message;

use crate::member::Member;
use crate::program::{Local, settings, until};
use crate::wire;

/// Mines so many blocks with a transaction each.
async fn mine(relay: &Local, blocks: u64) -> Member {
    let member = Member::start(1, relay.port());
    member.joined().await;
    for height in 1..=blocks {
        member.put(&format!("key {height}"), "value").await;
        member.mine_one().await;
        until("the relay has the block", || async {
            let url = relay.url("/api/v1/health");
            let health: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
            (health["height"] == height).then_some(())
        })
        .await;
    }
    member
}

#[tokio::test]
async fn verify_replays_a_running_relays_chains_and_names_the_first_bad_block() {
    let relay = Local::start().await;
    let _member = mine(&relay, 3).await;
    // What the relay has in memory reaches the file a moment later.
    until("the file has all three", || async {
        let sound = relay::verify(relay.data.path()).await.unwrap();
        ((sound[0].height, sound[0].transactions) == (3, 3)).then_some(())
    })
    .await;

    let mut file = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(relay.data.path().join("relay.sqlite"))
        .connect()
        .await
        .unwrap();
    let edit = "UPDATE bodies SET value = x'00000000' WHERE key = x'0000000000000002'";
    file.execute(edit).await.unwrap();
    let said = relay::verify(relay.data.path())
        .await
        .unwrap_err()
        .to_string();
    assert!(said.contains("block 2:"), "{said}");
    file.execute("DELETE FROM bodies").await.unwrap();
    let said = relay::verify(relay.data.path())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("block 1: its transactions are missing"),
        "{said}"
    );
}

#[tokio::test]
async fn a_new_operator_token_voids_the_one_before() {
    let relay = Local::start().await;
    let before = relay.server.new_operator_token().unwrap().clone();
    let in_use = relay::new_operator_token(relay.data.path()).await;
    assert!(in_use.unwrap_err().to_string().contains("another relay"));
    relay.server.stop().await.unwrap();
    let token = relay::new_operator_token(relay.data.path()).await.unwrap();
    let server = relay::Server::start(&settings(relay.data.path(), &[]))
        .await
        .unwrap();
    let relay = Local { server, ..relay };
    let client = reqwest::Client::new();
    for (token, expected) in [(before, 401), (token, 201)] {
        let request = client
            .post(relay.url("/api/v1/networks"))
            .bearer_auth(token.as_str());
        let body = serde_json::json!({ "name": "another" });
        let answer = request.json(&body).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), expected);
    }
}

#[tokio::test]
async fn metrics_count_what_happens() {
    let relay = Local::start_with(&["--network-name", "measured"]).await;
    let member = Member::start(1, relay.port());
    member.joined().await;
    let scrape = || async {
        let answer = reqwest::get(relay.url("/metrics")).await.unwrap();
        assert!(
            answer.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/plain")
        );
        answer.text().await.unwrap()
    };
    let text = scrape().await;
    for line in [
        "tabchain_members{network=\"measured\"} 1",
        "tabchain_connections{network=\"measured\"} 1",
        "tabchain_chain_height{network=\"measured\"} 0",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(text.contains("tabchain_delivery_seconds_bucket"), "{text}");
    let mut socket = wire::connect_to(relay.port(), "/api/v1/socket", &[])
        .await
        .unwrap();
    socket
        .send(Message::binary(vec![PROTOCOL_VERSION, 200]))
        .await
        .unwrap();
    wire::closing(&mut socket).await;
    // What the shell refuses counts like what the core does.
    let mut socket = wire::connect(relay.port()).await.unwrap();
    socket.send(Message::text("text")).await.unwrap();
    wire::closing(&mut socket).await;
    let text = scrape().await;
    for line in [
        "tabchain_closed_total{network=\"measured\",reason=\"Malformed\"} 2",
        "tabchain_rejected_total{network=\"measured\",kind=\"frame\"} 2",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
}

#[tokio::test]
async fn a_backup_of_a_running_relay_is_whole() {
    let relay = Local::start().await;
    let _member = mine(&relay, 1).await;
    let elsewhere = TempDir::new().unwrap();
    let file = elsewhere.path().join("relay.sqlite");
    relay::backup(relay.data.path(), &file).await.unwrap();
    let again = relay::backup(relay.data.path(), &file).await.unwrap_err();
    assert!(matches!(again, relay::BackupError::Exists(_)));
    let nothing = relay::backup(elsewhere.path(), &elsewhere.path().join("b")).await;
    assert!(nothing.is_ok(), "a backup is a database like another");

    let settings = settings(elsewhere.path(), &[]);
    let server = relay::Server::start(&settings).await.unwrap();
    let port = server.listening().address.port();
    let url = format!("http://127.0.0.1:{port}/api/v1/keys/key%201");
    let found: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
    assert_eq!(found["current"]["value"], "value");
}

#[tokio::test]
async fn prune_forgets_who_never_did_anything_and_keeps_all_the_rest() {
    let relay = Local::start().await;
    let writer = mine(&relay, 2).await;
    let number = writer.view().await.id;
    let idle = Member::start(7, relay.port());
    idle.joined().await;
    let idle_storage = idle.vanish().await;
    assert!(matches!(
        writer.put("waits", "1").await,
        Answer::Submitted(_)
    ));
    writer
        .until("it is acknowledged and all is final", |view| {
            view.unacknowledged == 0 && view.pending == 1 && view.chain.final_height == 2
        })
        .await;
    let storage = writer.vanish().await;
    let running = relay::prune(relay.data.path(), false).await.unwrap_err();
    assert!(running.to_string().contains("another relay"), "{running}");
    relay.server.stop().await.unwrap();

    let path = relay.data.path();
    let mut file = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(path.join("relay.sqlite"))
        .connect()
        .await
        .unwrap();
    // What crashes and networks that are gone leave behind.
    for stray in [
        "INSERT INTO pending SELECT 99, key, value FROM pending",
        "INSERT INTO undo VALUES (1, x'0000000000000001', x'00000000')",
    ] {
        file.execute(stray).await.unwrap();
    }
    drop(file);
    let before = relay::verify(path).await.unwrap();
    let pruned = relay::prune(path, false).await.unwrap();
    assert_eq!((pruned.strays, pruned.undo, pruned.pending), (1, 1, 0));
    assert_eq!(pruned.members, 0, "only where it was asked for");
    let pruned = relay::prune(path, true).await.unwrap();
    assert_eq!((pruned.strays, pruned.undo, pruned.pending), (0, 0, 0));
    assert_eq!(pruned.members, 1);
    assert_eq!(relay::verify(path).await.unwrap(), before);

    let server = relay::Server::start(&settings(path, &[])).await.unwrap();
    let relay = Local { server, ..relay };
    let writer = Member::resume(1, relay.port(), storage);
    let back = writer.joined().await;
    assert_eq!(back.id, number);
    let idle = Member::resume(7, relay.port(), idle_storage);
    assert_eq!(idle.joined().await.id, Some(3), "numbers are never reused");
    let stranger = Member::start(8, relay.port());
    stranger
        .until("what is pending is still there", |view| {
            view.pending == 1 && view.chain.height == 2
        })
        .await;
}
