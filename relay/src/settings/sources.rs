//! Where settings come from: flags before the environment, the environment before the file that
//! `--settings` names, and that before what holds by default.
//!
//! The file's values take the place of the defaults, and all is read once more: so they are
//! checked by the very rules of the flags.

use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};
use toml::{Table, Value};

use super::Settings;

/// What the names of all environment variables begin with.
const PREFIX: &str = "TABCHAIN_";
/// Settings that say the same in different ways: one that is given as a flag or in the
/// environment puts those aside that the file has.
const RIVALS: [&[&str]; 2] = [
    &["tls", "tls_cert", "tls_key"],
    &["operator_token", "operator_token_file"],
];

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Flags or environment are not as they should be; or help was asked for.
    #[error(transparent)]
    Arguments(#[from] clap::Error),
    /// The file cannot be read.
    #[error("--settings {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The file is no TOML.
    #[error("--settings {path}, line {line}, is not TOML: {reason}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong. The line itself may have a secret.
        reason: String,
    },
    /// The file names something that is no setting.
    #[error(
        "--settings {path}: there is no setting {name}; `relay --help` has them all, in the file they are in lower case and without {PREFIX}"
    )]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// A value in the file is of a kind that no setting has.
    #[error("--settings {path}: {name} takes a text, a number, true or false, or a list of these")]
    Kind {
        /// The file.
        path: PathBuf,
        /// The name.
        name: String,
    },
    /// The file has two settings of which only one may be given.
    #[error("--settings {path}: {name} and {rival} exclude each other")]
    Rivals {
        /// The file.
        path: PathBuf,
        /// One.
        name: String,
        /// The other.
        rival: String,
    },
    /// A value in the file is not one that the setting takes.
    #[error("--settings {path}: {reason}")]
    Value {
        /// The file.
        path: PathBuf,
        /// What the rules of the flags say.
        reason: String,
    },
}

/// A setting as it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective {
    /// As it stands in a file.
    pub name: String,
    /// What it is; nothing where it is a secret.
    pub values: Option<Vec<String>>,
    /// Who said so.
    pub origin: Origin,
}

/// Who said what a setting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag.
    Flag,
    /// An environment variable.
    Environment,
    /// The file.
    File,
    /// Nobody.
    Default,
}

impl Settings {
    /// The settings of a program that was started with these arguments, its own name the first.
    pub fn load<A: Into<OsString>>(
        arguments: impl IntoIterator<Item = A>,
    ) -> Result<(Self, Vec<Effective>), SettingsError> {
        let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
        let given = Self::command().try_get_matches_from(&arguments)?;
        let Some(path) = given.get_one::<PathBuf>("settings").cloned() else {
            let settings = Self::from_arg_matches(&given)?;
            return Ok((settings, effective(&Self::command(), &given, &[])));
        };
        let file = File::read(&path, &given)?;
        let names: Vec<_> = file.values.iter().map(|(name, _)| name.clone()).collect();
        let command = file.into_defaults(Self::command());
        // What was fine without the file is wrong by what is in it.
        let refused = |error: clap::Error| SettingsError::Value {
            path: path.clone(),
            reason: first_line(&error),
        };
        let matches = command
            .clone()
            .try_get_matches_from(&arguments)
            .map_err(refused)?;
        let settings = Self::from_arg_matches(&matches).map_err(refused)?;
        Ok((settings, effective(&command, &matches, &names)))
    }
}

/// The file's settings, as far as flags and environment let them hold.
struct File {
    values: Vec<(String, Vec<String>)>,
}

