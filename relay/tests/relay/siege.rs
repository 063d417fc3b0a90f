//! Many hostile clients at once, and an honest one that must not notice.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use futures_util::SinkExt;
use reqwest::{Client, StatusCode};
use shared::message::{ErrorCode, PROTOCOL_VERSION};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::member::Member;
use crate::program::{Local, PATIENCE};
use crate::wire;

/// Another address of this machine, which the relay tells apart from 127.0.0.1.
const HONEST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Asks over REST as somebody else; returns the slowest of many answers.
async fn slowest_answer(relay: &Local, requests: usize) -> Duration {
    let client = Client::builder()
        .local_address(Some(HONEST.into()))
        .build()
        .unwrap();
    let mut slowest = Duration::ZERO;
    for _ in 0..requests {
        let asked = Instant::now();
        let answer = client
            .get(relay.url("/api/v1/health"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        slowest = slowest.max(asked.elapsed());
    }
    slowest
}

/// What an honest client may wait under attack, by what it waits in peace: generous, since the
/// attackers share its processor here.
fn bound(usual: Duration) -> Duration {
    usual * 20 + Duration::from_secs(1)
}

async fn rubbish(relay: &Local, frames: usize) {
    let mut sent = 0;
    while sent < frames {
        let Ok(mut socket) = wire::connect(relay.port()).await else {
            continue;
        };
        let frame = vec![PROTOCOL_VERSION, 200, u8::try_from(sent % 251).unwrap()];
        // The first ends the connection; how many more get on their way is the relay's choice.
        for _ in 0..50 {
            if socket.feed(Message::binary(frame.clone())).await.is_err() {
                break;
            }
            sent += 1;
        }
        let _ = socket.flush().await;
    }
}

async fn withstands_rubbish(frames: usize) {
    let relay = Local::start().await;
    let member = Member::start(1, relay.port());
    member.joined().await;
    let usual = slowest_answer(&relay, 50).await;
    let (under_attack, ()) = tokio::join!(slowest_answer(&relay, 50), rubbish(&relay, frames));
    assert!(
        under_attack <= bound(usual),
        "{under_attack:?} after {usual:?}"
    );
    member.put("still", "here").await;
    member
        .until("all is acknowledged", |view| view.unacknowledged == 0)
        .await;
}

#[tokio::test]
async fn malformed_frames_do_not_disturb_the_others() {
    withstands_rubbish(1_000).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn a_hundred_thousand_malformed_frames_do_not_disturb_the_others() {
    withstands_rubbish(100_000).await;
}

#[tokio::test]
async fn connections_from_one_address_are_bounded_and_others_get_in() {
    let most = 50;
    let relay = Local::start_with(&["--connections-per-address", "50"]).await;
    let mut sockets = Vec::new();
    let refused = loop {
        match wire::connect(relay.port()).await {
            Ok(socket) => sockets.push(socket),
            Err(tungstenite::Error::Http(response)) => break response,
            Err(other) => panic!("{other:?}"),
        }
        assert!(sockets.len() <= most, "{} are open", sockets.len());
    };
    assert_eq!(refused.status(), 429);
    let usual = Duration::from_millis(50);
    assert!(slowest_answer(&relay, 10).await <= bound(usual));
}

#[tokio::test]
async fn requests_from_one_address_are_bounded_and_others_are_answered() {
    let relay = Local::start_with(&["--requests-per-address", "20"]).await;
    let mut stream = TcpStream::connect(("127.0.0.1", relay.port()))
        .await
        .unwrap();
    let request = "GET /api/v1/share HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let (mut answers, mut questions) = stream.split();
    let ask = async {
        let all = request.repeat(1_000);
        // The relay may hang up before it has read all of it.
        let _ = questions.write_all(all.as_bytes()).await;
    };
    let look = async {
        let mut seen = Vec::new();
        let mut part = [0; 16 * 1024];
        while !String::from_utf8_lossy(&seen).contains("too-fast") {
            seen.drain(..seen.len().saturating_sub(64));
            match answers.read(&mut part).await {
                Ok(0) | Err(_) => return false,
                Ok(count) => seen.extend_from_slice(&part[..count]),
            }
        }
        true
    };
    let refused = tokio::select! {
        refused = look => refused,
        () = async { ask.await; std::future::pending::<()>().await } => unreachable!(),
    };
    assert!(refused, "nothing was refused");
    assert!(slowest_answer(&relay, 10).await <= bound(Duration::from_millis(50)));
}

#[tokio::test]
async fn handshakes_byte_by_byte_are_ended_and_cost_the_others_nothing() {
    let relay = Local::start().await;
    let mut slow = Vec::new();
    for _ in 0..100 {
        let mut stream = TcpStream::connect(("127.0.0.1", relay.port()))
            .await
            .unwrap();
        stream.write_all(b"GET /api/v1/socket HT").await.unwrap();
        slow.push(stream);
    }
    assert!(slowest_answer(&relay, 10).await <= bound(Duration::from_millis(50)));
    for mut stream in slow {
        let mut rest = Vec::new();
        // Ended by the relay, with or without a word.
        let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "a handshake of one line is still open");
    }
}

#[tokio::test]
async fn a_body_byte_by_byte_is_ended() {
    let relay = Local::start().await;
    let mut stream = TcpStream::connect(("127.0.0.1", relay.port()))
        .await
        .unwrap();
    let head = "POST /api/v1/transactions HTTP/1.1\r\nhost: localhost\r\n\
                content-type: application/octet-stream\r\ncontent-length: 1000\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 4096];
    let count = tokio::time::timeout(PATIENCE, stream.read(&mut answer))
        .await
        .unwrap()
        .unwrap();
    let answer = String::from_utf8_lossy(&answer[..count]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
}

#[tokio::test]
async fn frames_of_64_mib_end_the_connection_and_nothing_else() {
    let relay = Local::start().await;
    let mut socket = wire::connect(relay.port()).await.unwrap();
    // The relay hangs up long before it has all of it.
    let _ = socket
        .send(Message::binary(vec![PROTOCOL_VERSION; 64 << 20]))
        .await;
    while wire::receive(&mut socket).await.is_some() {}
    slowest_answer(&relay, 10).await;
}

#[tokio::test]
async fn a_registration_that_was_heard_cannot_be_used_again() {
    let relay = Local::start().await;
    let secret = shared::keys::SecretKey::from_seed(&[1; 32]);
    let mut first = wire::connect(relay.port()).await.unwrap();
    let heard = wire::prove(&mut first, &secret).await;
    let mut thief = wire::connect(relay.port()).await.unwrap();
    for message in &heard {
        wire::send(&mut thief, message).await;
    }
    let (code, _) = wire::closing(&mut thief).await;
    assert_eq!(code, ErrorCode::Registration.close_code());
}
