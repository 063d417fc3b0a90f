//! Where the relay may dump to: what the operator names, and nothing else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use dump::{Target, TargetError};

use crate::settings::Secret;

/// Where the relay may dump to.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Dumps into PostgreSQL")]
pub struct DumpSettings {
    /// A database that chains may be dumped into, as NAME=URL; may be repeated. The URL is
    /// postgresql://user:password@host:port/database?sslmode=verify-full. Flags can be seen by
    /// everyone on the machine: with a password in it, use the environment or --dump-targets-file
    #[arg(
        long = "dump-target",
        env = "TABCHAIN_DUMP_TARGETS",
        hide_env_values = true,
        value_name = "NAME=URL",
        value_delimiter = ' '
    )]
    pub dump_targets: Vec<Secret>,

    /// File with one NAME=URL a line
    #[arg(long, env = "TABCHAIN_DUMP_TARGETS_FILE", value_name = "FILE")]
    pub dump_targets_file: Option<PathBuf>,
}

/// A target by name. `Debug` shows no password.
#[derive(Clone, Debug)]
struct NamedTarget {
    name: String,
    target: Target,
}

/// What was given names no target. It never repeats the URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NamedTargetError {
    /// There is no name.
    #[error("a dump target is given as NAME=URL, such as class=postgresql://db/ledger")]
    NoName,
    /// The name cannot stand in a path.
    #[error("the name of a dump target has 1 to 64 letters, digits, `-` and `_`; {0:?} has not")]
    Name(String),
    /// The URL is none.
    #[error("the dump target {name}: {source}")]
    Url {
        /// The target.
        name: String,
        /// What is wrong.
        source: TargetError,
    },
}

/// The targets cannot be taken from where they are given.
#[derive(Debug, thiserror::Error)]
pub enum DumpTargetsError {
    /// What was given is no target.
    #[error("--dump-target: {0}")]
    Given(#[from] NamedTargetError),
    /// The file cannot be read.
    #[error("--dump-targets-file {path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A line of the file is no target.
    #[error("--dump-targets-file {path}, line {line}: {source}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        source: NamedTargetError,
    },
    /// Two targets have one name.
    #[error("there are two dump targets called {0}: give each its own name")]
    Twice(String),
}

impl FromStr for NamedTarget {
    type Err = NamedTargetError;

    fn from_str(text: &str) -> Result<Self, NamedTargetError> {
        let (name, url) = text.split_once('=').ok_or(NamedTargetError::NoName)?;
        // A URL without a name has `=` only behind its `?`.
        if name.contains("://") {
            return Err(NamedTargetError::NoName);
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !(1..=64).contains(&name.len()) || !name.chars().all(is_plain) {
            return Err(NamedTargetError::Name(name.to_owned()));
        }
        let target = Target::parse(url).map_err(|source| NamedTargetError::Url {
            name: name.to_owned(),
            source,
        })?;
        Ok(Self {
            name: name.to_owned(),
            target,
        })
    }
}

impl DumpSettings {
    /// All targets by name.
    pub fn targets(&self) -> Result<BTreeMap<String, Target>, DumpTargetsError> {
        let given = self.dump_targets.iter();
        let mut all: Vec<NamedTarget> = given
            .map(|given| given.reveal().parse())
            .collect::<Result<_, _>>()?;
        if let Some(path) = &self.dump_targets_file {
            all.extend(read(path)?);
        }
        let mut targets = BTreeMap::new();
        for NamedTarget { name, target } in all {
            if targets.insert(name.clone(), target).is_some() {
                return Err(DumpTargetsError::Twice(name));
            }
        }
        Ok(targets)
    }
}

fn read(path: &Path) -> Result<Vec<NamedTarget>, DumpTargetsError> {
    let text = fs::read_to_string(path).map_err(|source| DumpTargetsError::File {
        path: path.to_path_buf(),
        source,
    })?;
    let lines = text.lines().map(str::trim).zip(1..);
    lines
        .filter(|(line, _)| !line.is_empty() && !line.starts_with('#'))
        .map(|(line, number)| {
            line.parse().map_err(|source| DumpTargetsError::Line {
                path: path.to_path_buf(),
                line: number,
                source,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_named_target_is_refused_without_the_url() {
        for wrong in [
            "postgresql://ann:s3cret@db/ledger",
            "postgresql://ann:s3cret@db/ledger?sslmode=require",
            "=postgresql://ann:s3cret@db/ledger",
            "a/b=postgresql://ann:s3cret@db/ledger",
            "class=mysql://ann:s3cret@db/ledger",
        ] {
            let error = wrong.parse::<NamedTarget>().unwrap_err();
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn targets_come_from_flags_and_from_a_file_each_name_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines = "# for the class\n\nclass=postgresql://db/ledger\n";
        fs::write(file.path(), lines).unwrap();
        let mut settings = DumpSettings {
            dump_targets: vec!["team=postgresql://ann:s3cret@db/team".parse().unwrap()],
            dump_targets_file: Some(file.path().to_path_buf()),
        };
        assert!(!format!("{settings:?}").contains("s3cret"));
        let names: Vec<_> = settings.targets().unwrap().into_keys().collect();
        assert_eq!(names, ["class", "team"]);

        settings
            .dump_targets
            .push("class=postgresql://db/other".parse().unwrap());
        let error = settings.targets().unwrap_err();
        assert!(matches!(error, DumpTargetsError::Twice(_)), "{error}");
        settings.dump_targets = vec!["ann:s3cret".parse().unwrap()];
        let error = settings.targets().unwrap_err();
        assert!(matches!(error, DumpTargetsError::Given(_)), "{error}");
    }
}
