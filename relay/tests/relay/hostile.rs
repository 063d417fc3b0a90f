//! Clients that break rules are told so and closed, and cost the others nothing.

use std::time::Duration;

use futures_util::SinkExt;
use relay::limits::SOCKET_QUEUE_FRAMES_MAX;
use shared::encoding::Text;
use shared::keys::{SecretKey, Signature};
use shared::limits::FRAME_BYTES_MAX;
use shared::message::{ErrorCode, Hello, Message, NodeStatus, PROTOCOL_VERSION};
use shared::node::interface::Connection;
use tokio_tungstenite::tungstenite::{self, Error};

use crate::member::Member;
use crate::program::Local;
use crate::wire;

#[tokio::test]
async fn bytes_that_are_no_message_close_the_socket() {
    let relay = Local::start().await;
    for frame in [
        vec![],
        vec![PROTOCOL_VERSION],
        vec![PROTOCOL_VERSION, 255, 1, 2],
    ] {
        let mut socket = wire::connect(relay.port()).await.unwrap();
        let frame = tungstenite::Message::binary(frame);
        socket.send(frame).await.unwrap();
        let (code, reason) = wire::closing(&mut socket).await;
        assert_eq!(code, ErrorCode::Malformed.close_code(), "{reason}");
        assert!(!reason.is_empty());
    }
}

#[tokio::test]
async fn another_version_is_told_which_one_is_spoken() {
    let relay = Local::start().await;
    let newer = PROTOCOL_VERSION + 1;
    // One that speaks no other version, and one that would like to.
    let hello = Message::Hello(Hello {
        protocol_version: newer,
        network: None,
        key: SecretKey::from_seed(&[1; 32]).public_key(),
        nonce: [0; 32],
        agent: Text::truncated("newer"),
    });
    for frame in [vec![newer, 0], hello.to_frame()] {
        let mut socket = wire::connect(relay.port()).await.unwrap();
        let frame = tungstenite::Message::binary(frame);
        socket.send(frame).await.unwrap();
        let (code, reason) = wire::closing(&mut socket).await;
        assert_eq!(code, ErrorCode::Version.close_code());
        assert!(reason.contains("version 1"), "{reason}");
    }
}

#[tokio::test]
async fn text_frames_close_the_socket() {
    let relay = Local::start().await;
    let mut socket = wire::connect(relay.port()).await.unwrap();
    socket
        .send(tungstenite::Message::text("hello"))
        .await
        .unwrap();
    let (code, reason) = wire::closing(&mut socket).await;
    assert_eq!(code, ErrorCode::Malformed.close_code());
    assert!(reason.contains("binary"), "{reason}");
}

#[tokio::test]
async fn a_frame_beyond_the_limit_ends_the_connection() {
    let relay = Local::start().await;
    let mut socket = wire::connect(relay.port()).await.unwrap();
    let frame = tungstenite::Message::binary(vec![PROTOCOL_VERSION; FRAME_BYTES_MAX + 1]);
    // The relay may close before all of it is sent.
    let _ = socket.send(frame).await;
    while wire::receive(&mut socket).await.is_some() {}
    assert_alive(&relay).await;
}

#[tokio::test]
async fn a_false_signature_is_refused_for_good() {
    let relay = Local::start().await;
    let mut socket = wire::connect(relay.port()).await.unwrap();
    let hello = Hello {
        protocol_version: PROTOCOL_VERSION,
        network: None,
        key: SecretKey::from_seed(&[1; 32]).public_key(),
        nonce: [0; 32],
        agent: Text::truncated("forger"),
    };
    wire::send(&mut socket, &Message::Hello(hello)).await;
    let signature = Signature([7; 64]);
    wire::send(
        &mut socket,
        &Message::Register {
            signature,
            invitation: None,
            remembered: Box::default(),
        },
    )
    .await;
    let (code, _) = wire::closing(&mut socket).await;
    assert_eq!(code, ErrorCode::Registration.close_code());
}

#[tokio::test]
async fn a_second_session_of_a_key_fences_the_first() {
    let relay = Local::start().await;
    let secret = SecretKey::from_seed(&[1; 32]);
    let mut first = wire::connect(relay.port()).await.unwrap();
    let id = wire::register(&mut first, &secret).await.id;
    let mut second = wire::connect(relay.port()).await.unwrap();
    assert_eq!(wire::register(&mut second, &secret).await.id, id);
    let (code, _) = wire::closing(&mut first).await;
    assert_eq!(code, ErrorCode::Superseded.close_code());
}

#[tokio::test]
async fn a_member_who_sends_too_fast_is_told_and_closed_and_costs_the_others_nothing() {
    // Two hundred at once, with a pause before.
    let relay = Local::start_with(&["--messages-per-member", "20"]).await;
    let quiet = Member::start(2, relay.port());
    quiet.joined().await;
    let secret = SecretKey::from_seed(&[1; 32]);
    let flood = Message::Status(NodeStatus::default());
    for sent_at_most in [300, 100] {
        let mut socket = wire::connect(relay.port()).await.unwrap();
        wire::register(&mut socket, &secret).await;
        for _ in 0..sent_at_most {
            // The relay may close before all of it is sent.
            let frame = tungstenite::Message::binary(flood.to_frame());
            let _ = socket.send(frame).await;
        }
        let told = loop {
            match wire::receive(&mut socket).await {
                Some(Message::Error(error)) => break error,
                Some(_) => {}
                None => panic!("an error should come before the end"),
            }
        };
        assert_eq!(told.code, ErrorCode::Misbehaved);
        assert!(
            told.explanation.as_str().contains("20 messages"),
            "{}",
            told.explanation
        );
        let (code, _) = wire::closing(&mut socket).await;
        assert_eq!(code, 4008);
    }
    quiet.put("still", "here").await;
    quiet
        .until("its transaction is acknowledged", |view| {
            view.connection == Connection::Joined && view.unacknowledged == 0 && view.pending == 1
        })
        .await;
}

