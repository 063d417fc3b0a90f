//! Whatever the OpenAPI document allows, and some of what it does not, asked by schemathesis: no
//! answer is an error of the relay's own, or one that the document does not name.

use std::path::Path;

use tokio::process::Command;

use crate::member::Member;
use crate::program::Local;

/// Requests of each kind for each operation.
const EXAMPLES: &str = "15";

/// `cargo xtask test` installs schemathesis and names its folder.
const FOLDER: &str = "TABCHAIN_SCHEMATHESIS";

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_asked_over_rest_is_an_error_or_undocumented() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        eprintln!("left out: {FOLDER} names no folder; cargo xtask test does");
        return;
    };
    // Fewer requests would be refused by address, and more networks made than there may be.
    let relay = Local::start_with(&["--requests-per-address", "1000000"]).await;
    let token = relay.server.new_operator_token().unwrap().as_str();
    let member = Member::start(1, relay.port());
    member.joined().await;
    member.put("a", "1").await;
    member.mine_one().await;
    member
        .until("a block is final", |view| view.chain.final_height == 1)
        .await;

    let run = Command::new("python3")
        .arg(Path::new(&folder).join("bin/schemathesis"))
        .env("PYTHONPATH", &folder)
        .current_dir(relay.data.path())
        .arg("--config-file")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/relay/schemathesis.toml"))
        .args(["run", &relay.url("/api/openapi.json")])
        .args(["--url", &relay.url("/api/v1")])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        .args(["--max-examples", EXAMPLES, "--no-color"])
        .output()
        .await
        .unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&run.stderr)
    );
}
