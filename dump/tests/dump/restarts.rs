//! PostgreSQL and the dumper end at random points, while the chain grows and reorganises; the
//! tables are the chain all the same.

use std::time::Duration;

use dump::Dumper;
use dump::testing::{PostgresServer, TestReplica};
use tokio::task::block_in_place;
use tokio::time::sleep;

use crate::harness::{Chance, assert_rebuilt, caught_up, grow, replica, start, target};

#[tokio::test(flavor = "multi_thread")]
async fn five_restarts_of_each_leave_neither_gap_nor_duplicate() {
    survive(5, 1).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn fifty_restarts_of_each_leave_neither_gap_nor_duplicate() {
    survive(50, 2).await;
}

async fn survive(restarts: u32, seed: u64) {
    let mut chance = Chance(seed);
    let mut server = PostgresServer::start();
    let replica = replica();
    grow(&replica, 10);
    let mut handle = start(&server, &replica).await;
    let mut left = [restarts; 2];
    while left != [0, 0] {
        for _ in 0..chance.below(4) {
            happen(&replica, &mut chance);
        }
        // The point in the dump's work at which it is interrupted.
        sleep(Duration::from_micros(chance.below(30_000))).await;
        let which = usize::from(left[0] == 0 || (left[1] > 0 && chance.below(2) == 0));
        left[which] -= 1;
        if which == 0 {
            block_in_place(|| server.stop(chance.below(2) == 0));
            happen(&replica, &mut chance);
            block_in_place(|| server.resume());
        } else {
            match chance.below(2) {
                0 => handle.stop().await,
                // As a process ends that is killed: without waiting for anything.
                _ => drop(handle),
            }
            happen(&replica, &mut chance);
            handle = Dumper::resume(target(&server), replica.clone());
        }
    }
    happen(&replica, &mut chance);
    caught_up(&handle, &replica).await;
    handle.stop().await;
    assert_rebuilt(&target(&server), &replica).await;
}

/// A few blocks, or a reorganisation of what is not final.
fn happen(replica: &TestReplica, chance: &mut Chance) {
    let depth = (replica.height() - replica.final_height()).min(1 + chance.below(2));
    if chance.below(3) == 0 && depth > 0 {
        let key = format!("branch/{}", chance.below(5));
        let sender = 70 + u8::try_from(chance.below(3)).unwrap();
        replica.reorganise(depth, |at| vec![at.put(sender, 0, &key, "there")]);
    } else {
        grow(replica, 1 + chance.below(4));
    }
}
