//! Starts that cannot be: each ends with a sentence that says what to do. And the orderly end.

use std::fs;
use std::net::TcpListener;
use std::time::Duration;

use shared::keys::SecretKey;
use shared::message::Message;
use tempfile::TempDir;

use crate::program::{Program, refusal};
use crate::wire;

#[test]
fn a_taken_port_is_named() {
    let data = TempDir::new().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let said = refusal(data.path(), &["--port", &port.to_string()]);
    assert!(
        said.contains(&format!("port {port} of 127.0.0.1 is taken")),
        "{said}"
    );
    assert!(
        said.contains("choose another port, such as --port"),
        "{said}"
    );
    assert_eq!(
        fs::read_dir(data.path()).unwrap().count(),
        0,
        "data was touched"
    );
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let parent = TempDir::new().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "not a folder").unwrap();
    let said = refusal(&file.join("data"), &["--port", "0"]);
    assert!(said.contains("cannot be used"), "{said}");
    assert!(said.contains("--data"), "{said}");
}

#[test]
fn a_damaged_database_is_refused_and_left_alone() {
    let data = TempDir::new().unwrap();
    let database = data.path().join("relay.sqlite");
    Program::start(data.path(), 0).terminate();
    let mut bytes = fs::read(&database).unwrap();
    for byte in bytes.iter_mut().skip(4096).step_by(7) {
        *byte ^= 0x5a;
    }
    fs::write(&database, &bytes).unwrap();
    let said = refusal(data.path(), &["--port", "0"]);
    assert!(said.contains("is damaged"), "{said}");
    assert!(said.contains("Restore a backup"), "{said}");
    assert_eq!(fs::read(&database).unwrap(), bytes, "the file was changed");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_alone() {
    let data = TempDir::new().unwrap();
    let database = data.path().join("relay.sqlite");
    let letter = "Dear diary, ".repeat(500);
    fs::write(&database, &letter).unwrap();
    let said = refusal(data.path(), &["--port", "0"]);
    assert!(said.contains("is damaged"), "{said}");
    assert_eq!(fs::read_to_string(&database).unwrap(), letter);
}

#[test]
fn a_data_folder_in_use_is_refused() {
    let data = TempDir::new().unwrap();
    let relay = Program::start(data.path(), 0);
    let said = refusal(data.path(), &["--port", "0"]);
    assert!(
        said.contains("another relay is using the data folder"),
        "{said}"
    );
    relay.kill();
}

#[test]
fn a_network_keeps_what_it_was_made_with() {
    let data = TempDir::new().unwrap();
    Program::start(data.path(), 0).terminate();
    let said = refusal(data.path(), &["--port", "0", "--spacing-ms", "2000"]);
    assert!(said.contains("--spacing-ms 1000, and 2000 came"), "{said}");
}

#[test]
fn a_missing_certificate_is_named() {
    let data = TempDir::new().unwrap();
    let said = refusal(data.path(), &["--port", "0", "--tls", "no.pem", "no.key"]);
    assert!(said.contains("no.pem"), "{said}");
    let said = refusal(data.path(), &["--port", "0", "--tls", "no.pem"]);
    assert!(said.contains("CERT KEY"), "{said}");
}

#[test]
fn a_weak_token_is_refused_without_being_repeated() {
    let data = TempDir::new().unwrap();
    let said = refusal(data.path(), &["--port", "0", "--operator-token", "s3cret"]);
    assert!(said.contains("this one has 6"), "{said}");
    assert!(!said.contains("s3cret"), "{said}");
}

#[cfg(unix)]
#[test]
fn the_database_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let data = TempDir::new().unwrap();
    let relay = Program::start(data.path(), 0);
    for name in ["relay.sqlite", "relay.sqlite-wal", "relay.sqlite-shm"] {
        let metadata = fs::metadata(data.path().join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600, "{name}");
    }
    relay.kill();
}

#[tokio::test]
async fn a_signal_ends_it_in_order() {
    let data = TempDir::new().unwrap();
    let relay = Program::start(data.path(), 0);
    let mut socket = wire::connect(relay.port).await.unwrap();
    wire::register(&mut socket, &SecretKey::from_seed(&[1; 32])).await;
    let ending = tokio::task::spawn_blocking(|| relay.terminate());
    loop {
        match wire::receive(&mut socket).await {
            Some(Message::ComeBack {
                after_ms,
                within_ms,
            }) => {
                assert!(
                    0 < after_ms && after_ms < within_ms,
                    "{after_ms} {within_ms}"
                );
                break;
            }
            Some(_) => {}
            None => panic!("it should say when to come back"),
        }
    }
    let (code, _) = wire::closing(&mut socket).await;
    assert_eq!(code, 1012);
    let (status, took) = ending.await.unwrap();
    assert!(status.success());
    assert!(took < Duration::from_secs(5), "{took:?}");
}
