//! What an operator can set: by flag, by environment variable, or in a file.

mod secret;
mod sources;

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

use axum::http::Uri;
use axum::http::uri::Authority;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use shared::limits::MEMBER_RATE_PER_SECOND;
use shared::network::{Consensus, Holder, NetworkParameters};

use crate::dumps::settings::DumpSettings;
use crate::limits::{REQUESTS_PER_ADDRESS_PER_SECOND, SOCKETS_PER_ADDRESS_MAX};
use crate::tokens::{Token, WeakToken};

pub use secret::Secret;
pub use sources::{Effective, Origin, SettingsError};

/// The Tabchain relay: introduces browser tabs to each other, keeps a replica, serves the page.
///
/// Start it and open the printed address in three tabs: each is a full node. Everything that the
/// relay acknowledges is in one SQLite file in the data folder; stop it at any time, and start it
/// again with the same folder.
#[derive(Clone, Debug, Parser)]
#[command(version, after_long_help = EXAMPLES, subcommand_negates_reqs = true)]
pub struct Settings {
    /// What to do instead of serving.
    #[command(subcommand)]
    pub job: Option<Job>,

    /// TOML file with settings; flags and environment win over it
    #[arg(long, global = true, env = "TABCHAIN_SETTINGS", value_name = "FILE")]
    pub settings: Option<PathBuf>,

    /// Port to listen on; 0 takes a free one
    #[arg(long, env = "TABCHAIN_PORT", default_value_t = 18000)]
    pub port: u16,

    /// Address to listen on; 0.0.0.0 lets other machines on the LAN in
    #[arg(
        long,
        env = "TABCHAIN_BIND",
        value_name = "ADDRESS",
        default_value = "127.0.0.1"
    )]
    pub bind: IpAddr,

    /// Folder of the database; made when it is not there
    #[arg(
        long,
        global = true,
        env = "TABCHAIN_DATA",
        value_name = "DIR",
        default_value = "data"
    )]
    pub data: PathBuf,

    /// What a new network is made with.
    #[command(flatten)]
    pub network: NetworkSettings,

    /// Who may administer.
    #[command(flatten)]
    pub operation: OperationSettings,

    /// Where chains may be dumped to.
    #[command(flatten)]
    pub dumps: DumpSettings,

    /// Whether and how to serve https.
    #[command(flatten)]
    pub tls: TlsSettings,

    /// Another origin from which pages may connect, e.g. https://chain.example; may be repeated.
    /// The relay's own page always may
    #[arg(
        long = "allowed-origin",
        help_heading = "Https and pages",
        env = "TABCHAIN_ALLOWED_ORIGINS",
        value_name = "URL",
        value_delimiter = ',',
        value_parser = parse_origin
    )]
    pub allowed_origins: Vec<Uri>,

    /// Another name by which the relay is reached, such as chain.example; may be repeated. Its
    /// addresses, localhost, this machine's own name and the hosts of --allowed-origin always are
    #[arg(
        long = "allowed-host",
        env = "TABCHAIN_ALLOWED_HOSTS",
        value_name = "NAME",
        value_delimiter = ',',
        value_parser = parse_host
    )]
    pub allowed_hosts: Vec<String>,

    /// What one address, and one member, may take.
    #[command(flatten)]
    pub addresses: AddressSettings,

    /// Shape of the logs, which go to standard error
    #[arg(
        long,
        help_heading = "Logs",
        env = "TABCHAIN_LOG_FORMAT",
        value_enum,
        default_value_t = LogFormat::Text
    )]
    pub log_format: LogFormat,

    /// What to log: error, warn, info, debug or trace, or a filter such as relay=debug,info
    #[arg(
        long,
        help_heading = "Logs",
        env = "TABCHAIN_LOG",
        value_name = "FILTER",
        default_value = "info,memory_serve=warn"
    )]
    pub log: String,
}

