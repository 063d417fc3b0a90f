//! `network`: made, listed, joined and removed, over the relay's REST.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};

use crate::programs::{Relay, Worker, until};

const OPERATOR: &str = "operator-operator-operator-operator";

/// A relay whose operator's token is in a file of the worker's folder.
fn operated(worker: &Worker) -> (Relay, String) {
    let file = worker.path("operator.token");
    fs::write(&file, format!("{OPERATOR}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let file = file.to_str().unwrap().to_owned();
    let relay = Relay::start_with(&["--operator-token-file", &file]);
    (relay, file)
}

/// Makes a network; returns what was printed, and where its token is.
fn create(worker: &Worker, relay: &Relay, name: &str, more: &[&str]) -> (Value, String) {
    let out = worker.path("class.token");
    let out = out.to_str().unwrap();
    let operator = worker.path("operator.token");
    let quick = [
        "network",
        "create",
        name,
        "--server",
        &relay.url,
        "--token-file",
        operator.to_str().unwrap(),
        "--out",
        out,
        "--first-hashes-log2",
        "8",
        "--easiest-hashes-log2",
        "4",
        "--spacing-ms",
        "1000",
    ];
    let made = worker.json(&[&quick[..], more].concat());
    let token = fs::read_to_string(out).unwrap().trim().to_owned();
    (made, token)
}

#[test]
fn a_network_that_is_made_is_listed_and_joined() {
    let worker = Worker::new();
    let (relay, _) = operated(&worker);
    let (made, token) = create(&worker, &relay, "Klasse 7b/ä", &[]);
    assert_eq!(made["name"], "Klasse 7b/ä");
    assert!(!made.to_string().contains(&token), "no secret is printed");

    let listed = worker.json(&["network", "list", "--server", &relay.url]);
    let networks = listed["networks"].as_array().unwrap();
    assert_eq!(networks.len(), 2);
    assert_eq!(networks[0]["is_default"], true);
    assert_eq!(networks[1]["id"], made["id"]);
    assert_eq!(networks[1]["admission"], "open");

    // From then on the folder is that network's, and knows the relay.
    let joined = worker.json(&["network", "join", "Klasse 7b/ä", "--server", &relay.url]);
    assert_eq!(joined["network"]["id"], made["id"]);
    assert_eq!(worker.json(&["mine_block"])["height"], 1);
    assert_eq!(worker.json(&["network", "list"]), listed);
    let other = Worker::registered(&relay);
    assert_eq!(
        other.json(&["get_chain"])["height"],
        0,
        "of the default network"
    );
}

#[test]
fn a_closed_network_is_joined_by_an_invitation_from_a_file() {
    let worker = Worker::new();
    let (relay, _) = operated(&worker);
    let closed = ["--admission", "invite-only"];
    let (made, token) = create(&worker, &relay, "closed", &closed);
    let stranger = Worker::new();
    let join = ["network", "join", "closed", "--server", &relay.url];
    let (code, error) = stranger.failure(&join);
    assert_eq!((code, &error["class"]), (23, &"refused".into()), "{error}");
    assert!(
        !stranger.path("membership.json").exists(),
        "nothing is remembered"
    );

    let path = format!(
        "/api/v1/networks/{}/invitations",
        made["id"].as_str().unwrap()
    );
    let issued = post(&relay, &path, &token, &json!({ "label": "ann" }));
    let file = stranger.path("invitation");
    fs::write(&file, issued["invitation"].as_str().unwrap()).unwrap();
    let invited = ["--invitation-file", file.to_str().unwrap()];
    let joined = stranger.json(&[&join[..], &invited].concat());
    assert_eq!(joined["network"]["name"], "closed");
    // Who has joined needs no invitation any more.
    assert_eq!(stranger.json(&["mine_block"])["height"], 1);
}

#[test]
fn what_is_wrong_with_a_new_network_is_said_and_leaves_no_file() {
    let worker = Worker::new();
    let (relay, operator) = operated(&worker);
    let out = worker.path("new.token");
    let create = |more: &[&str]| {
        let server = ["network", "create", "class", "--server", &relay.url];
        let out = ["--out", out.to_str().unwrap()];
        worker.failure(&[&server[..], &out, more].concat())
    };
    let (code, error) = create(&[]);
    assert_eq!(code, 23);
    assert!(
        error["message"].as_str().unwrap().contains("operator"),
        "{error}"
    );
    let (code, _) = create(&["--token-file", &operator, "--spacing-ms", "1"]);
    assert_eq!(code, 23, "no chain can be run with it");
    let (code, _) = create(&["--token-file", "/nowhere"]);
    assert_eq!(code, 10);
    assert!(!out.exists());

    // A token that is there is never lost to another.
    fs::write(&out, "of another network").unwrap();
    let (code, _) = create(&["--token-file", &operator]);
    assert_eq!(code, 10);
    assert_eq!(fs::read_to_string(&out).unwrap(), "of another network");
    let listed = worker.json(&["network", "list", "--server", &relay.url]);
    assert_eq!(
        listed["networks"].as_array().unwrap().len(),
        1,
        "none was made"
    );
}

#[test]
fn a_network_of_stake_is_made_by_who_holds_the_first_and_a_transfer_hands_some_on() {
    let worker = Worker::new();
    let (relay, operator) = operated(&worker);
    let out = worker.path("class.token");
    let create = ["network", "create", "class", "--kind", "stake"];
    let place = ["--token-file", &operator, "--out", out.to_str().unwrap()];
    let server = ["--server", relay.url.as_str()];
    let quick = ["--slot-ms", "250", "--epoch-slots", "10"];
    worker.json(&[&create[..], &place, &server, &quick].concat());
    let join = ["network", "join", "class", "--server", &relay.url];
    worker.json(&join);
    let newcomer = Worker::new();
    let key = newcomer.json(&join)["key"].as_str().unwrap().to_owned();
    let _voter = worker.run(&["--mine"]);
    let (code, error) = newcomer.failure(&["mine_block"]);
    assert_eq!((code, &error["class"]), (32, &"not_yet".into()), "{error}");
    assert!(error["message"].as_str().unwrap().contains("transfer"));

    let handed = worker.json(&["transfer", "--to", &key, "--amount", "50000"]);
    assert_eq!(handed["to"], key.as_str());
    assert_eq!(handed["amount"], "50000");
    // It counts one to two epochs after a block has it.
    let _newcomer = newcomer.run(&[]);
    let produced = until("the newcomer's stake counts", || {
        let output = newcomer.output(&["--json", "mine_block"]);
        (output.status.success()).then(|| serde_json::from_slice::<Value>(&output.stdout).unwrap())
    });
    // On a busy machine a slot may pass before its block is there.
    let shown = until("it produces another", || {
        let output = newcomer.output(&["mine_block"]);
        (output.status.success()).then(|| String::from_utf8(output.stdout).unwrap())
    });
    assert!(shown.contains("produced"), "{shown}");
    let height = produced["height"].to_string();
    let chain = worker.json(&["get_chain", "--from", &height, "--count", "1"]);
    assert_eq!(chain["blocks"][0]["producer"], key.as_str());
}

#[test]
fn a_folder_of_one_network_is_not_made_that_of_another() {
    let worker = Worker::new();
    let (relay, _) = operated(&worker);
    create(&worker, &relay, "other", &[]);
    worker.json(&["register", "--server", &relay.url]);
    let (code, error) = worker.failure(&["network", "join", "other"]);
    assert_eq!((code, &error["class"]), (24, &"network".into()), "{error}");
    assert_eq!(worker.json(&["mine_block"])["height"], 1);
}

#[test]
fn a_network_is_removed_by_whoever_administers_it() {
    let worker = Worker::new();
    let (relay, operator) = operated(&worker);
    let names = || {
        let listed = worker.json(&["network", "list", "--server", &relay.url]);
        let networks = listed["networks"].as_array().unwrap();
        let names = networks.iter().map(|network| network["name"].clone());
        names.collect::<Vec<_>>()
    };
    let administrator = worker.path("class.token");
    let administrator = administrator.to_str().unwrap().to_owned();
    let (made, _) = create(&worker, &relay, "Klasse 7b/ä", &[]);
    let server = ["--server", relay.url.as_str()];
    let remove = ["network", "remove"];
    let by_operator = ["--token-file", operator.as_str()];
    let by_administrator = ["--token-file", administrator.as_str()];
    let (code, error) =
        worker.failure(&[&remove[..], &["nowhere"], &server, &by_operator].concat());
    assert_eq!((code, &error["class"]), (24, &"network".into()), "{error}");
    assert!(error["message"].as_str().unwrap().contains("nowhere"));
    let (code, error) = worker.failure(&[&remove[..], &["Klasse 7b/ä"], &server].concat());
    assert_eq!((code, &error["class"]), (23, &"refused".into()), "{error}");
    let (code, error) =
        worker.failure(&[&remove[..], &["tabchain"], &server, &by_operator].concat());
    assert_eq!((code, &error["class"]), (23, &"refused".into()), "{error}");
    assert_eq!(names(), ["tabchain", "Klasse 7b/ä"]);

    let removed =
        worker.json(&[&remove[..], &["Klasse 7b/ä"], &server, &by_administrator].concat());
    assert_eq!(removed, json!({ "id": made["id"], "name": "Klasse 7b/ä" }));
    assert_eq!(names(), ["tabchain"]);
    fs::remove_file(&administrator).unwrap();
    let (made, _) = create(&worker, &relay, "again", &[]);
    let id = made["id"].as_str().unwrap();
    worker.json(&[&remove[..], &[id], &server, &by_operator].concat());
    assert_eq!(names(), ["tabchain"]);
}

/// One request over REST with a token.
fn post(relay: &Relay, path: &str, token: &str, body: &Value) -> Value {
    let body = body.to_string();
    let host = relay.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(host).unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {host}\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}"))
}
