//! Many hostile clients at once, and an honest one that must not notice.

use std::net::Ipv4Addr;
use std::time::Instant;

use futures_util::stream::FuturesUnordered;
use futures_util::{SinkExt, StreamExt};
use reqwest::{Client, StatusCode};
use shared::keys::SecretKey;
use shared::message::{ErrorCode, PROTOCOL_VERSION};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::{self, Message};

use crate::honest::Honest;
use crate::program::{PATIENCE, Program, until};
use crate::wire;

/// Connections that one address may have, unless the operator says otherwise.
const CONNECTIONS_MAX: usize = relay::limits::SOCKETS_PER_ADDRESS_MAX;

/// A relay in a process of its own, and clients who are measured: they ask a hundred times a second.
async fn besieged(arguments: &[&str]) -> (Program, Honest, TempDir) {
    let data = TempDir::new().unwrap();
    let arguments = [&["--messages-per-member", "1000"], arguments].concat();
    let relay = Program::start_with(data.path(), &arguments);
    let honest = Honest::join(relay.port, &arguments).await;
    (relay, honest, data)
}

async fn withstands_rubbish(frames: usize) {
    let (relay, honest, _data) = besieged(&["--requests-per-address", "100000"]).await;
    honest
        .expect_usual_service_during(async {
            let (mut sent, mut sockets) = (0, 0);
            while sent < frames {
                let mut socket = wire::connect(relay.port).await.unwrap();
                sockets += 1;
                let frame = vec![PROTOCOL_VERSION, 200, u8::try_from(sent % 251).unwrap()];
                // The first ends the connection; the others are on their way already.
                for _ in 0..50 {
                    if socket.feed(Message::binary(frame.clone())).await.is_err() {
                        break;
                    }
                    sent += 1;
                }
                let _ = socket.flush().await;
            }
            until("each of them was refused", || async {
                (refused_frames(relay.port).await >= sockets).then_some(())
            })
            .await;
        })
        .await;
}