impl File {
    fn read(path: &Path, given: &ArgMatches) -> Result<Self, SettingsError> {
        let path = path.to_path_buf();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(SettingsError::File { path, source }),
        };
        let table: Table = match text.parse() {
            Ok(table) => table,
            Err(error) => {
                let line = line_of(&text, &error);
                let reason = error.message().to_owned();
                return Err(SettingsError::Toml { path, line, reason });
            }
        };
        let command = Settings::command();
        let mut values = Vec::new();
        for (key, value) in &table {
            let name = key.clone();
            if !command.get_arguments().any(|arg| stands_for(arg, &name)) {
                return Err(SettingsError::Unknown { path, name });
            }
            let excluded = |rival: &&str| excludes(key, rival) && table.contains_key(*rival);
            if let Some(rival) = rivals_of(key).find(excluded) {
                let rival = rival.to_owned();
                return Err(SettingsError::Rivals { path, name, rival });
            }
            let Some(texts) = texts(value) else {
                return Err(SettingsError::Kind { path, name });
            };
            if !rivals_of(key).any(|rival| is_given(given, rival)) {
                values.push((name, texts));
            }
        }
        Ok(Self { values })
    }

    /// A command whose defaults are the file's values.
    fn into_defaults(self, command: Command) -> Command {
        let mut values = self.values;
        command.mut_args(|arg| {
            let Some(at) = values.iter().position(|(name, _)| stands_for(&arg, name)) else {
                return arg;
            };
            let (_, values) = values.swap_remove(at);
            arg.default_values(values)
        })
    }
}

/// Whether an argument is the setting of this name in a file.
fn stands_for(arg: &Arg, name: &str) -> bool {
    file_name(arg).is_some_and(|found| found == name && found != "settings")
}

/// The name of an argument in a file.
fn file_name(arg: &Arg) -> Option<String> {
    let variable = arg.get_env()?.to_str()?;
    variable.strip_prefix(PREFIX).map(str::to_ascii_lowercase)
}

fn rivals_of(name: &str) -> impl Iterator<Item = &'static str> {
    let groups = RIVALS.iter().filter(move |group| group.contains(&name));
    groups
        .flat_map(|group| group.iter().copied())
        .filter(move |rival| *rival != name)
}

/// Rivals that make no sense together, as certificate and key do.
fn excludes(name: &str, rival: &str) -> bool {
    !(name.starts_with("tls_") && rival.starts_with("tls_"))
}

/// Whether a setting is given as a flag or in the environment.
fn is_given(matches: &ArgMatches, id: &str) -> bool {
    matches!(
        matches.value_source(id),
        Some(ValueSource::CommandLine | ValueSource::EnvVariable)
    )
}

/// A value of a file as flags have it.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Integer(number) => Some(vec![number.to_string()]),
        Value::Boolean(word) => Some(vec![word.to_string()]),
        Value::Array(values) => {
            let texts = values.iter().map(texts).collect::<Option<Vec<_>>>()?;
            Some(texts.into_iter().flatten().collect())
        }
        Value::Float(_) | Value::Datetime(_) | Value::Table(_) => None,
    }
}

/// The line in which a text is wrong, counted from 1.
fn line_of(text: &str, error: &toml::de::Error) -> usize {
    let start = error.span().map_or(0, |span| span.start);
    let before = text.as_bytes().iter().take(start);
    before.filter(|byte| **byte == b'\n').count() + 1
}

