//! Rebuilding needs the rights of a reader only, and names what was altered.

use dump::testing::PostgresServer;
use dump::{DumpError, Target, networks};

use crate::harness::{
    ask, assert_rebuilt, caught_up, grow, rebuild, replica, schema, start, target,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_can_rebuild_and_not_write() {
    let server = PostgresServer::start();
    let replica = replica();
    grow(&replica, 10);
    let handle = start(&server, &replica).await;
    caught_up(&handle, &replica).await;
    let role = format!("{}_reader", schema());
    server.psql(
        "ledger",
        &format!("CREATE ROLE ann LOGIN PASSWORD 'p' IN ROLE {role}"),
    );
    let ann = Target::parse(&server.url_as("ann", "p", "ledger")).unwrap();
    let found = networks(&ann).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].name, "test");
    // Beside the dump that goes on.
    assert_rebuilt(&ann, &replica).await;
    handle.stop().await;
    let refusal = dump::Dumper::start(ann, replica).await.unwrap_err();
    assert!(matches!(refusal, DumpError::Rights { .. }), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_altered_is_named() {
    let server = PostgresServer::start();
    let replica = replica();
    grow(&replica, 12);
    let handle = start(&server, &replica).await;
    caught_up(&handle, &replica).await;
    handle.stop().await;
    let alterations = [
        (
            "UPDATE transactions SET value = 'x' WHERE height = 5 AND position = 1",
            "block 5",
        ),
        (
            "UPDATE transactions SET outcome = 'expect_failed' WHERE height = 6",
            "block 6",
        ),
        (
            "UPDATE transactions SET signed = set_byte(signed, 160, 255 - get_byte(signed, 160)) WHERE height = 7",
            "block 7",
        ),
        (
            "DELETE FROM transactions WHERE height = 3 AND position = 2",
            "block 3",
        ),
        (
            "UPDATE blocks SET nonce = nonce + 1 WHERE height = 4",
            "block 4",
        ),
        (
            "UPDATE blocks SET sealed = set_byte(sealed, 20, 255 - get_byte(sealed, 20)) WHERE height = 9",
            "block 9",
        ),
        ("DELETE FROM blocks WHERE height = 8", "block 8"),
        (
            "UPDATE blocks SET producer = '\\x00' WHERE height = 0",
            "block 0",
        ),
        ("UPDATE keys SET value = 'x' WHERE key = 'key/1'", "key/1"),
        ("DELETE FROM keys WHERE key = 'key/2'", "keys"),
        ("UPDATE accounts SET balance = balance + 1", "accounts"),
        (
            "UPDATE decisions SET height = height + 1 WHERE index = 4",
            "decision 4",
        ),
        ("DELETE FROM decisions WHERE index = 3", "decision 3"),
        (
            "DELETE FROM decisions WHERE index = (SELECT max(index) FROM decisions)",
            "decisions",
        ),
        ("UPDATE undo SET undo = '\\x00'", "undo"),
        ("UPDATE head SET height = 11", "blocks"),
        ("UPDATE head SET final_height = 11", "head"),
        (
            "UPDATE network SET parameters = set_byte(parameters, 5, 65)",
            "network",
        ),
    ];
    server.psql("postgres", "CREATE DATABASE kept TEMPLATE ledger");
    for (alteration, named) in alterations {
        ask(&server, alteration);
        let refusal = rebuild(&target(&server)).await.unwrap_err();
        assert!(
            matches!(
                refusal,
                DumpError::AlteredBlock { .. } | DumpError::Altered { .. }
            ),
            "{alteration}: {refusal}"
        );
        assert!(
            refusal.to_string().contains(named),
            "{alteration}: {refusal}"
        );
        server.psql("postgres", "DROP DATABASE ledger");
        server.psql("postgres", "CREATE DATABASE ledger TEMPLATE kept");
    }
    assert_rebuilt(&target(&server), &replica).await;
}
