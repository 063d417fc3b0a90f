//! Dumps into a real PostgreSQL: started, watched and stopped over REST, gone on with after a
//! restart.

use dump::testing::PostgresServer;
use relay::Server;
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;

use crate::member::Member;
use crate::program::{Local, refusal, settings, until};

const TOKEN: &str = "a-token-of-the-operator-that-is-long-enough";

/// A relay that may dump into a database of its own.
struct Dumping {
    postgres: PostgresServer,
    relay: Local,
}

impl Dumping {
    async fn start() -> Self {
        let postgres = PostgresServer::start();
        let url = postgres.url("ledger");
        Self::start_into(postgres, &url).await
    }

    async fn start_into(postgres: PostgresServer, url: &str) -> Self {
        let data = TempDir::new().unwrap();
        let server = serve(&data, url).await;
        let relay = Local { server, data };
        Self { postgres, relay }
    }

    async fn ask(&self, method: Method, path: &str, token: Option<&str>) -> (StatusCode, Value) {
        let request = Client::new().request(method, self.relay.url(path));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.unwrap();
        let status = response.status();
        (status, response.json().await.unwrap_or(Value::Null))
    }

    /// Waits until the dump has this many blocks, the genesis block not counted.
    async fn until_height(&self, height: u64) -> Value {
        until("the dump is so far", || async {
            let (status, dump) = self.ask(Method::GET, "/api/v1/dumps/class", None).await;
            assert_eq!(status, StatusCode::OK, "{dump}");
            (dump["state"] == "following" && dump["height"] == height).then_some(dump)
        })
        .await
    }

    /// The metric.
    async fn lag_blocks(&self) -> Option<u64> {
        let metrics = reqwest::get(self.relay.url("/metrics")).await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let lag = "tabchain_dump_lag_blocks{network=\"tabchain\",target=\"class\"} ";
        let lag = metrics.lines().find_map(|line| line.strip_prefix(lag));
        lag.map(|lag| lag.parse().unwrap())
    }

    async fn until_lag(&self, what: &str, expected: u64) {
        until(what, || async {
            (self.lag_blocks().await == Some(expected)).then_some(())
        })
        .await;
    }

    fn blocks(&self) -> String {
        let schema = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tabchain%'";
        let schema = self.postgres.psql("ledger", schema);
        let count = format!("SELECT count(*) FROM {schema}.blocks");
        self.postgres.psql("ledger", &count)
    }
}

async fn serve(data: &TempDir, url: &str) -> Server {
    let target = format!("class={url}");
    let arguments = ["--operator-token", TOKEN, "--dump-target", &target];
    Server::start(&settings(data.path(), &arguments))
        .await
        .unwrap()
}

async fn height(relay: &Local) -> u64 {
    let health = reqwest::get(relay.url("/api/v1/health")).await.unwrap();
    let health: Value = health.json().await.unwrap();
    health["height"].as_u64().unwrap()
}

