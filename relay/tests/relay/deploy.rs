//! The files in `deploy/` name nothing that is not there.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use relay::settings::Settings;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(name: &str) -> String {
    fs::read_to_string(repository().join("deploy").join(name)).unwrap()
}

/// Every word of a text that begins like a setting of the relay's in the environment.
fn settings_named(text: &str) -> Vec<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_part(c))
        .filter(|word| word.starts_with("TABCHAIN_"))
        .collect()
}

#[test]
fn each_setting_that_is_named_is_one_of_the_relays() {
    let command = Settings::command();
    let known: Vec<_> = command
        .get_arguments()
        .filter_map(|argument| argument.get_env()?.to_str())
        .collect();
    let mut named = 0;
    for file in [
        "Dockerfile",
        "relay.env.example",
        "README.md",
        "compose.yaml",
    ] {
        let text = read(file);
        for setting in settings_named(&text) {
            assert!(known.contains(&setting), "{file} names {setting}");
            named += 1;
        }
    }
    assert!(named >= 6, "{named}");
}

#[test]
fn the_unit_starts_the_relay_with_flags_that_it_has() {
    let unit = read("tabchain-relay.service");
    let starts = unit
        .lines()
        .find_map(|line| line.strip_prefix("ExecStart="));
    let parsed = Settings::try_parse_from(starts.unwrap().split_whitespace());
    assert!(parsed.is_ok(), "{parsed:?}");
}

#[test]
fn each_file_that_is_named_is_there() {
    let dockerfile = read("Dockerfile");
    assert!(dockerfile.starts_with('#'));
    let compose = read("compose.yaml");
    let value = |name: &str| {
        let lines = compose.lines().map(str::trim);
        let values = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        values.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(value("context"), [".."]);
    for file in value("dockerfile") {
        assert!(repository().join(&file).is_file(), "{file}");
    }
    let environments = value("env_file");
    assert_eq!(environments.len(), 2);
    for file in environments {
        assert!(
            repository()
                .join(format!("deploy/{file}.example"))
                .is_file(),
            "{file}"
        );
    }
    // Each volume that a service uses is declared, and each that is declared is used.
    for volume in ["relay-data", "postgres-data"] {
        assert_eq!(compose.matches(&format!("- {volume}:/")).count(), 1);
        assert!(compose.contains(&format!("\n  {volume}:\n")));
    }
    // Built files are copied from where cargo puts them.
    assert!(dockerfile.contains("COPY --from=build /src/target/release/relay "));
}