/// What to do instead of serving.
#[derive(Clone, Debug, Subcommand)]
pub enum Job {
    /// Copy the database into a new file, also while a relay is running on it
    #[command(
        after_help = "The copy has the relay's secret key: keep it from others. To go back to it, stop the relay, \
        put the copy in the place of relay.sqlite in the data folder, remove relay.sqlite-wal and \
        relay.sqlite-shm there, and start the relay."
    )]
    Backup {
        /// The file to be made
        file: PathBuf,
    },
    /// Replay every chain from its first block and name the first that is bad; also while a relay
    /// is running
    Verify,
    /// Remove what is neither final nor needed for what is pending, and make the file smaller. The
    /// relay must be stopped
    #[command(
        after_help = "Removed are: pending transactions that no block can include any more, what it takes to undo final \
        blocks, and rows of networks that are gone. Blocks, the decision log, the state and all other pending \
        transactions stay as they are."
    )]
    Prune {
        /// Also forget keys of open networks that never wrote, received, mined or voted; they get
        /// a new number when they come back
        #[arg(long)]
        idle_members: bool,
    },
    /// Show the settings as they would hold, and where each comes from; secrets are left out
    Settings,
    /// Make a new operator's token and show it once; the one before is void. The relay must be
    /// stopped
    Token,
}

/// What a new network is made with. A network that exists keeps what it was made with.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Network (fixed once it is made)")]
pub struct NetworkSettings {
    /// Name of the network that is served by default; made when it is not there
    /// [default: the oldest in the data folder, or tabchain]
    #[arg(long, env = "TABCHAIN_NETWORK_NAME", value_name = "NAME")]
    pub network_name: Option<String>,

    /// Who may produce blocks [default: work]
    #[arg(long, env = "TABCHAIN_KIND", value_name = "KIND")]
    pub kind: Option<NetworkKind>,

    /// Who holds stake at first, of proof of stake: a key and how much, as tab1…=100000; may be
    /// given several times
    #[arg(long = "holder", value_name = "KEY=STAKE")]
    pub holders: Vec<Holder>,

    /// Length of a slot of proof of stake, in milliseconds; every fourth has a block
    /// [default: 2500]
    #[arg(long, env = "TABCHAIN_SLOT_MS", value_name = "MS")]
    pub slot_ms: Option<u64>,

    /// Slots of an epoch: stake that moves counts one to two epochs later [default: 60]
    #[arg(long, env = "TABCHAIN_EPOCH_SLOTS", value_name = "N")]
    pub epoch_slots: Option<u64>,

    /// Time between blocks that the difficulty of proof of work aims at, in milliseconds
    /// [default: 10000]
    #[arg(long, env = "TABCHAIN_SPACING_MS", value_name = "MS")]
    pub spacing_ms: Option<u64>,

    /// Hashes that the first block costs, as a power of two [default: 27, about ten seconds of
    /// one tab]
    #[arg(
        long,
        env = "TABCHAIN_FIRST_HASHES_LOG2",
        value_name = "N",
        value_parser = clap::value_parser!(u8).range(1..=200)
    )]
    pub first_hashes_log2: Option<u8>,

    /// Hashes that a block costs at least, as a power of two [default: 20]
    #[arg(
        long,
        env = "TABCHAIN_EASIEST_HASHES_LOG2",
        value_name = "N",
        value_parser = clap::value_parser!(u8).range(1..=200)
    )]
    pub easiest_hashes_log2: Option<u8>,

    /// Let only those in who show an invitation [default: anyone may join]
    #[arg(
        long,
        env = "TABCHAIN_INVITE_ONLY",
        action = ArgAction::Set,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_value_t = false,
        default_missing_value = "true",
        hide_default_value = true
    )]
    pub invite_only: bool,

    /// What the producer of a block is credited [default: 50]
    #[arg(long, env = "TABCHAIN_BLOCK_REWARD", value_name = "AMOUNT")]
    pub block_reward: Option<u64>,
}

/// Who may produce the blocks of a network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum NetworkKind {
    /// Whoever finds a nonce
    #[default]
    Work,
    /// Whoever holds stake, in slots that are drawn
    Stake,
}

impl NetworkKind {
    /// That of a network.
    #[must_use]
    pub fn of(network: &NetworkParameters) -> Self {
        match network.consensus {
            Consensus::Work(_) => Self::Work,
            Consensus::Stake(_) => Self::Stake,
        }
    }
}

impl std::fmt::Display for NetworkKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Work => "work",
            Self::Stake => "stake",
        })
    }
}

