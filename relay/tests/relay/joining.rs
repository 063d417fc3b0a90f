//! Members come, write, mine, and agree.

use shared::node::interface::Answer;

use crate::member::Member;
use crate::program::{Local, until};

#[tokio::test]
async fn three_members_agree_on_one_chain() {
    let relay = Local::start().await;
    let members = [1, 2, 3].map(|seed| Member::start(seed, relay.port()));
    for member in &members {
        member.joined().await;
        member
            .until("all three are seen", |view| view.members.len() == 3)
            .await;
    }
    let [first, second, third] = &members;

    let answer = first.put("colour", "blue").await;
    assert!(matches!(answer, Answer::Submitted(_)), "{answer:?}");
    for member in &members {
        member
            .until("the transaction is in its mempool", |view| {
                view.pending == 1
            })
            .await;
    }

    second.mine_one().await;
    for member in &members {
        member
            .until("it has the block", |view| {
                view.chain.height == 1 && view.pending == 0
            })
            .await;
    }
    assert_eq!(third.lookup("colour").await.as_deref(), Some("blue"));
    let tips: Vec<_> = [first.view().await, third.view().await]
        .map(|view| view.chain.tip)
        .into();
    assert_eq!(tips[0], tips[1]);
    relay.server.stop().await.unwrap();
}

#[tokio::test]
async fn blocks_become_final_and_a_latecomer_catches_up() {
    let relay = Local::start().await;
    let first = Member::start(1, relay.port());
    first.joined().await;
    for height in 1..=4 {
        first.mine_one().await;
        first
            .until("the next block is there", |view| {
                view.chain.height >= height
            })
            .await;
    }
    first
        .until("a decision is logged", |view| view.chain.final_height >= 2)
        .await;

    let late = Member::start(2, relay.port());
    let view = late
        .until("it has caught up", |view| {
            view.chain.height == 4 && view.chain.final_height >= 2
        })
        .await;
    assert_eq!(view.chain.tip, first.view().await.chain.tip);
}

#[tokio::test]
async fn a_member_that_leaves_is_gone_and_comes_back_under_its_number() {
    let relay = Local::start().await;
    let stays = Member::start(1, relay.port());
    let goes = Member::start(2, relay.port());
    stays.joined().await;
    let number = goes.joined().await.id;

    let storage = goes.vanish().await;
    stays
        .until("it is alone", |view| view.members.len() == 1)
        .await;

    let back = Member::resume(2, relay.port(), storage);
    assert_eq!(back.joined().await.id, number);
}

#[tokio::test]
async fn a_leader_that_vanishes_is_replaced() {
    let relay = Local::start().await;
    let first = Member::start(1, relay.port());
    let led = |view: &shared::node::interface::View| view.leader.is_some();
    let leader = first.until("somebody leads", led).await.leader.unwrap();
    assert_eq!(Some(leader.id), first.view().await.id);

    let second = Member::start(2, relay.port());
    second.joined().await;
    first.vanish().await;
    let view = second
        .until("another leads", |view| {
            view.leader.is_some_and(|now| now.id != leader.id)
        })
        .await;
    assert!(view.leader.unwrap().term > leader.term);
}

#[tokio::test]
async fn a_stopped_relay_says_goodbye_and_members_return() {
    let relay = Local::start().await;
    let port = relay.port();
    let member = Member::start(1, port);
    member.joined().await;
    relay.server.stop().await.unwrap();
    member
        .until("it knows that the relay is gone", |view| {
            view.connection != shared::node::interface::Connection::Joined
        })
        .await;

    let port = port.to_string();
    let again = ["--port", port.as_str()];
    let arguments = crate::program::settings(relay.data.path(), &[]);
    let settings = relay::settings::Settings {
        port: again[1].parse().unwrap(),
        ..arguments
    };
    let server = until("the port is free again", || async {
        relay::Server::start(&settings).await.ok()
    })
    .await;
    member.joined().await;
    server.stop().await.unwrap();
}
