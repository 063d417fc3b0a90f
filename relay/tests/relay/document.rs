//! What the OpenAPI document says, and what every answer carries.

use reqwest::{Client, StatusCode, redirect};
use serde_json::{Value, json};
use shared::node::interface::Answer;
use sqlx::{ConnectOptions, Executor};

use crate::member::Member;
use crate::program::{Local, until};

async fn json(relay: &Local, path: &str) -> Value {
    let response = reqwest::get(relay.url(path)).await.unwrap();
    response.json().await.unwrap()
}

/// A path with something in the place of each parameter.
fn filled(path: &str, network: &str) -> String {
    let path = path.replace("{network}", network);
    let path = path.replace("{height}", "0");
    let path = path.replace("{target}", "nowhere");
    path.replace("{key}", "a").replace("{id}", &"0".repeat(64))
}

#[tokio::test]
async fn every_answer_is_documented() {
    let relay = Local::start().await;
    let document = json(&relay, "/api/openapi.json").await;
    let network = json(&relay, "/api/v1/network").await["id"].clone();
    let client = Client::new();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let url = relay.url(&format!(
            "/api/v1{}",
            filled(path, network.as_str().unwrap())
        ));
        for (method, operation) in item.as_object().unwrap() {
            let request = match method.as_str() {
                "get" => client.get(&url),
                "post" => client.post(&url).json(&json!({})),
                "delete" => client.delete(&url),
                other => panic!("{other} {path}"),
            };
            let response = request.send().await.unwrap();
            let status = response.status().as_u16().to_string();
            let answer = &operation["responses"][&status];
            assert!(answer.is_object(), "{method} {path} answers {status}");
            let documented = answer["content"]
                .as_object()
                .unwrap()
                .keys()
                .next()
                .unwrap();
            assert_eq!(
                response.headers()["content-type"],
                documented.as_str(),
                "{path}"
            );
            let id = operation["operationId"].as_str().unwrap();
            assert_eq!(
                document
                    .to_string()
                    .matches(&format!("\"operationId\":\"{id}\""))
                    .count(),
                1
            );
            asked += 1;
        }
    }
    assert!(asked >= 16, "{asked}");
}

#[tokio::test]
async fn what_a_reference_names_is_there() {
    let relay = Local::start().await;
    let document = json(&relay, "/api/openapi.json").await;
    let text = document.to_string();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let (name, _) = reference.split_once('"').unwrap();
        assert!(schemas.contains_key(name), "{name}");
    }
    for path in document["paths"].as_object().unwrap().keys() {
        assert!(!path.contains('*'), "{path}");
    }
}

#[tokio::test]
async fn swagger_ui_has_a_policy_of_its_own() {
    let relay = Local::start().await;
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .build()
        .unwrap();
    let redirected = client.get(relay.url("/api/docs")).send().await.unwrap();
    assert_eq!(redirected.headers()["location"], "/api/docs/");
    let ui = client.get(relay.url("/api/docs/")).send().await.unwrap();
    assert_eq!(ui.status(), StatusCode::OK);
    let policy = ui.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        policy.contains("style-src 'self' 'unsafe-inline'"),
        "{policy}"
    );
    assert!(policy.contains("script-src 'self';"), "{policy}");
    assert!(ui.text().await.unwrap().contains("swagger-ui"));
    let start = client.get(relay.url("/api/docs/swagger-initializer.js"));
    let start = start.send().await.unwrap().text().await.unwrap();
    assert!(start.contains("/api/openapi.json"), "{start}");
}

