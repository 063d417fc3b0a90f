//! The files in `deploy/`, and the threat model, name nothing that is not there.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser};
use relay::settings::{Origin, Settings};

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
fn the_example_of_a_settings_file_is_one() {
    let file = repository().join("deploy/relay.toml.example");
    let file = file.to_str().unwrap();
    let (settings, effective) = Settings::load(["relay", "--settings", file]).unwrap();
    assert_eq!(settings.data, Path::new("/var/lib/tabchain"));
    let of_file = effective.iter();
    let of_file = of_file.filter(|setting| setting.origin == Origin::File);
    assert_eq!(of_file.count(), 12);
}

/// Every row of the threat model names tests that there are.
#[test]
fn each_threat_has_tests() {
    let model = fs::read_to_string(repository().join("docs/threat-model.md")).unwrap();
    let mut tests = String::new();
    for member in [
        "shared",
        "store",
        "dump",
        "relay",
        "worker-cli",
        "web-node",
        "sim",
        "e2e",
    ] {
        read_sources(&repository().join(member), &mut tests);
    }
    let (_, table) = model
        .split_once("| threat | answer | shown by |\n")
        .unwrap();
    let rows = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    let mut named = 0;
    for row in rows {
        let shown_by = row.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap();
        let is_name = |word: &&str| word.contains('_') && !word.contains(['.', '/', ' ']);
        let names: Vec<_> = shown_by.split('`').skip(1).step_by(2).collect();
        assert!(!names.is_empty(), "nothing shows {row}");
        for name in names.into_iter().filter(is_name) {
            assert!(
                tests.contains(&format!("fn {name}(")),
                "there is no test {name}"
            );
            named += 1;
        }
    }
    assert!(named > 60, "{named}");
}

fn read_sources(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
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
