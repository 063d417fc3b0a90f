//! Where the tables are: a PostgreSQL database, named by a URL.

use std::env;
use std::fmt;
use std::path;
use std::str::FromStr;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use tokio::time::timeout;
use url::Url;

use crate::error::DumpError;
use crate::limits::CONNECT_TIMEOUT;

/// Parameters of a URL that are understood. Others are refused: a misspelt `sslmode` would
/// otherwise connect without TLS.
const PARAMETERS: [&str; 12] = [
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// Parameters that say where a certificate or key is, each with the variable that says it where the
/// URL does not.
const CERTIFICATES: [(&str, &str); 3] = [
    ("sslrootcert", "PGSSLROOTCERT"),
    ("sslcert", "PGSSLCERT"),
    ("sslkey", "PGSSLKEY"),
];

/// A database, with what it takes to log in. Neither `Debug` nor `Display` shows the password.
#[derive(Clone)]
pub struct Target {
    options: PgConnectOptions,
    /// What is named of [`CERTIFICATES`], by paths that hold in any folder.
    certificates: Vec<(&'static str, String)>,
    shown: String,
}

/// A text that names no database. It never repeats the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It is no URL.
    #[error(
        "the database is given as a URL such as postgresql://user:password@host:5432/database; this text is none: {0}"
    )]
    NoUrl(String),
    /// It is the URL of something else.
    #[error("the URL of a database begins with postgresql:// or postgres://, this one with {0}://")]
    Scheme(String),
    /// It does not say which database.
    #[error(
        "the URL names no database: put its name behind the host, as in postgresql://host/name"
    )]
    NoDatabase,
    /// It has a parameter that means nothing here.
    #[error("the URL has a parameter {0} that is not understood; known are {known}", known = PARAMETERS.join(", "))]
    Parameter(String),
    /// A parameter has a value that means nothing.
    #[error("the URL has a value that is not understood: {0}")]
    Value(String),
}

impl Target {
    /// The target of a URL, `postgresql://user:password@host:port/database?sslmode=…`. What the
    /// URL leaves out comes from the environment (`PGUSER`, `PGPASSWORD`, `PGSSLMODE`, …) and from
    /// `~/.pgpass`, as with psql.
    pub fn parse(url: &str) -> Result<Self, TargetError> {
        let url: Url = url
            .trim()
            .parse()
            .map_err(|error: url::ParseError| TargetError::NoUrl(error.to_string()))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(TargetError::Scheme(url.scheme().to_owned()));
        }
        for (name, value) in url.query_pairs() {
            if !PARAMETERS.contains(&&*name) {
                return Err(TargetError::Parameter(name.into_owned()));
            }
            if name == "sslmode" {
                PgSslMode::from_str(&value)
                    .map_err(|_| TargetError::Value(format!("sslmode={value}")))?;
            }
        }
        let options = PgConnectOptions::from_str(url.as_str())
            .map_err(|_| TargetError::Value("a port is a number, hostaddr an address".into()))?;
        if options.get_database().is_none() {
            return Err(TargetError::NoDatabase);
        }
        Ok(Self {
            certificates: certificates(&url),
            shown: shown(&options),
            options: options.disable_statement_logging(),
        })
    }

    /// A URL of the same database for another process, which may have another environment and
    /// another folder: it leaves out nothing that this one's say, the password included.
    #[must_use]
    pub fn complete_url(&self) -> String {
        let options = &self.options;
        // Parameters come before what stands in front of them: all but the password is one.
        let plain = options.clone().username("user").host("localhost");
        let mut url = plain.database("database").to_url_lossy();
        let mode = url.query_pairs().find(|(name, _)| name == "sslmode");
        let mode = mode.map(|(_, mode)| mode.into_owned());
        let socket = options.get_socket().map(|path| path.to_string_lossy());
        let mut parameters = url.query_pairs_mut();
        parameters
            .clear()
            .append_pair("host", socket.as_deref().unwrap_or(options.get_host()))
            .append_pair("port", &options.get_port().to_string())
            .append_pair("dbname", self.database())
            .append_pair("user", self.user())
            .extend_pairs(mode.map(|mode| ("sslmode", mode)))
            .extend_pairs(&self.certificates)
            .extend_pairs(
                options
                    .get_application_name()
                    .map(|name| ("application_name", name)),
            )
            .extend_pairs(options.get_options().map(|options| ("options", options)));
        drop(parameters);
        url.into()
    }

    /// Connects and logs in.
    pub(crate) async fn connect(&self) -> Result<PgConnection, DumpError> {
        let options = self.named();
        match timeout(CONNECT_TIMEOUT, options.connect()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(DumpError::of_connecting(self, error)),
            Err(_) => Err(DumpError::Unreachable {
                target: self.to_string(),
                reason: format!("no answer within {} s", CONNECT_TIMEOUT.as_secs()),
            }),
        }
    }

    /// The user that logs in.
    #[must_use]
    pub fn user(&self) -> &str {
        self.options.get_username()
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> &str {
        self.options.get_database().unwrap_or_default()
    }

    /// Whether it is reached over a socket of this machine's file system.
    pub(crate) fn is_socket(&self) -> bool {
        self.options.get_socket().is_some()
    }

    /// With a name by which an administrator finds the connection in `pg_stat_activity`.
    fn named(&self) -> PgConnectOptions {
        match self.options.get_application_name() {
            Some(_) => self.options.clone(),
            None => self.options.clone().application_name("tabchain dump"),
        }
    }
}