/// How many frames were no messages, as metrics have it.
async fn refused_frames(port: u16) -> usize {
    let url = format!("http://127.0.0.1:{port}/metrics");
    let metrics = reqwest::get(url).await.unwrap().text().await.unwrap();
    let refused = "tabchain_rejected_total{network=\"tabchain\",kind=\"frame\"} ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(refused));
    line.map_or(0, |count| count.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_frames_do_not_disturb_the_others() {
    withstands_rubbish(5_000).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes minutes"]
async fn a_hundred_thousand_malformed_frames_do_not_disturb_the_others() {
    withstands_rubbish(100_000).await;
}

/// Opens connections until one address has all that it may have, and keeps on trying.
async fn withstands_connections(most: usize, tried: usize) {
    let most_text = most.to_string();
    let arguments = [
        "--connections-per-address",
        &most_text,
        "--requests-per-address",
        "100000",
    ];
    let (relay, honest, _data) = besieged(&arguments).await;
    honest
        .expect_usual_service_during(async {
            let mut sockets = Vec::new();
            for _ in 0..tried {
                match wire::connect(relay.port).await {
                    Ok(socket) => sockets.push(socket),
                    Err(tungstenite::Error::Http(response)) => {
                        assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
                    }
                    Err(other) => panic!("{other:?}"),
                }
            }
            // Those that say nothing are closed, and others may come in their place.
            assert!(sockets.len() >= most, "{} were let in", sockets.len());
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_from_one_address_do_not_disturb_the_others() {
    withstands_connections(50, 500).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes a minute"]
async fn five_thousand_connections_from_one_address_do_not_disturb_the_others() {
    withstands_connections(CONNECTIONS_MAX, 5_000).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_no_more_connections_than_it_may() {
    let (relay, _honest, _data) = besieged(&["--connections-per-address", "50"]).await;
    let mut sockets = Vec::new();
    let refused = loop {
        match wire::connect(relay.port).await {
            Ok(socket) => sockets.push(socket),
            Err(tungstenite::Error::Http(response)) => break response,
            Err(other) => panic!("{other:?}"),
        }
        assert!(sockets.len() <= 50, "{} are open", sockets.len());
    };
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_from_one_address_are_bounded_and_others_are_answered() {
    let (relay, honest, _data) = besieged(&["--requests-per-address", "20"]).await;
    let mut stream = TcpStream::connect(("127.0.0.1", relay.port)).await.unwrap();
    let request = "GET /api/v1/share HTTP/1.1\r\nhost: localhost\r\n\r\n";
    honest
        .expect_usual_service_during(async {
            let (mut answers, mut questions) = stream.split();
            let ask = async {
                let all = request.repeat(1_000);
                // The relay may hang up before it has read all of it.
                let _ = questions.write_all(all.as_bytes()).await;
                std::future::pending::<()>().await;
            };
            let refused = tokio::select! {
                refused = says(&mut answers, "too-fast") => refused,
                () = ask => unreachable!(),
            };
            assert!(refused, "nothing was refused");
        })
        .await;
}

/// Of one request a second five may come at once. A list of forty members counts as five.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_list_counts_as_many_requests_of_its_address() {
    let data = TempDir::new().unwrap();
    let relay = Program::start_with(data.path(), &["--requests-per-address", "1"]);
    let mut members = Vec::new();
    for number in 1..=40 {
        let address = Ipv4Addr::new(127, 0, 1, number);
        let mut socket = wire::connect_from(address, relay.port).await.unwrap();
        wire::register(&mut socket, &SecretKey::from_seed(&[number; 32])).await;
        members.push(socket);
    }
    let url = format!("http://127.0.0.1:{}/api/v1/members", relay.port);
    let begun = Instant::now();
    let mut answered = 0;
    let refused = loop {
        let answer = reqwest::get(&url).await.unwrap();
        if answer.status() != StatusCode::OK {
            break answer;
        }
        answered += 1;
        // However slow this is, each of them has taken what fills up in five seconds.
        assert!(answered <= 1 + begun.elapsed().as_secs() / 5, "{answered}");
    };
    assert!(answered >= 1, "a list is answered after a pause");
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    let after = refused.headers()["retry-after"].to_str().unwrap();
    assert!((1..=5).contains(&after.parse::<u64>().unwrap()), "{after}");
}

/// Whether this is said before the end.
async fn says(answers: &mut (impl AsyncReadExt + Unpin), wanted: &str) -> bool {
    let mut seen = Vec::new();
    let mut part = [0; 16 * 1024];
    while !String::from_utf8_lossy(&seen).contains(wanted) {
        seen.drain(..seen.len().saturating_sub(64));
        match answers.read(&mut part).await {
            Ok(0) | Err(_) => return false,
            Ok(count) => seen.extend_from_slice(&part[..count]),
        }
    }
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn handshakes_byte_by_byte_are_ended_and_cost_the_others_nothing() {
    let (relay, honest, _data) = besieged(&[]).await;
    let head = b"GET /api/v1/socket HTTP/1.1\r\nhost: localhost\r\n";
    honest
        .expect_usual_service_during(async {
            let mut slow = Vec::new();
            for _ in 0..100 {
                let stream = TcpStream::connect(("127.0.0.1", relay.port)).await;
                slow.push(stream.unwrap());
            }
            for byte in head {
                for stream in &mut slow {
                    // The relay may have lost patience.
                    let _ = stream.write_all(&[*byte]).await;
                }
            }
            for mut stream in slow {
                let mut rest = Vec::new();
                // Ended by the relay, with or without a word.
                let ended = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut rest)).await;
                assert!(ended.is_ok(), "a handshake of two lines is still open");
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_say_nothing_are_ended_and_bounded_for_each_address() {
    let (relay, honest, _data) = besieged(&["--connections-per-address", "50"]).await;
    let max = 50 * relay::limits::CONNECTIONS_PER_SOCKET_MAX;
    honest
        .expect_usual_service_during(async {
            let mut silent = Vec::new();
            for number in 0..2 * max {
                let stream = TcpStream::connect(("127.0.0.1", relay.port)).await;
                let mut stream = stream.unwrap();
                if number % 2 == 1 {
                    // As far as HTTP/2 begins like a request. The relay may have hung up.
                    let _ = stream.write_all(b"P").await;
                }
                silent.push(stream);
            }
            // More than may be open: some are closed at once, long before the others.
            let begun = Instant::now();
            let mut ends: FuturesUnordered<_> = silent.iter_mut().map(ended).collect();
            // More than may be open: some are closed at once, long before the others.
            ends.next().await;
            assert!(begun.elapsed() < relay::limits::REQUEST_HEADERS_TIMEOUT / 2);
            let all = tokio::time::timeout(PATIENCE, ends.count()).await;
            assert!(all.is_ok(), "a connection that said nothing is still open");
        })
        .await;
}

/// Completes when the relay has closed a connection, with or without a word.
async fn ended(stream: &mut TcpStream) {
    let _ = stream.read_to_end(&mut Vec::new()).await;
}

#[tokio::test]
async fn a_body_byte_by_byte_is_ended() {
    let (relay, _honest, _data) = besieged(&[]).await;
    let mut stream = TcpStream::connect(("127.0.0.1", relay.port)).await.unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn frames_of_64_mib_end_the_connection_and_nothing_else() {
    let (relay, honest, _data) = besieged(&[]).await;
    let frame = vec![PROTOCOL_VERSION; 64 << 20];
    honest
        .expect_usual_service_during(async {
            for _ in 0..3 {
                let mut socket = wire::connect(relay.port).await.unwrap();
                // The relay hangs up long before it has all of it.
                let _ = socket.send(Message::binary(frame.clone())).await;
                while wire::receive(&mut socket).await.is_some() {}
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn registrations_that_were_heard_cannot_be_used_again() {
    let (relay, honest, _data) = besieged(&[]).await;
    let mut first = wire::connect(relay.port).await.unwrap();
    let heard = wire::prove(&mut first, &SecretKey::from_seed(&[1; 32])).await;
    honest
        .expect_usual_service_during(async {
            for _ in 0..100 {
                let mut thief = wire::connect(relay.port).await.unwrap();
                for message in &heard {
                    wire::send(&mut thief, message).await;
                }
                let (code, _) = wire::closing(&mut thief).await;
                assert_eq!(code, ErrorCode::Registration.close_code());
            }
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn foreign_pages_and_wrong_tokens_are_refused_however_often_they_come() {
    let (relay, honest, _data) = besieged(&["--requests-per-address", "100000"]).await;
    let url = format!("http://127.0.0.1:{}/api/v1/networks", relay.port);
    let client = Client::new();
    honest
        .expect_usual_service_during(async {
            for guess in 0..300 {
                let origin = [("origin", "http://evil.example")];
                match wire::connect_with(relay.port, &origin).await.err() {
                    Some(tungstenite::Error::Http(response)) => {
                        assert_eq!(response.status(), StatusCode::FORBIDDEN);
                    }
                    other => panic!("{other:?}"),
                }
                let answer = client
                    .post(&url)
                    .bearer_auth(format!("{guess:032}"))
                    .json(&serde_json::json!({ "name": "taken-over" }))
                    .send()
                    .await
                    .unwrap();
                assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{guess}");
            }
        })
        .await;
}