#[tokio::test]
async fn a_socket_that_says_nothing_is_closed() {
    let relay = Local::start().await;
    let mut socket = wire::connect(relay.port()).await.unwrap();
    let (code, reason) = wire::closing(&mut socket).await;
    assert_eq!(code, ErrorCode::Unresponsive.close_code());
    assert!(reason.contains("not registered within"), "{reason}");
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let relay = Local::start_with(&["--allowed-origin", "https://class.example"]).await;
    let own = format!("http://127.0.0.1:{}", relay.port());
    for origin in [own.as_str(), "https://class.example"] {
        let accepted = wire::connect_with(relay.port(), &[("origin", origin)]).await;
        assert!(accepted.is_ok(), "{origin}");
    }
    for origin in ["http://evil.example", "null"] {
        let refused = wire::connect_with(relay.port(), &[("origin", origin)]).await;
        match refused.err() {
            Some(Error::Http(response)) => assert_eq!(response.status(), 403),
            other => panic!("{origin}: {other:?}"),
        }
    }
}

/// A page of evil.example whose name points to the relay is of one origin with it.
#[tokio::test]
async fn requests_by_another_name_are_refused() {
    let relay = Local::start_with(&["--allowed-host", "chain.example"]).await;
    let client = reqwest::Client::new();
    for (name, expected) in [("evil.example", 421), ("chain.example", 200)] {
        let host = format!("{name}:{}", relay.port());
        for path in ["/", "/api/v1/blocks", "/metrics", "/health"] {
            let request = client.get(relay.url(path)).header("host", &host);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status().as_u16(), expected, "{name}{path}");
        }
        let origin = format!("http://{host}");
        let headers = [("host", host.as_str()), ("origin", origin.as_str())];
        let connected = wire::connect_with(relay.port(), &headers).await;
        match connected {
            Ok(_) => assert_eq!(expected, 200),
            Err(Error::Http(refused)) => assert_eq!(refused.status(), expected),
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn another_subprotocol_is_refused() {
    let relay = Local::start().await;
    let offered = [("sec-websocket-protocol", "soap")];
    match wire::connect_with(relay.port(), &offered).await.err() {
        Some(Error::Http(response)) => {
            assert_eq!(response.status(), 400);
            let body = response.into_body().unwrap_or_default();
            let body = String::from_utf8(body).unwrap();
            assert!(body.contains(":other-subprotocol"), "{body}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_slow_reader_is_closed_with_1013_and_costs_the_others_nothing() {
    let relay = Local::start().await;
    let writer = Member::start(2, relay.port());
    let reader = Member::start(3, relay.port());
    writer.joined().await;
    reader.joined().await;
    let mut slow = wire::connect_narrowly(relay.port()).await.unwrap();
    wire::register(&mut slow, &SecretKey::from_seed(&[1; 32])).await;
    writer
        .until("the slow reader is a member", |view| {
            view.members.len() == 3
        })
        .await;
    // However long this takes, it is not for silence that it is to be closed.
    let alive = tungstenite::Message::binary(Message::Status(NodeStatus::default()).to_frame());

    // Each transaction is fanned out; the slow one does not read a single byte of them.
    let value = "x".repeat(4096);
    let (mut written, mut most_queued) = (0, 0);
    while writer.view().await.members.len() == 3 {
        assert!(
            written < 4 * SOCKET_QUEUE_FRAMES_MAX,
            "it is a member still"
        );
        // The relay may have closed it already.
        let _ = slow.send(alive.clone()).await;
        for _ in 0..50 {
            writer.put(&format!("key {written}"), &value).await;
            written += 1;
        }
        most_queued = most_queued.max(queued_bytes(&relay).await);
        writer.mine_one().await;
    }
    let (code, _) = wire::closing(&mut slow).await;
    assert_eq!(code, ErrorCode::TooSlow.close_code());
    assert!(most_queued > 0, "metrics showed no queue");

    let tip = writer.view().await.chain.height;
    reader
        .until("it has all of it", |view| view.chain.height >= tip)
        .await;
}

/// What waits for all sockets, as metrics have it.
async fn queued_bytes(relay: &Local) -> u64 {
    let metrics = reqwest::get(relay.url("/metrics")).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let queued = "tabchain_queued_bytes{network=\"tabchain\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(queued));
    line.unwrap().parse().unwrap()
}

async fn assert_alive(relay: &Local) {
    let member = Member::start(9, relay.port());
    tokio::time::timeout(Duration::from_secs(10), member.joined())
        .await
        .unwrap();
}
