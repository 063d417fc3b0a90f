//! Where the proof is stake: its seals and its entries of the state are dumped and read back too.

use dump::testing::{PostgresServer, TestReplica, secret, stake_network};
use shared::transaction::Action;

use crate::harness::{assert_rebuilt, caught_up, grow, start, target};

/// Who produces in `grow`, and who in the branch that replaces two blocks.
const PRODUCERS: [u8; 2] = [4, 92];

#[tokio::test(flavor = "multi_thread")]
async fn a_chain_of_stake_is_dumped_over_epochs_and_a_reorganisation_and_rebuilt() {
    let server = PostgresServer::start();
    let replica = TestReplica::new(stake_network("test", &PRODUCERS));
    grow(&replica, 10);
    let to = secret(1).public_key();
    let transfer = replica.sign(4, 0, Action::Transfer { to, amount: 500 });
    replica.mine(4, &[transfer]);
    let handle = start(&server, &replica).await;
    caught_up(&handle, &replica).await;
    grow(&replica, 10);
    replica.reorganise(2, |at| vec![at.put(5, 0, "only/there", "y")]);
    caught_up(&handle, &replica).await;
    handle.stop().await;

    // The dumper comes back from its own tables, and judges what follows by them.
    let handle = start(&server, &replica).await;
    grow(&replica, 5);
    caught_up(&handle, &replica).await;
    handle.stop().await;
    assert_rebuilt(&target(&server), &replica).await;
}