async fn mine(relay: &Local, blocks: u64) {
    let miner = Member::start(2, relay.port());
    miner.joined().await;
    for _ in 0..blocks {
        let before = height(relay).await;
        miner
            .until("it has the relay's chain", |view| {
                view.chain.height == before
            })
            .await;
        miner.mine_one().await;
        until("the relay has the block", || async {
            (height(relay).await > before).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_is_started_and_stopped_over_rest_and_survives_a_restart() {
    let mut dumping = Dumping::start().await;
    let path = "/api/v1/dumps/class";
    let (_, list) = dumping.ask(Method::GET, "/api/v1/dumps", None).await;
    assert_eq!(list["dumps"][0]["target"], "class");
    assert_eq!(list["dumps"][0]["state"], "off");

    let (status, _) = dumping.ask(Method::POST, path, Some(TOKEN)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    mine(&dumping.relay, 2).await;
    let dump = dumping.until_height(2).await;
    assert_eq!(dump["lag_blocks"], 0);
    assert_eq!(dumping.blocks(), "3");
    // Again: it goes on.
    let (status, _) = dumping.ask(Method::POST, path, Some(TOKEN)).await;
    assert_eq!(status, StatusCode::ACCEPTED);

    dumping.relay.server.stop().await.unwrap();
    dumping.relay.server = serve(&dumping.relay.data, &dumping.postgres.url("ledger")).await;
    mine(&dumping.relay, 1).await;
    dumping.until_height(3).await;

    let (status, _) = dumping.ask(Method::DELETE, path, Some(TOKEN)).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    mine(&dumping.relay, 1).await;
    let (_, dump) = dumping.ask(Method::GET, path, None).await;
    assert_eq!(dump["state"], "off");
    assert_eq!(dumping.blocks(), "4");
    dumping.relay.server.stop().await.unwrap();
    dumping.relay.server = serve(&dumping.relay.data, &dumping.postgres.url("ledger")).await;
    let (_, dump) = dumping.ask(Method::GET, path, None).await;
    assert_eq!(dump["state"], "off");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_show_how_far_a_dump_lags_behind_as_long_as_it_runs() {
    let mut dumping = Dumping::start().await;
    let path = "/api/v1/dumps/class";
    assert_eq!(dumping.lag_blocks().await, None, "none runs");
    let (status, _) = dumping.ask(Method::POST, path, Some(TOKEN)).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    mine(&dumping.relay, 1).await;
    dumping.until_lag("nothing is missing", 0).await;
    dumping.postgres.stop(true);
    mine(&dumping.relay, 1).await;
    dumping.until_lag("a block is missing", 1).await;
    dumping.postgres.resume();
    dumping.until_lag("it has caught up", 0).await;
    let (status, _) = dumping.ask(Method::DELETE, path, Some(TOKEN)).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(dumping.lag_blocks().await, None, "it was stopped");
}

/// A database that says nothing until it is told to. Relay and test reach it in place of a real one.
async fn silent(postgres: &PostgresServer) -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = postgres.url("ledger");
    let (real, silent) = (format!(":{}/", postgres.port()), format!(":{port}/"));
    assert!(url.contains(&real), "{url}");
    (listener, url.replace(&real, &silent))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_answer_holds_nothing_else_up() {
    let postgres = PostgresServer::start();
    let (listener, url) = silent(&postgres).await;
    let dumping = Dumping::start_into(postgres, &url).await;
    let start = dumping.ask(Method::POST, "/api/v1/dumps/class", Some(TOKEN));
    let look = async {
        let connection = listener.accept().await.unwrap();
        for path in ["/metrics", "/api/v1/dumps", "/api/v1/dumps/class"] {
            let (status, _) = dumping.ask(Method::GET, path, None).await;
            assert_eq!(status, StatusCode::OK, "{path}");
        }
        connection
    };
    tokio::select! {
        biased;
        _connection = look => {}
        (status, problem) = start => panic!("nobody answered it, and it ended: {status} {problem}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dump_starts_also_where_whoever_asked_has_gone() {
    let postgres = PostgresServer::start();
    let real = ("127.0.0.1", postgres.port());
    let (listener, url) = silent(&postgres).await;
    let dumping = Dumping::start_into(postgres, &url).await;
    let start = dumping.ask(Method::POST, "/api/v1/dumps/class", Some(TOKEN));
    let mut first = tokio::select! {
        accepted = listener.accept() => accepted.unwrap().0,
        (status, problem) = start => panic!("nobody answered it, and it ended: {status} {problem}"),
    };
    // The request is dropped, and with it its connection. Only now the database answers.
    tokio::spawn(async move {
        loop {
            let mut there = TcpStream::connect(real).await.unwrap();
            tokio::spawn(
                async move { tokio::io::copy_bidirectional(&mut first, &mut there).await },
            );
            first = listener.accept().await.unwrap().0;
        }
    });
    dumping.until_height(0).await;
    assert_eq!(dumping.blocks(), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_named_targets_and_only_with_a_token() {
    let mut dumping = Dumping::start().await;
    let cases = [
        (Method::POST, "class", None, 401),
        (Method::DELETE, "class", None, 401),
        (
            Method::POST,
            "class",
            Some("another-token-that-is-long-enough"),
            401,
        ),
        (Method::POST, "elsewhere", Some(TOKEN), 404),
        (Method::DELETE, "elsewhere", Some(TOKEN), 404),
        (Method::GET, "elsewhere", None, 404),
        (
            Method::POST,
            "postgresql:%2F%2F127.0.0.1%2Fledger",
            Some(TOKEN),
            404,
        ),
    ];
    for (method, target, token, expected) in cases {
        let path = format!("/api/v1/dumps/{target}");
        let (status, problem) = dumping.ask(method.clone(), &path, token).await;
        assert_eq!(status.as_u16(), expected, "{method} {target}: {problem}");
    }
    // What the database says comes back as a problem, without the password.
    dumping
        .postgres
        .psql("ledger", "ALTER ROLE owner PASSWORD 'changed'");
    let (status, problem) = dumping
        .ask(Method::POST, "/api/v1/dumps/class", Some(TOKEN))
        .await;
    assert_eq!(status, StatusCode::BAD_GATEWAY, "{problem}");
    assert!(!problem.to_string().contains("horse"), "{problem}");
    dumping.postgres.stop(true);
    let (status, _) = dumping
        .ask(Method::POST, "/api/v1/dumps/class", Some(TOKEN))
        .await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
}

#[test]
fn a_target_that_is_none_is_refused_at_the_start_without_being_repeated() {
    let data = TempDir::new().unwrap();
    let given = ["--dump-target", "class=mysql://ann:s3cret@db/l"];
    let file = data.path().join("relay.toml");
    let text = "dump_targets = [\"class=mysql://ann:s3cret@db/l\"]";
    std::fs::write(&file, text).unwrap();
    let in_file = ["--settings", file.to_str().unwrap()];
    for arguments in [given, in_file] {
        let said = refusal(data.path(), &arguments);
        assert!(said.contains("postgresql://"), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_of_the_documentation_works() {
    let dumping = Dumping::start().await;
    mine(&dumping.relay, 1).await;
    let output = Command::new("sh")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/dump.sh"))
        .env("RELAY", dumping.relay.url(""))
        .env("TOKEN", TOKEN)
        .env("DATABASE_URL", dumping.postgres.url("ledger"))
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let failed = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{failed}");
    assert!(said.contains("\"state\":\"following\""), "{said}");
    assert!(said.contains("tabchain"), "{said}");
    assert!(said.contains("\"state\":\"off\""), "{said}");
}