/// They are not hashed, so that their tags come from what determines them.
#[tokio::test]
async fn long_answers_that_have_not_changed_are_not_sent_again() {
    let relay = Local::start().await;
    let member = Member::start(1, relay.port());
    let key = member.joined().await.key;
    let value = "x".repeat(4096);
    for _ in 0..70 {
        let answer = member.put("key", &value).await;
        assert!(matches!(answer, Answer::Submitted(_)), "{answer:?}");
    }
    member.mine_one().await;
    member
        .until("the block is final", |view| view.chain.final_height == 1)
        .await;
    until("the relay has it all", || async {
        let url = relay.url("/api/v1/health");
        let health: Value = reqwest::get(url).await.unwrap().json().await.unwrap();
        (health["final_height"] == 1).then_some(())
    })
    .await;

    let client = Client::new();
    let sent = format!("/api/v1/accounts/{key}/transactions");
    let mut tags = Vec::new();
    for path in ["/api/v1/blocks/1", "/api/v1/keys/key", &sent, "/api/v1/log"] {
        let ask = || client.get(relay.url(path));
        let first = ask().send().await.unwrap();
        assert_eq!(first.status(), StatusCode::OK, "{path}");
        let tag = first.headers()["etag"].clone();
        let long = relay::limits::HASHED_ANSWER_BYTES_MAX;
        let bytes = first.bytes().await.unwrap().len();
        assert!(bytes > long || path.ends_with("log"), "{path}: {bytes}");
        let again = ask().header("if-none-match", &tag).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED, "{path}");
        assert_eq!(again.headers()["etag"], tag, "{path}");
        assert_eq!(again.headers()["cache-control"], "no-cache", "{path}");
        assert!(again.bytes().await.unwrap().is_empty(), "{path}");
        tags.push((path, tag));
    }

    member.put("key", "another").await;
    member.mine_one().await;
    for (path, tag) in tags {
        let ask = || client.get(relay.url(path)).header("if-none-match", &tag);
        if path == "/api/v1/blocks/1" {
            let same = ask().send().await.unwrap();
            assert_eq!(same.status(), StatusCode::NOT_MODIFIED, "it is final");
            continue;
        }
        until("the answer is another", || async {
            (ask().send().await.unwrap().status() == StatusCode::OK).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn what_has_not_changed_is_not_sent_again() {
    let relay = Local::start().await;
    let client = Client::new();
    let url = relay.url("/api/v1/blocks");
    let first = client.get(&url).send().await.unwrap();
    let tag = first.headers()["etag"].clone();
    let again = client
        .get(&url)
        .header("if-none-match", &tag)
        .send()
        .await
        .unwrap();
    assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
    assert_eq!(again.headers()["etag"], tag);
    assert!(again.bytes().await.unwrap().is_empty());

    let miner = Member::start(1, relay.port());
    miner.joined().await;
    miner.mine_one().await;
    until("the answer is another", || async {
        let request = client.get(&url).header("if-none-match", &tag);
        (request.send().await.unwrap().status() == StatusCode::OK).then_some(())
    })
    .await;
}

#[tokio::test]
async fn requests_have_ids_and_problems_name_them() {
    let relay = Local::start().await;
    let client = Client::new();
    let url = relay.url("/api/v1/blocks/77");
    let chosen = client
        .get(&url)
        .header("x-request-id", "mine-1")
        .send()
        .await
        .unwrap();
    assert_eq!(chosen.headers()["x-request-id"], "mine-1");
    let problem: Value = chosen.json().await.unwrap();
    assert_eq!(problem["instance"], "urn:tabchain:request:mine-1");

    let mut seen = Vec::new();
    for odd in ["", "<script>"] {
        let answer = client
            .get(&url)
            .header("x-request-id", odd)
            .send()
            .await
            .unwrap();
        let id = answer.headers()["x-request-id"]
            .to_str()
            .unwrap()
            .to_owned();
        assert_eq!(id.len(), 16);
        assert!(!seen.contains(&id));
        seen.push(id);
    }
}

#[tokio::test]
async fn the_first_bad_block_is_named() {
    let relay = Local::start().await;
    let miner = Member::start(1, relay.port());
    miner.joined().await;
    for height in 1..=3 {
        miner.put(&format!("key {height}"), "value").await;
        miner.mine_one().await;
        until("the relay has the block", || async {
            let health = json(&relay, "/api/v1/health").await;
            (health["height"] == height).then_some(())
        })
        .await;
    }
    let sound = json(&relay, "/api/v1/blocks/valid").await;
    assert_eq!(sound["valid"], true, "{sound}");
    assert_eq!(sound["to"], 3);
    let part = json(&relay, "/api/v1/blocks/valid?from=1&count=2").await;
    assert_eq!((&part["to"], &part["next"]), (&json!(2), &json!(3)));

    let mut file = sqlx::sqlite::SqliteConnectOptions::new()
        .filename(relay.data.path().join("relay.sqlite"))
        .connect()
        .await
        .unwrap();
    let edit = "UPDATE bodies SET value = x'00000000' WHERE key = x'0000000000000002'";
    file.execute(edit).await.unwrap();
    let bad = json(&relay, "/api/v1/blocks/valid").await;
    assert_eq!(bad["valid"], false, "{bad}");
    assert_eq!(bad["first_bad"]["height"], 2);

    // A sound header, but of another block: the first of the range is held against the chain, too.
    let edit = "UPDATE headers SET value = \
                (SELECT value FROM headers WHERE key = x'0000000000000002') \
                WHERE key = x'0000000000000003'";
    file.execute(edit).await.unwrap();
    let bad = json(&relay, "/api/v1/blocks/valid?from=3").await;
    assert_eq!(bad["first_bad"]["height"], 3, "{bad}");
    file.execute("DELETE FROM bodies").await.unwrap();
    let bad = json(&relay, "/api/v1/blocks/valid").await;
    assert_eq!(bad["first_bad"]["height"], 1, "{bad}");
}
