//! Many networks on one relay, and who may administer them.

use reqwest::{Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use shared::invitation::Invitation;
use shared::message::ErrorCode;
use shared::node::interface::{Command, Connection, View};

use crate::member::{Member, key};
use crate::program::{Local, settings, until};

/// Costs a few hashes, and comes every second.
fn quick(name: &str, admission: &str) -> Value {
    json!({
        "name": name,
        "kind": "work",
        "admission": admission,
        "spacing_ms": 1000,
        "first_hashes_log2": 8,
        "easiest_hashes_log2": 4,
    })
}

fn operator(relay: &Local) -> String {
    let token = relay.server.new_operator_token().unwrap();
    token.as_str().to_owned()
}

fn request(relay: &Local, method: Method, path: &str, token: Option<&str>) -> RequestBuilder {
    let request = Client::new().request(method, relay.url(path));
    match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    (status, body)
}

async fn get(relay: &Local, path: &str, token: Option<&str>) -> (StatusCode, Value) {
    answer(request(relay, Method::GET, path, token)).await
}

async fn post(relay: &Local, path: &str, token: Option<&str>, body: &Value) -> (StatusCode, Value) {
    answer(request(relay, Method::POST, path, token).json(body)).await
}

/// Makes a network; returns its id and its administrator's token.
async fn make(relay: &Local, body: &Value) -> (String, String) {
    let (status, made) = post(relay, "/api/v1/networks", Some(&operator(relay)), body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (
        text(&made["network"]["id"]),
        text(&made["administrator_token"]),
    )
}

/// Issues an invitation; returns its id and itself.
async fn invite(relay: &Local, network: &str, token: &str, uses: u32) -> (String, Invitation) {
    let path = format!("/api/v1/networks/{network}/invitations");
    let body = json!({ "label": "class 7b", "uses_max": uses });
    let (status, issued) = post(relay, &path, Some(token), &body).await;
    assert_eq!(status, StatusCode::CREATED, "{issued}");
    let text = issued["invitation"].as_str().unwrap();
    let page = format!("/?network={network}&invite={text}");
    assert_eq!(issued["page"], page);
    let id = issued["id"].as_str().unwrap().to_owned();
    (id, text.parse().unwrap())
}

fn is_uninvited(view: &View) -> bool {
    matches!(&view.connection, Connection::Refused(error) if error.code == ErrorCode::Invitation)
}

#[tokio::test]
async fn networks_are_made_while_others_run_and_share_nothing() {
    let relay = Local::start().await;
    let (id, _) = make(&relay, &quick("Klasse 7b/ä", "open")).await;
    let (_, listed) = get(&relay, "/api/v1/networks", None).await;
    let names: Vec<_> = listed["networks"].as_array().unwrap().iter().collect();
    assert_eq!(names.len(), 2);
    assert_eq!(names[1]["id"], id.as_str());
    assert_eq!(names[1]["is_default"], false);

    let here = Member::start(1, relay.port());
    let there = Member::start_in("Klasse%207b%2F%C3%A4", 1, relay.port());
    here.joined().await;
    let view = there.joined().await;
    assert_eq!(view.network.unwrap().id.to_string(), id);
    there.put("colour", "blue").await;
    there.mine_one().await;
    let height = format!("/api/v1/networks/{id}/health");
    until("the block is there", || async {
        let (_, health) = get(&relay, &height, None).await;
        (health["height"] == 1).then_some(())
    })
    .await;
    assert_eq!(here.view().await.chain.height, 0);
    let colour = format!("/api/v1/networks/{id}/keys/colour");
    assert_eq!(get(&relay, &colour, None).await.0, StatusCode::OK);
    let (status, _) = get(&relay, "/api/v1/keys/colour", None).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn networks_and_tokens_survive_a_restart() {
    let relay = Local::start().await;
    let operator = operator(&relay);
    let (id, administrator) = make(&relay, &quick("closed", "invite_only")).await;
    let (_, invitation) = invite(&relay, &id, &administrator, 1).await;
    relay.server.stop().await.unwrap();

    let server = relay::Server::start(&settings(relay.data.path(), &[]))
        .await
        .unwrap();
    let relay = Local { server, ..relay };
    assert!(
        relay.server.new_operator_token().is_none(),
        "shown once only"
    );
    let member = Member::start_in(&id, 1, relay.port());
    member.until("it is not invited", is_uninvited).await;
    member.command(Command::UseInvitation(invitation)).await;
    member.joined().await;
    let path = format!("/api/v1/networks/{id}/invitations");
    for token in [&operator, &administrator] {
        let (status, listed) = get(&relay, &path, Some(token)).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(listed["invitations"][0]["uses"], 1);
    }
}

#[tokio::test]
async fn a_revoked_invitation_admits_nobody_and_its_members_stay() {
    let relay = Local::start().await;
    let (network, token) = make(&relay, &quick("closed", "invite_only")).await;
    let (id, invitation) = invite(&relay, &network, &token, 10).await;
    let first = Member::start_in(&network, 1, relay.port());
    first
        .command(Command::UseInvitation(invitation.clone()))
        .await;
    first.joined().await;

    let path = format!("/api/v1/networks/{network}/invitations/{id}");
    let delete = || answer(request(&relay, Method::DELETE, &path, Some(&token)));
    assert_eq!(delete().await.0, StatusCode::NO_CONTENT);
    let (status, problem) = delete().await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert_eq!(problem["type"], "urn:tabchain:problem:no-such-invitation");

    let second = Member::start_in(&network, 2, relay.port());
    second.command(Command::UseInvitation(invitation)).await;
    second.until("it is refused", is_uninvited).await;
    let view = first.view().await;
    assert_eq!(view.connection, Connection::Joined);
    assert!(view.members.iter().all(|member| member.key == key(1)));
}

#[tokio::test]
async fn wrong_tokens_administer_nothing() {
    let relay = Local::start().await;
    let (one, _) = make(&relay, &quick("one", "invite_only")).await;
    let (_, of_other) = make(&relay, &quick("other", "invite_only")).await;
    let operator = operator(&relay);
    let cut = &operator[..operator.len() - 1];
    let invitations = format!("/api/v1/networks/{one}/invitations");
    for token in [
        None,
        Some(""),
        Some("x"),
        Some(cut),
        Some(of_other.as_str()),
    ] {
        for (path, body) in [
            ("/api/v1/networks", quick("third", "open")),
            (invitations.as_str(), json!({})),
        ] {
            let (status, problem) = post(&relay, path, token, &body).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{path} {token:?}");
            assert_eq!(problem["type"], "urn:tabchain:problem:unauthorized");
        }
        assert_eq!(
            get(&relay, &invitations, token).await.0,
            StatusCode::UNAUTHORIZED
        );
    }
    let (_, listed) = get(&relay, "/api/v1/networks", None).await;
    assert_eq!(listed["networks"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn a_network_that_cannot_be_is_refused_with_a_reason() {
    let relay = Local::start().await;
    let token = operator(&relay);
    make(&relay, &quick("taken", "open")).await;
    let mut slow = quick("slow", "open");
    slow["spacing_ms"] = json!(1);
    let mut odd = quick("odd", "open");
    odd["first_hashes_log2"] = json!(3);
    let mut unknown = quick("unknown", "open");
    unknown["colour"] = json!("blue");
    let cases = [
        (quick("taken", "open"), 409, "name-taken"),
        (quick("", "open"), 422, "refused-network"),
        (quick(&"n".repeat(65), "open"), 422, "refused-network"),
        (slow, 422, "refused-network"),
        (odd, 422, "refused-network"),
        (unknown, 400, "bad-body"),
        (quick("staked", "by_mood"), 400, "bad-body"),
        (json!([1]), 400, "bad-body"),
    ];
    for (body, expected, kind) in cases {
        let (status, problem) = post(&relay, "/api/v1/networks", Some(&token), &body).await;
        assert_eq!(status.as_u16(), expected, "{body}: {problem}");
        assert_eq!(problem["type"], format!("urn:tabchain:problem:{kind}"));
    }
    let open = json!({ "uses_max": 1 });
    let (status, problem) = post(&relay, "/api/v1/invitations", Some(&token), &open).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["type"], "urn:tabchain:problem:open-network");
}

#[tokio::test]
async fn where_anyone_may_make_networks_its_maker_administers_it() {
    let relay = Local::start_with(&["--create-networks", "anyone"]).await;
    let body = quick("ours", "invite_only");
    let (status, made) = post(&relay, "/api/v1/networks", None, &body).await;
    assert_eq!(status, StatusCode::CREATED);
    let id = made["network"]["id"].as_str().unwrap();
    invite(&relay, id, made["administrator_token"].as_str().unwrap(), 1).await;
    let path = format!("/api/v1/networks/{id}/invitations");
    let (status, _) = post(&relay, &path, None, &json!({})).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}

async fn delete(relay: &Local, path: &str, token: Option<&str>) -> (StatusCode, Value) {
    answer(request(relay, Method::DELETE, path, token)).await
}

#[tokio::test]
async fn a_network_is_removed_by_whoever_made_it_and_its_name_is_free_again() {
    let relay = Local::start().await;
    let operator = operator(&relay);
    let (id, token) = make(&relay, &quick("ours", "open")).await;
    let path = format!("/api/v1/networks/{id}");
    let member = Member::start_in(&id, 1, relay.port());
    member.joined().await;
    member.put("colour", "blue").await;
    member.mine_one().await;
    until("the block is there", || async {
        let (_, health) = get(&relay, &format!("{path}/health"), None).await;
        (health["height"] == 1).then_some(())
    })
    .await;

    let default = "/api/v1/networks/tabchain";
    let (status, problem) = delete(&relay, default, Some(&operator)).await;
    assert_eq!(status, StatusCode::CONFLICT);
    assert_eq!(problem["type"], "urn:tabchain:problem:default-network");
    assert_eq!(
        delete(&relay, &path, None).await.0,
        StatusCode::UNAUTHORIZED
    );
    let (status, _) = delete(&relay, default, Some(&token)).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let height = "tabchain_chain_height{network=\"ours\"} 1";
    let metrics = async || {
        let answer = reqwest::get(relay.url("/metrics")).await.unwrap();
        answer.text().await.unwrap()
    };
    assert!(metrics().await.contains(height));
    let removed = delete(&relay, &path, Some(&token)).await;
    assert_eq!(removed.0, StatusCode::NO_CONTENT, "{}", removed.1);
    assert_eq!(get(&relay, &path, None).await.0, StatusCode::NOT_FOUND);
    assert!(!metrics().await.contains(height), "it is still shown");
    member
        .until("it is sent away", |view| {
            view.connection != Connection::Joined
        })
        .await;

    // Nothing of the old one is in the new one, not even after a restart.
    let (again, _) = make(&relay, &quick("ours", "open")).await;
    assert_ne!(again, id);
    relay.server.stop().await.unwrap();
    let path = relay.data.path();
    let pruned = relay::prune(path, false).await.unwrap();
    assert!(pruned.strays > 0);
    let server = relay::Server::start(&settings(path, &[])).await.unwrap();
    let relay = Local { server, ..relay };
    let (_, health) = get(&relay, "/api/v1/networks/ours/health", None).await;
    assert_eq!(
        (&health["network"]["id"], &health["height"]),
        (&json!(again), &json!(0))
    );
}

#[tokio::test]
async fn the_operator_may_choose_the_token_and_it_is_kept_nowhere() {
    let token = "0123456789abcdef0123456789abcdef";
    let relay = Local::start_with(&["--operator-token", token]).await;
    assert!(relay.server.new_operator_token().is_none());
    let body = quick("ours", "open");
    let (status, _) = post(&relay, "/api/v1/networks", Some(token), &body).await;
    assert_eq!(status, StatusCode::CREATED);
    for entry in std::fs::read_dir(relay.data.path()).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let is_there = bytes
            .windows(token.len())
            .any(|part| part == token.as_bytes());
        assert!(!is_there);
    }
}
