//! What can be typed or found wrong: each its own message and exit code, and nothing half done.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::thread;

use shared::message::PROTOCOL_VERSION;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{Message, accept_hdr};

use crate::programs::{Relay, Worker};

#[test]
fn commands_before_register_say_so() {
    for command in [
        &["get_id"][..],
        &["get_leader"],
        &["mine_block"],
        &["run"],
        &["disconnect"],
        &["add_transaction", "--key", "k", "--value", "v"],
    ] {
        let (code, error) = Worker::new().failure(command);
        assert_eq!((code, &error["class"]), (14, &"not_registered".into()));
        assert!(error["message"].as_str().unwrap().contains("register"));
    }
}

#[test]
fn an_unreachable_relay_is_named() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let worker = Worker::new();
    let (code, error) = worker.failure(&["register", "--server", &url]);
    assert_eq!((code, &error["class"]), (20, &"unreachable".into()));
    assert!(error["message"].as_str().unwrap().contains(&url), "{error}");
    assert!(
        !worker.path("membership.json").exists(),
        "nothing is remembered"
    );
}

#[test]
fn another_server_than_a_relay_is_told_apart() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", server.local_addr().unwrap());
    let served = thread::spawn(move || {
        let (mut client, _) = server.accept().unwrap();
        let _ = client.read(&mut [0; 4096]).unwrap();
        let answer = "HTTP/1.1 404 Not Found\r\ncontent-length: 5\r\n\r\nhello";
        client.write_all(answer.as_bytes()).unwrap();
    });
    let (code, error) = Worker::new().failure(&["register", "--server", &url]);
    assert_eq!((code, &error["class"]), (21, &"not_a_relay".into()));
    served.join().unwrap();
}

/// A relay of the next version: as one that knows this version's subprotocol and answers it in its
/// own, and as one that does not know it any more.
#[test]
fn a_relay_of_another_version_is_told_apart() {
    let newer = PROTOCOL_VERSION + 1;
    let answers: [fn(TcpStream); 2] = [
        |stream| {
            #[expect(clippy::result_large_err, reason = "the library's own type")]
            let subprotocol = |_: &Request, mut response: Response| {
                let value = HeaderValue::from_static("tabchain.v1");
                response
                    .headers_mut()
                    .insert("sec-websocket-protocol", value);
                Ok(response)
            };
            let mut socket = accept_hdr(stream, subprotocol).unwrap();
            socket.read().unwrap();
            let frame = Message::binary(vec![PROTOCOL_VERSION + 1, 0]);
            socket.send(frame).unwrap();
            // Until the worker has left.
            while socket.read().is_ok() {}
        },
        |mut stream| {
            let _ = stream.read(&mut [0; 4096]).unwrap();
            let problem = r#"{"type":"urn:tabchain:problem:other-subprotocol","title":"","status":400,"detail":"this relay speaks the subprotocols tabchain.v2 and no version 1: update the older side"}"#;
            let answer = format!(
                "HTTP/1.1 400 Bad Request\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\r\n{problem}",
                problem.len()
            );
            stream.write_all(answer.as_bytes()).unwrap();
        },
    ];
    for answer in answers {
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", server.local_addr().unwrap());
        let served = thread::spawn(move || answer(server.accept().unwrap().0));
        let worker = Worker::new();
        let (code, error) = worker.failure(&["register", "--server", &url]);
        assert_eq!((code, &error["class"]), (26, &"version".into()), "{error}");
        let said = error["message"].as_str().unwrap();
        for part in [
            format!("version {PROTOCOL_VERSION}"),
            newer.to_string(),
            "update the older side".to_owned(),
        ] {
            assert!(said.contains(&part), "{said}");
        }
        assert!(!worker.path("membership.json").exists());
        served.join().unwrap();
    }
}

#[test]
fn a_network_that_the_relay_does_not_serve_is_named() {
    let relay = Relay::start();
    let register = ["--network", "nowhere", "register", "--server", &relay.url];
    let (code, error) = Worker::new().failure(&register);
    assert_eq!((code, &error["class"]), (24, &"network".into()));
    assert!(error["message"].as_str().unwrap().contains("nowhere"));
}

#[test]
fn a_text_that_is_no_address_is_a_mistake_of_usage() {
    for url in ["localhost:18000", "ftp://localhost", "http://a b", ""] {
        let output = Worker::new().output(&["register", "--server", url]);
        assert_eq!(output.status.code(), Some(2), "{url}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("--server"), "{said}");
    }
}

#[test]
fn a_secret_with_a_typing_mistake_is_not_repeated() {
    let variable = "BLOCK_CHAIN_WORKER_INVITATION";
    let typed = "tabinvite1s3cret";
    let worker = Worker::new();
    let file = worker.path("invitation");
    fs::write(&file, typed).unwrap();
    let register = ["register", "--server", "http://127.0.0.1:1"];
    for (variables, options) in [
        (&[][..], &["--invitation", typed][..]),
        (&[(variable, typed)], &[]),
        (&[], &["--invitation-file", file.to_str().unwrap()]),
    ] {
        let output = worker.output_with(variables, &[&register[..], options].concat());
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("tabinvite1…") && !said.contains("s3cret"),
            "{said}"
        );
    }
    for (variables, options) in [
        (&[][..], &["--db-url", "postgresql://ann:s3cret@db:x/l"][..]),
        (&[("DATABASE_URL", "s3cret")], &[]),
    ] {
        let output = worker.output_with(variables, &[&["rebuild"], options].concat());
        assert_eq!(output.status.code(), Some(40));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[test]
fn keys_and_values_that_are_too_long_are_refused_before_anything_is_sent() {
    let long = "k".repeat(257);
    for (key, value) in [("", "v"), (long.as_str(), "v")] {
        let arguments = ["add_transaction", "--key", key, "--value", value];
        let output = Worker::new().output(&arguments);
        assert_eq!(output.status.code(), Some(2), "{key}");
    }
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let key = worker.path("key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    for command in ["run", "mine_block", "get_leader"] {
        let (code, error) = worker.failure(&[command]);
        assert_eq!((code, &error["class"]), (12, &"key_exposed".into()));
        assert!(error["message"].as_str().unwrap().contains("chmod 600"));
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    worker.json(&["mine_block"]);
}

#[test]
fn a_damaged_key_and_a_damaged_database_are_left_as_they_are() {
    let relay = Relay::start();
    let worker = Worker::registered(&relay);
    let (key, database) = (worker.path("key"), worker.path("worker.sqlite"));
    let kept = fs::read(&key).unwrap();
    fs::write(&key, "not a key\n").unwrap();
    let (code, _) = worker.failure(&["mine_block"]);
    assert_eq!(code, 13);
    assert_eq!(fs::read(&key).unwrap(), b"not a key\n");
    fs::write(&key, kept).unwrap();
    fs::write(&database, "no database").unwrap();
    let (code, error) = worker.failure(&["mine_block"]);
    assert_eq!((code, &error["class"]), (15, &"storage".into()));
    assert_eq!(fs::read(&database).unwrap(), b"no database");
}

#[test]
fn another_relay_under_the_same_address_is_noticed_and_can_be_joined_afresh() {
    let worker = Worker::registered(&Relay::start());
    let other = Relay::start();
    let register = ["register", "--server", other.url.as_str()];
    let (code, error) = worker.failure(&register);
    assert_eq!((code, &error["class"]), (24, &"network".into()));
    let before = worker.json(&["get_id"]);
    let afresh = worker.json(&[&register[..], &["--afresh"]].concat());
    assert_eq!(afresh["key"], before["key"], "the key stays");
    worker.json(&["mine_block"]);
}