fn certificates(url: &Url) -> Vec<(&'static str, String)> {
    let named = |parameter: &str, variable: &str| {
        let of_url = url.query_pairs().find(|(name, _)| name == parameter);
        of_url
            .map(|(_, value)| value.into_owned())
            .or_else(|| env::var(variable).ok())
    };
    let certificates = CERTIFICATES.iter().filter_map(|(parameter, variable)| {
        let value = named(parameter, variable)?;
        let is_itself = value.trim_start().starts_with("-----BEGIN");
        let path = path::absolute(&value).ok().filter(|_| !is_itself);
        Some((
            *parameter,
            path.map_or(value, |path| path.display().to_string()),
        ))
    });
    certificates.collect()
}

fn shown(options: &PgConnectOptions) -> String {
    let user = options.get_username();
    let database = options.get_database().unwrap_or_default();
    match options.get_socket() {
        Some(socket) => format!("postgresql://{user}@{}/{database}", socket.display()),
        None => {
            let (host, port) = (options.get_host(), options.get_port());
            format!("postgresql://{user}@{host}:{port}/{database}")
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.shown).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "postgresql://ann:s3cret@db.example:6543/ledger?sslmode=verify-full";

    #[test]
    fn a_target_shows_all_but_the_password() {
        let target = Target::parse(URL).unwrap();
        assert_eq!(
            target.to_string(),
            "postgresql://ann@db.example:6543/ledger"
        );
        let with_parameter =
            Target::parse("postgres://db.example/ledger?password=s3cret&user=ann").unwrap();
        for text in [format!("{target:?}"), format!("{with_parameter:?}")] {
            assert!(!text.contains("s3cret"), "{text}");
        }
    }

    #[test]
    fn a_complete_url_names_the_same_target_in_any_folder() {
        let target = Target::parse(
            "postgresql://a%40b:s%2F3%25@db.example:6543/led%20ger?sslmode=verify-full&sslrootcert=ca.pem&options=-c%20a%3D1&application_name=x%26y",
        )
        .unwrap();
        let url = target.complete_url();
        let again = Target::parse(&url).unwrap();
        assert_eq!(again.complete_url(), url);
        assert_eq!(again.to_string(), target.to_string());
        let (user, database) = (again.user(), again.database());
        assert_eq!((user, database), ("a@b", "led ger"));
        let parsed: Url = url.parse().unwrap();
        assert_eq!(parsed.password(), Some("s%2F3%25"));
        let parameters: Vec<_> = parsed.query_pairs().collect();
        let certificate = env::current_dir().unwrap().join("ca.pem");
        for (name, value) in [
            ("sslmode", "verify-full"),
            ("sslrootcert", certificate.to_str().unwrap()),
            ("options", "-c a=1"),
            ("application_name", "x&y"),
        ] {
            assert!(parameters.contains(&(name.into(), value.into())), "{url}");
        }

        let socket = Target::parse("postgresql:///ledger?host=/run/postgresql").unwrap();
        let again = Target::parse(&socket.complete_url()).unwrap();
        assert!(again.is_socket());
        assert_eq!(again.to_string(), socket.to_string());
    }

    #[test]
    fn what_is_no_target_is_refused_without_being_repeated() {
        type Expected = fn(&TargetError) -> bool;
        let cases: [(&str, Expected); 7] = [
            ("s3cret", |error| matches!(error, TargetError::NoUrl(_))),
            ("postgresql://ann:s3cret@db:x/l", |error| {
                matches!(error, TargetError::NoUrl(_))
            }),
            ("mysql://ann:s3cret@db/l", |error| {
                matches!(error, TargetError::Scheme(_))
            }),
            ("postgresql://ann:s3cret@db", |error| {
                matches!(error, TargetError::NoDatabase)
            }),
            ("postgresql://ann:s3cret@db/l?sslmod=require", |error| {
                matches!(error, TargetError::Parameter(_))
            }),
            ("postgresql://ann:s3cret@db/l?sslmode=always", |error| {
                matches!(error, TargetError::Value(_))
            }),
            ("postgresql://ann:s3cret@db/l?port=many", |error| {
                matches!(error, TargetError::Value(_))
            }),
        ];
        for (url, is_expected) in cases {
            let error = Target::parse(url).unwrap_err();
            assert!(is_expected(&error), "{url}: {error:?}");
            assert!(!error.to_string().contains("s3cret"), "{error}");
        }
    }
}