/// What one address, and one member, may take.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Limits by address and by member")]
pub struct AddressSettings {
    /// Connections from one address at a time; a school may have one address for all
    #[arg(
        long,
        env = "TABCHAIN_CONNECTIONS_PER_ADDRESS",
        value_name = "N",
        default_value_t = SOCKETS_PER_ADDRESS_MAX
    )]
    pub connections_per_address: usize,

    /// Requests a second from one address, and five times as many at once after a pause; ten blocks
    /// or other rows that are read count as one more
    #[arg(
        long,
        env = "TABCHAIN_REQUESTS_PER_ADDRESS",
        value_name = "N",
        default_value_t = REQUESTS_PER_ADDRESS_PER_SECOND
    )]
    pub requests_per_address: u32,

    /// Messages a second from one member, each transaction counted as one and each question for
    /// blocks as eight, and ten times as many at once after a pause
    #[arg(
        long,
        env = "TABCHAIN_MESSAGES_PER_MEMBER",
        value_name = "N",
        default_value_t = MEMBER_RATE_PER_SECOND
    )]
    pub messages_per_member: u32,

    /// Address of a proxy before the relay, whose X-Forwarded-For is believed; may be repeated
    #[arg(
        long = "trusted-proxy",
        env = "TABCHAIN_TRUSTED_PROXIES",
        value_name = "ADDRESS",
        value_delimiter = ','
    )]
    pub trusted_proxies: Vec<IpAddr>,
}

/// Who may administer.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Administration")]
pub struct OperationSettings {
    /// Who may make networks over REST and from the page
    #[arg(
        long,
        env = "TABCHAIN_CREATE_NETWORKS",
        value_enum,
        default_value_t = Creators::Operator
    )]
    pub create_networks: Creators,

    /// The operator's token, 32 random characters or more, instead of one of the relay's own
    /// making. Give it in the environment or by file: flags can be seen by everyone on the machine
    #[arg(
        long,
        env = "TABCHAIN_OPERATOR_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        conflicts_with = "operator_token_file"
    )]
    pub operator_token: Option<Secret>,

    /// File with the operator's token
    #[arg(long, env = "TABCHAIN_OPERATOR_TOKEN_FILE", value_name = "FILE")]
    pub operator_token_file: Option<PathBuf>,
}

/// Who may make networks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Creators {
    /// Whoever has the operator's token.
    #[default]
    Operator,
    /// Everyone who reaches the relay.
    Anyone,
}

/// The operator's token is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The one that was given is none.
    #[error("--operator-token: {0}")]
    Given(#[from] WeakToken),
    /// Its file has none.
    #[error("--operator-token-file {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl OperationSettings {
    /// The token that the operator gave, if any.
    pub fn given_token(&self) -> Result<Option<Token>, TokenError> {
        let Some(path) = &self.operator_token_file else {
            let given = self.operator_token.as_ref();
            return Ok(given.map(|token| token.reveal().parse()).transpose()?);
        };
        let refused = |reason: String| TokenError::File {
            path: path.clone(),
            reason,
        };
        let text = fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
        let token = text
            .parse()
            .map_err(|error: WeakToken| refused(error.to_string()));
        token.map(Some)
    }
}

/// Whether and how to serve https.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Https and pages")]
pub struct TlsSettings {
    /// Serve https: `--tls self-signed` makes a certificate and keeps it in the data folder,
    /// `--tls CERT KEY` takes yours (PEM files)
    #[arg(
        long,
        env = "TABCHAIN_TLS",
        value_names = ["off|self-signed|CERT", "KEY"],
        num_args = 1..=2,
        conflicts_with_all = ["tls_cert", "tls_key"]
    )]
    pub tls: Vec<String>,

    /// Certificate chain for https (PEM file); the same as the first value of `--tls CERT KEY`
    #[arg(
        long,
        env = "TABCHAIN_TLS_CERT",
        value_name = "FILE",
        requires = "tls_key"
    )]
    pub tls_cert: Option<PathBuf>,

    /// Secret key of the certificate (PEM file)
    #[arg(
        long,
        env = "TABCHAIN_TLS_KEY",
        value_name = "FILE",
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,
}

/// A text that should be an origin is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin has scheme and host and nothing more, such as https://chain.example")]
pub struct OriginError;

fn parse_origin(text: &str) -> Result<Uri, OriginError> {
    let uri: Uri = text.parse().map_err(|_| OriginError)?;
    let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
    (uri.scheme().is_some() && uri.authority().is_some() && is_bare)
        .then_some(uri)
        .ok_or(OriginError)
}

/// A text that should be the name of a host is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a host is a name and nothing more, such as chain.example")]
pub struct HostError;

fn parse_host(text: &str) -> Result<String, HostError> {
    let host: Authority = text.parse().map_err(|_| HostError)?;
    (host.host() == text)
        .then(|| text.to_owned())
        .ok_or(HostError)
}

/// How connections are protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TlsMode {
    /// Plain http.
    Off,
    /// A certificate of the relay's own making.
    SelfSigned,
    /// The operator's certificate.
    Files {
        /// PEM file of the certificate chain.
        cert: PathBuf,
        /// PEM file of the secret key.
        key: PathBuf,
    },
}

