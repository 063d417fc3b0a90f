//! What was acknowledged survives the relay's sudden end.

use std::fs::{self, File};

use shared::node::interface::Answer;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

use crate::member::Member;
use crate::program::Program;

#[tokio::test]
async fn nothing_acknowledged_is_lost_by_kill_9() {
    let data = TempDir::new().unwrap();
    let relay = Program::start(data.path(), 0);
    let port = relay.port;
    let writer = Member::start(1, port);
    let number = writer.joined().await.id;

    assert!(matches!(
        writer.put("mined", "1").await,
        Answer::Submitted(_)
    ));
    writer.mine_one().await;
    writer
        .until("the block is there", |view| view.chain.height == 1)
        .await;
    for round in 0..20 {
        let answer = writer.put(&format!("pending {round}"), "2").await;
        assert!(matches!(answer, Answer::Submitted(_)), "{answer:?}");
    }
    let before = writer
        .until("all is acknowledged", |view| {
            view.unacknowledged == 0 && view.pending == 20
        })
        .await;
    relay.kill();
    // The writer's own copies must not be what brings them back.
    writer.vanish().await;

    let relay = Program::start(data.path(), port);
    let stranger = Member::start(2, port);
    let after = stranger
        .until("block and pending transactions are back", |view| {
            view.chain.height == 1 && view.pending == 20
        })
        .await;
    assert_eq!(after.chain.tip, before.chain.tip);
    assert_ne!(after.id, number, "numbers are never reused");
    relay.kill();
}

#[tokio::test]
async fn members_return_by_themselves_after_kill_9() {
    let data = TempDir::new().unwrap();
    let relay = Program::start(data.path(), 0);
    let port = relay.port;
    let members = [1, 2].map(|seed| Member::start(seed, port));
    for member in &members {
        member.joined().await;
    }
    relay.kill();
    let relay = Program::start(data.path(), port);
    for member in &members {
        member
            .until("both are back", |view| {
                view.connection == shared::node::interface::Connection::Joined
                    && view.members.len() == 2
            })
            .await;
    }
    members[0].mine_one().await;
    members[1]
        .until("the block came over", |view| view.chain.height == 1)
        .await;
    relay.kill();
}

#[tokio::test]
async fn a_relay_that_cannot_write_acknowledges_nothing_and_stops() {
    let data = TempDir::new().unwrap();
    let log = data.path().join("relay.log");
    let errors = File::create(&log).unwrap();
    let relay = Program::start_with_errors_to(data.path(), 0, errors.into());
    let writer = Member::start(1, relay.port);
    writer.joined().await;

    let mut other = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(data.path().join("relay.sqlite"))
        .connect()
        .await
        .unwrap();
    let transaction = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    writer.put("key", "value").await;
    let status = tokio::task::spawn_blocking(|| relay.wait()).await.unwrap();
    drop(transaction);

    assert_eq!(status.code(), Some(1));
    let said = fs::read_to_string(log).unwrap();
    assert!(said.contains("database is locked"), "{said}");
    assert!(said.contains("start again"), "{said}");
    assert_eq!(writer.view().await.unacknowledged, 1);
}
