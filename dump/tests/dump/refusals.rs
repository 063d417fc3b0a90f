//! Each thing that can be wrong has its own error, and leaves nothing behind.

use dump::testing::{PostgresServer, ServerOptions};
use dump::{DumpError, Dumper, ErrorClass, Rebuild, Target};

use crate::harness::{replica, schema, start, target};

async fn refusal(url: &str) -> DumpError {
    let target = Target::parse(url).unwrap();
    let error = Dumper::start(target, replica()).await.unwrap_err();
    assert!(!error.to_string().contains("s3cret"), "{error}");
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn each_wrong_login_and_place_has_its_own_error() {
    let server = PostgresServer::start();
    let error = refusal(&server.url_as("owner", "s3cret", "ledger")).await;
    assert!(matches!(error, DumpError::Login { .. }), "{error}");
    let error = refusal(&server.url_as("nobody", "s3cret", "ledger")).await;
    assert!(matches!(error, DumpError::Login { .. }), "{error}");
    let error = refusal(&server.url("nowhere")).await;
    assert!(matches!(error, DumpError::NoDatabase { .. }), "{error}");
    let error = refusal(&format!("{}?sslmode=require", server.url("ledger"))).await;
    assert!(matches!(error, DumpError::Tls { .. }), "{error}");
    let error = refusal("postgresql://ann:s3cret@127.0.0.1:1/ledger").await;
    assert!(matches!(error, DumpError::Unreachable { .. }), "{error}");
    assert_eq!(error.class(), ErrorClass::Unavailable);
    assert_eq!(schemas(&server), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_without_rights_is_refused_and_a_prepared_schema_suffices() {
    let server = PostgresServer::start();
    server.psql("ledger", "CREATE ROLE ann LOGIN PASSWORD 's3cret'");
    let url = server.url_as("ann", "s3cret", "ledger");
    let error = refusal(&url).await;
    assert!(matches!(error, DumpError::Rights { .. }), "{error}");
    assert_eq!(schemas(&server), "");

    let name = schema();
    server.psql("ledger", &format!("CREATE SCHEMA {name} AUTHORIZATION ann"));
    let handle = Dumper::start(Target::parse(&url).unwrap(), replica())
        .await
        .unwrap();
    handle.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_is_left_alone() {
    let server = PostgresServer::start();
    let name = schema();
    let foreign = [
        "CREATE TABLE s.blocks (x integer)",
        "CREATE TABLE s.network (id text, parameters text, tables_version integer);
         INSERT INTO s.network VALUES ('x', '', 1)",
        "CREATE TABLE s.network (id bytea, parameters bytea, tables_version integer)",
        "CREATE TABLE s.network (id bytea, parameters bytea, tables_version integer);
         INSERT INTO s.network VALUES ('\\x01', '', 1)",
    ];
    for statements in foreign {
        let statements = statements.replace("s.", &format!("{name}."));
        server.psql("ledger", &format!("CREATE SCHEMA {name}; {statements}"));
        let error = refusal(&server.url("ledger")).await;
        assert!(matches!(error, DumpError::Foreign { .. }), "{error}");
        let tables = format!("SELECT count(*) FROM pg_tables WHERE schemaname = '{name}'");
        assert_eq!(server.psql("ledger", &tables), "1");
        server.psql("ledger", &format!("DROP SCHEMA {name} CASCADE"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_of_a_newer_program_are_left_alone() {
    let server = PostgresServer::start();
    start(&server, &replica()).await.stop().await;
    let newer = format!("UPDATE {}.network SET tables_version = 9", schema());
    server.psql("ledger", &newer);
    let error = refusal(&server.url("ledger")).await;
    assert!(matches!(error, DumpError::NewerTables { .. }), "{error}");
    let error = Rebuild::open(&target(&server), None).await.unwrap_err();
    assert!(matches!(error, DumpError::NewerTables { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_dumper_is_told_that_there_is_one() {
    let server = PostgresServer::start();
    let replica = replica();
    let first = start(&server, &replica).await;
    let error = Dumper::start(target(&server), replica.clone())
        .await
        .unwrap_err();
    assert!(matches!(error, DumpError::Busy { .. }), "{error}");
    first.stop().await;
    start(&server, &replica).await.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn databases_that_cannot_hold_all_text_or_take_no_writes_are_refused() {
    let server = PostgresServer::start_with(&ServerOptions {
        encoding: "SQL_ASCII",
        ..ServerOptions::default()
    });
    let error = refusal(&server.url("ledger")).await;
    assert!(matches!(error, DumpError::Encoding { .. }), "{error}");
    server.psql(
        "postgres",
        "CREATE DATABASE fine ENCODING 'UTF8' TEMPLATE template0",
    );
    server.psql(
        "postgres",
        "ALTER DATABASE fine SET default_transaction_read_only = on",
    );
    let error = refusal(&server.url("fine")).await;
    assert!(matches!(error, DumpError::ReadOnly { .. }), "{error}");
    let error = Rebuild::open(&target(&server), None).await.unwrap_err();
    assert!(matches!(error, DumpError::NoDump { .. }), "{error}");
}

fn schemas(server: &PostgresServer) -> String {
    server.psql(
        "ledger",
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'tabchain%'",
    )
}
