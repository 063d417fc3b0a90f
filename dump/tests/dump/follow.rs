//! A dump has everything, follows at once, and stops when it is told to.

use std::time::Duration;

use dump::limits::PORTION_BLOCKS_MAX;
use dump::testing::PostgresServer;
use dump::{DumpError, Dumper, State};
use shared::transaction::{Action, Expect};
use tokio::time::Instant;

use crate::harness::{
    ask, assert_rebuilt, caught_up, counts, grow, replica, start, target, wait_until,
};

#[tokio::test(flavor = "multi_thread")]
async fn dumping_twice_changes_nothing_and_rebuilds_the_original() {
    let server = PostgresServer::start();
    let replica = replica();
    grow(&replica, 100);
    let handle = start(&server, &replica).await;
    caught_up(&handle, &replica).await;
    handle.stop().await;
    let once = counts(&server);
    assert_eq!(once[0], "blocks 101");
    assert_eq!(once[1], "transactions 300");

    let handle = start(&server, &replica).await;
    caught_up(&handle, &replica).await;
    handle.stop().await;
    assert_eq!(counts(&server), once);
    assert_rebuilt(&target(&server), &replica).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn catching_up_takes_one_transaction_of_the_database_for_several_portions() {
    let server = PostgresServer::start();
    let replica = replica();
    for height in 1..=3 * u64::try_from(PORTION_BLOCKS_MAX).unwrap() {
        replica.mine(1, &[replica.put(2, 0, "k", &height.to_string())]);
        replica.decide(height);
    }
    let handle = start(&server, &replica).await;
    caught_up(&handle, &replica).await;
    let status = handle.status();
    assert_eq!(status.sent_height, status.height);
    handle.stop().await;
    let transactions = "SELECT count(DISTINCT xmin::text) FROM blocks WHERE height > 0";
    assert_eq!(ask(&server, transactions), "1");
    assert_rebuilt(&target(&server), &replica).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_is_in_the_tables_within_a_second() {
    let server = PostgresServer::start();
    let replica = replica();
    grow(&replica, 3);
    let handle = start(&server, &replica).await;
    caught_up(&handle, &replica).await;
    // Load on the machine only ever adds to the time, so the fastest tells.
    let mut fastest = Duration::MAX;
    for _ in 0..5 {
        let begun = Instant::now();
        grow(&replica, 1);
        let height = replica.height();
        wait_until("the block is dumped", || {
            handle.status().height == Some(height)
        })
        .await;
        fastest = fastest.min(begun.elapsed());
        assert_eq!(ask(&server, "SELECT height FROM head"), height.to_string());
    }
    assert!(fastest < Duration::from_secs(1), "{fastest:?}");
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_written_after_a_stop_and_starting_again_leaves_no_gap() {
    let server = PostgresServer::start();
    let replica = replica();
    grow(&replica, 20);
    for _ in 0..5 {
        let handle = start(&server, &replica).await;
        // In the middle of whatever it is doing.
        grow(&replica, 5);
        handle.stop().await;
        assert_eq!(handle.status().state, State::Stopped);
        let stopped = counts(&server);
        let written = ask(&server, "SELECT xmin FROM head");
        grow(&replica, 5);
        assert_eq!(counts(&server), stopped);
        assert_eq!(ask(&server, "SELECT xmin FROM head"), written);
    }
    let handle = start(&server, &replica).await;
    caught_up(&handle, &replica).await;
    handle.stop().await;
    assert_rebuilt(&target(&server), &replica).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reorganisation_rewrites_what_is_above_the_last_decision() {
    let server = PostgresServer::start();
    let replica = replica();
    grow(&replica, 10);
    let handle = start(&server, &replica).await;
    caught_up(&handle, &replica).await;
    let rows = "SELECT string_agg(xmin::text, ',' ORDER BY height) FROM blocks WHERE height <= 8";
    let below = ask(&server, rows);
    // The branch that is left brings accounts and keys into the state that then are gone.
    replica.mine(60, &[replica.put(61, 0, "only/here", "x")]);
    caught_up(&handle, &replica).await;
    assert_eq!(
        ask(&server, "SELECT value FROM keys WHERE key = 'only/here'"),
        "x"
    );
    replica.reorganise(3, |at| vec![at.put(62, 0, "only/there", "y")]);
    caught_up(&handle, &replica).await;
    assert_eq!(
        ask(&server, "SELECT count(*) FROM keys WHERE key = 'only/here'"),
        "0"
    );
    assert_eq!(ask(&server, rows), below);
    handle.stop().await;
    assert_rebuilt(&target(&server), &replica).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_below_the_last_decision_halts_the_dump() {
    let server = PostgresServer::start();
    let first = replica();
    grow(&first, 10);
    let handle = start(&server, &first).await;
    caught_up(&handle, &first).await;
    handle.stop().await;
    let before = counts(&server);

    // The same network with another history, as a relay has it that lost its data.
    let other = replica();
    other.mine(9, &[other.put(1, 0, "k", "another history")]);
    grow(&other, 12);
    let handle = Dumper::resume(target(&server), other);
    handle.ended().await;
    let status = handle.status();
    assert_eq!(status.state, State::Halted);
    let error = status.last_error.unwrap();
    assert!(
        matches!(
            *error,
            DumpError::Conflict { .. } | DumpError::LogConflict { .. }
        ),
        "{error}"
    );
    assert_eq!(counts(&server), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_transaction_and_the_largest_numbers_are_shown() {
    let server = PostgresServer::start();
    let replica = replica();
    replica.mine(5, &[]);
    let transfer = |sender, ahead, amount| {
        let to = dump::testing::secret(6).public_key();
        replica.sign(sender, ahead, Action::Transfer { to, amount })
    };
    let absent = |sender| {
        let action = Action::Put {
            key: shared::encoding::Text::new("k").unwrap(),
            value: shared::encoding::Text::new("v").unwrap(),
            expect: Expect::Absent,
        };
        replica.sign(sender, 0, action)
    };
    let transactions = [
        transfer(5, 0, 20),
        transfer(5, 1, u64::MAX),
        absent(1),
        absent(2),
    ];
    replica.mine(5, &transactions);
    let handle = start(&server, &replica).await;
    caught_up(&handle, &replica).await;
    handle.stop().await;
    let outcomes =
        "SELECT string_agg(action || ' ' || outcome, ', ' ORDER BY position) FROM transactions";
    assert_eq!(
        ask(&server, outcomes),
        "transfer applied, transfer balance_too_small, put applied, put expect_failed"
    );
    assert_eq!(
        ask(&server, "SELECT max(amount) FROM transactions"),
        u64::MAX.to_string()
    );
    let address = dump::testing::secret(5).public_key();
    let balance = format!("SELECT balance FROM accounts WHERE address = '{address}'");
    assert_eq!(ask(&server, &balance), "80");
    assert_eq!(
        ask(&server, "SELECT tip FROM chain_status"),
        replica.tip().to_string()
    );
    let history = "SELECT count(*) FROM key_history WHERE key = 'k'";
    assert_eq!(ask(&server, history), "2");
    let sent = format!("SELECT count(*) FROM sent WHERE sender = '{address}'");
    assert_eq!(ask(&server, &sent), "2");
    assert_eq!(ask(&server, "SELECT sum(blocks) FROM blocks_per_hour"), "2");
    assert_eq!(ask(&server, "SELECT blocks FROM producers"), "2");
    assert_rebuilt(&target(&server), &replica).await;
}