/// What is said about https makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TlsValueError {
    /// A value of `--tls` that says nothing.
    #[error("--tls takes `off`, `self-signed`, or two files, CERT KEY; `{0}` came alone")]
    Alone(String),
    /// One of the two files is named.
    #[error("a certificate and its secret key are given together, only one came: name both files")]
    Half,
}

impl TlsSettings {
    /// What the flags mean together.
    pub fn mode(&self) -> Result<TlsMode, TlsValueError> {
        match (&self.tls_cert, &self.tls_key) {
            (None, None) => {}
            (Some(cert), Some(key)) => {
                return Ok(TlsMode::Files {
                    cert: cert.clone(),
                    key: key.clone(),
                });
            }
            _ => return Err(TlsValueError::Half),
        }
        match self.tls.as_slice() {
            [] => Ok(TlsMode::Off),
            [word] if word == "off" => Ok(TlsMode::Off),
            [word] if word == "self-signed" => Ok(TlsMode::SelfSigned),
            [cert, key] => Ok(TlsMode::Files {
                cert: cert.into(),
                key: key.into(),
            }),
            other => Err(TlsValueError::Alone(other.join(" "))),
        }
    }
}

/// Shape of the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

const EXAMPLES: &str = "\
Examples:
  relay                                      on http://localhost:18000, for this machine alone
  relay --bind 0.0.0.0 --tls self-signed     for a class on the LAN, over https
  relay --settings /etc/tabchain/relay.toml  with what that file says
  relay backup relay-2026-11-21.sqlite       a copy of what is in ./data, while the relay runs
  relay --port 0 --data /tmp/try --spacing-ms 1000 --first-hashes-log2 16 --easiest-hashes-log2 10
                                             a throw-away network with a block a second

Standard output has the line `listening on URL` once requests are answered, and at the first start
the operator's token, which is shown once and never again; logs go to standard error.

Each flag can be given as the environment variable that is named beside it, or in the TOML file that
--settings names, in lower case and without TABCHAIN_: --port 18001, TABCHAIN_PORT=18001 and
port = 18001 are the same. Flags win over the environment, the environment over the file.
`relay settings` shows what holds, in the form of such a file.

The data folder holds the ledger and the relay's secret key: keep it from others. To undo a
network, stop the relay and move the folder away.";

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(arguments: &[&str]) -> Result<TlsMode, TlsValueError> {
        let settings = Settings::try_parse_from([&["relay"], arguments].concat()).unwrap();
        settings.tls.mode()
    }

    #[test]
    fn tls_takes_a_word_or_two_files() {
        let files = TlsMode::Files {
            cert: "c.pem".into(),
            key: "k.pem".into(),
        };
        assert_eq!(mode(&[]), Ok(TlsMode::Off));
        assert_eq!(mode(&["--tls", "off"]), Ok(TlsMode::Off));
        assert_eq!(mode(&["--tls", "self-signed"]), Ok(TlsMode::SelfSigned));
        assert_eq!(mode(&["--tls", "c.pem", "k.pem"]), Ok(files.clone()));
        assert_eq!(
            mode(&["--tls-cert", "c.pem", "--tls-key", "k.pem"]),
            Ok(files)
        );
        assert_eq!(
            mode(&["--tls", "c.pem"]),
            Err(TlsValueError::Alone("c.pem".into()))
        );
    }

    #[test]
    fn an_allowed_origin_has_scheme_and_host() {
        for wrong in ["chain.example", "https://chain.example/page", "null", ""] {
            let parsed = Settings::try_parse_from(["relay", "--allowed-origin", wrong]);
            assert!(parsed.is_err(), "{wrong}");
        }
        let right = ["relay", "--allowed-origin", "https://a.example,http://b:1"];
        assert_eq!(
            Settings::try_parse_from(right)
                .unwrap()
                .allowed_origins
                .len(),
            2
        );
    }

    #[test]
    fn an_allowed_host_is_a_name_alone() {
        for wrong in [
            "https://chain.example",
            "chain.example:18000",
            "ann@chain.example",
            "",
        ] {
            let parsed = Settings::try_parse_from(["relay", "--allowed-host", wrong]);
            assert!(parsed.is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_certificate_without_its_key_is_refused() {
        assert!(Settings::try_parse_from(["relay", "--tls-cert", "c.pem"]).is_err());
    }
}