fn first_line(error: &clap::Error) -> String {
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// All settings that hold something, by name.
fn effective(command: &Command, matches: &ArgMatches, in_file: &[String]) -> Vec<Effective> {
    let mut all: Vec<_> = command
        .get_arguments()
        .filter_map(|arg| {
            let name = file_name(arg)?;
            let id = arg.get_id().as_str();
            let origin = match matches.value_source(id)? {
                ValueSource::CommandLine => Origin::Flag,
                ValueSource::EnvVariable => Origin::Environment,
                _ if in_file.contains(&name) => Origin::File,
                _ => Origin::Default,
            };
            let raw = matches.get_raw(id)?;
            let values = raw
                .map(|value| value.to_string_lossy().into_owned())
                .collect();
            Some(Effective {
                name,
                values: (!arg.is_hide_env_values_set()).then_some(values),
                origin,
            })
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

/// A line of a settings file.
impl fmt::Display for Effective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            values,
            origin,
        } = self;
        match values.as_deref() {
            None => write!(f, "# {name} is a secret"),
            Some([value]) => write!(f, "{name} = {}", literal(value)),
            Some(values) => {
                let values: Vec<_> = values.iter().map(|value| literal(value)).collect();
                write!(f, "{name} = [{}]", values.join(", "))
            }
        }?;
        match origin {
            Origin::Flag => f.write_str("  # flag"),
            Origin::Environment => {
                write!(f, "  # environment, {PREFIX}{}", name.to_ascii_uppercase())
            }
            Origin::File => f.write_str("  # file"),
            Origin::Default => f.write_str("  # default"),
        }
    }
}

/// A value as TOML has it.
fn literal(value: &str) -> String {
    let is_number = value
        .parse::<i64>()
        .is_ok_and(|number| number.to_string() == value);
    if is_number || matches!(value, "true" | "false") {
        value.to_owned()
    } else {
        Value::from(value).to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::NamedTempFile;

    use super::*;

    fn load(text: &str, arguments: &[&str]) -> Result<(Settings, Vec<Effective>), SettingsError> {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap();
        Settings::load([&["relay", "--settings", path], arguments].concat())
    }

    fn refusal(text: &str) -> String {
        load(text, &[]).unwrap_err().to_string()
    }

    #[test]
    fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
        let text = "port = 18001\nbind = \"0.0.0.0\"\ninvite_only = true\n\
                    allowed_origins = [\"https://a.example\", \"https://b.example\"]";
        let (settings, effective) = load(text, &["--port", "18002"]).unwrap();
        assert_eq!(settings.port, 18002);
        assert_eq!(settings.bind.to_string(), "0.0.0.0");
        assert!(settings.network.invite_only);
        assert_eq!(settings.allowed_origins.len(), 2);
        let origin = |name: &str| {
            let found = effective.iter().find(|setting| setting.name == name);
            found.map(|setting| setting.origin)
        };
        assert_eq!(origin("port"), Some(Origin::Flag));
        assert_eq!(origin("bind"), Some(Origin::File));
        assert_eq!(origin("log"), Some(Origin::Default));
        assert_eq!(origin("network_name"), None);
        let (settings, _) = load(text, &["--invite-only=false"]).unwrap();
        assert!(!settings.network.invite_only);
    }

    #[test]
    fn what_a_file_must_not_say_is_named() {
        for (text, expected) in [
            ("prot = 1", "there is no setting prot"),
            ("settings = \"other.toml\"", "there is no setting settings"),
            ("port = 1.5", "port takes a text, a number"),
            ("port = 70000", "70000"),
            ("[tls]\ncert = \"c\"", "tls takes a text"),
            ("port = ", "is not TOML"),
            (
                "tls = \"off\"\ntls_cert = \"c\"\ntls_key = \"k\"",
                "exclude each other",
            ),
        ] {
            let said = refusal(text);
            assert!(said.contains(expected), "{text:?}: {said}");
        }
        let said = Settings::load(["relay", "--settings", "/nowhere/relay.toml"]);
        assert!(
            said.unwrap_err()
                .to_string()
                .contains("/nowhere/relay.toml")
        );
    }

    #[test]
    fn a_flag_puts_aside_what_the_file_says_in_another_way() {
        let file = "tls_cert = \"c.pem\"\ntls_key = \"k.pem\"";
        let (settings, _) = load(file, &["--tls", "off"]).unwrap();
        assert_eq!(settings.tls.mode(), Ok(super::super::TlsMode::Off));
    }

    #[test]
    fn a_job_reads_the_file_too() {
        let (settings, _) = load("data = \"elsewhere\"", &["verify"]).unwrap();
        assert_eq!(settings.data, Path::new("elsewhere"));
        let (settings, _) = load("data = \"elsewhere\"", &["verify", "--data", "here"]).unwrap();
        assert_eq!(settings.data, Path::new("here"));
    }

    #[test]
    fn what_is_wrong_is_said_without_the_secret_beside_it() {
        let said = refusal("port = 1\noperator_token = s3cret-s3cret\n");
        assert!(said.contains("line 2, is not TOML"), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }

    #[test]
    fn what_holds_is_shown_as_a_file_without_secrets() {
        let secret = "s3cret-s3cret-s3cret-s3cret-s3cret";
        let text =
            format!("operator_token = \"{secret}\"\nport = 18001\nnetwork_name = \"7 \\\"b\\\"\"");
        let (_, effective) = load(&text, &[]).unwrap();
        let lines: Vec<_> = effective.iter().map(ToString::to_string).collect();
        let shown = lines.join("\n");
        assert!(!shown.contains(secret), "{shown}");
        assert!(
            shown.contains("# operator_token is a secret  # file"),
            "{shown}"
        );
        assert!(shown.contains("port = 18001  # file"), "{shown}");
        let read: Table = shown.parse().unwrap();
        assert_eq!(read["network_name"].as_str(), Some("7 \"b\""));
    }
}
