//! Options that say which relay and which network.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde::{Serialize, Serializer};
use serde_json::json;
use shared::invitation::{Invitation, ParseInvitationError};
use shared::network::Holder;

use super::secret::Secret;
use crate::failure::{Class, Failure};
use crate::folder::{FolderError, Membership};
use crate::relay_url::{Fingerprint, RelayUrl, Trust};
use crate::token::Token;

/// Where the relay is if nobody says.
const DEFAULT_SERVER: &str = "http://localhost:18000";

/// Where the relay is, and whose certificates are trusted there.
#[derive(Clone, Debug, Args)]
pub struct Server {
    /// Address of the relay [default: http://localhost:18000; for `network`, the relay that
    /// `register` has remembered comes before that]
    #[arg(long, value_name = "URL", env = "BLOCK_CHAIN_WORKER_SERVER")]
    pub server: Option<RelayUrl>,
    /// Certificates to trust beside those of public authorities, in PEM
    #[arg(long, value_name = "FILE", conflicts_with = "fingerprint")]
    pub ca: Option<PathBuf>,
    /// The one certificate to trust, by the SHA-256 that the relay prints
    #[arg(long, value_name = "HEX")]
    pub fingerprint: Option<Fingerprint>,
}

impl Server {
    /// The relay that is named, else the usual one.
    pub fn named(&self) -> Result<(RelayUrl, Trust), Failure> {
        let trust = Trust {
            ca: self.ca.clone(),
            fingerprint: self.fingerprint,
        };
        let server = match &self.server {
            Some(server) => server.clone(),
            None => DEFAULT_SERVER
                .parse()
                .map_err(|error| Failure::new(Class::Defect, format!("{error}")))?,
        };
        Ok((server, trust))
    }

    /// The relay that is named, else the one that is remembered, else the usual one.
    pub fn named_or(&self, known: Option<Membership>) -> Result<(RelayUrl, Trust), Failure> {
        match known {
            Some(known) if self.server.is_none() => Ok((known.server, known.trust)),
            _ => self.named(),
        }
    }
}

/// How a member is let in.
#[derive(Clone, Debug, Args)]
pub struct Admission {
    /// An invitation, where the network asks for one; others on this machine can see it here:
    /// a file or the environment keeps it
    #[arg(
        long,
        value_name = "INVITATION",
        env = "BLOCK_CHAIN_WORKER_INVITATION",
        hide_env_values = true
    )]
    pub invitation: Option<Secret>,
    /// A file that holds the invitation
    #[arg(long, value_name = "FILE")]
    pub invitation_file: Option<PathBuf>,
}

impl Admission {
    /// The invitation, from wherever it is.
    pub fn invitation(&self) -> Result<Option<Invitation>, Failure> {
        let (invitation, from) = match (&self.invitation_file, &self.invitation) {
            (Some(path), _) => {
                let text = std::fs::read_to_string(path).map_err(FolderError::io(path))?;
                let from = format!("--invitation-file {}", path.display());
                (text.trim().parse(), from)
            }
            (None, Some(typed)) => (typed.parse(), "--invitation".to_owned()),
            (None, None) => return Ok(None),
        };
        invitation.map(Some).map_err(|error: ParseInvitationError| {
            Failure::new(Class::Usage, format!("{from}: {error}"))
        })
    }
}

/// What can be done with networks.
#[derive(Debug, Subcommand)]
pub enum Network {
    /// Make a network at the relay
    Create(Create),
    /// Show the networks of the relay, the oldest first
    List {
        /// The relay.
        #[command(flatten)]
        server: Server,
    },
    /// Have the relay serve a network no more
    Remove {
        /// Name or id of the network
        #[arg(value_name = "NETWORK")]
        name: String,
        /// The relay.
        #[command(flatten)]
        server: Server,
        /// The operator's token, or the one that administers the network.
        #[command(flatten)]
        authority: Authority,
    },
    /// Become a member of a network of the relay
    Join {
        /// Name or id of the network
        #[arg(value_name = "NETWORK")]
        name: String,
        /// The relay.
        #[command(flatten)]
        server: Server,
        /// How this member is let in.
        #[command(flatten)]
        admission: Admission,
    },
}

/// A network to be made. What is left out, the relay chooses.
#[derive(Debug, Args)]
pub struct Create {
    /// Its name, which no other network of the relay has
    pub name: String,
    /// The relay.
    #[command(flatten)]
    pub server: Server,
    /// What it is made with.
    #[command(flatten)]
    pub rules: Rules,
    /// The operator's token.
    #[command(flatten)]
    pub authority: Authority,
    /// A new file for the token that administers the network [default: NAME.token]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

/// By what right something is done at the relay.
#[derive(Debug, Args)]
pub struct Authority {
    /// A token, where the relay asks for it: the operator's, or for what is there already the one
    /// that administers it; others on this machine can see it here: a file or the environment
    /// keeps it
    #[arg(
        long,
        value_name = "TOKEN",
        env = "BLOCK_CHAIN_WORKER_TOKEN",
        hide_env_values = true
    )]
    pub token: Option<Token>,
    /// A file that holds the token
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
}

impl Authority {
    /// The token, from wherever it is.
    pub fn token(&self) -> Result<Option<Token>, FolderError> {
        match &self.token_file {
            Some(path) => Token::read(path).map(Some),
            None => Ok(self.token.clone()),
        }
    }
}

/// The rules of a network, as REST takes them.
#[derive(Clone, Debug, Args, Serialize)]
pub struct Rules {
    /// Who makes blocks
    #[arg(long, value_enum, default_value = "work")]
    pub kind: Kind,
    /// Stake: who holds how much from the start, repeatedly; if nobody is named, the key of the
    /// data folder that joins the network holds 100000
    #[arg(long = "holder", value_name = "KEY=STAKE")]
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "as_text")]
    pub holders: Vec<Holder>,
    /// Stake: length of a slot, in which somebody may make a block
    #[arg(long, value_name = "MS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot_ms: Option<u64>,
    /// Stake: slots of an epoch; what is held at its beginning counts an epoch later
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epoch_slots: Option<u64>,
    /// Who may join
    #[arg(long, value_enum, default_value = "open")]
    pub admission: WhoMayJoin,
    /// Work: time between blocks that the difficulty aims at
    #[arg(long, value_name = "MS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spacing_ms: Option<u64>,
    /// Work: hashes that the first block costs, as a power of two
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_hashes_log2: Option<u8>,
    /// Work: hashes that a block costs at least, as a power of two
    #[arg(long, value_name = "N")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub easiest_hashes_log2: Option<u8>,
    /// What the producer of a block is credited
    #[arg(long, value_name = "AMOUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_reward: Option<u64>,
}

/// Who makes blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Whoever finds a nonce.
    Work,
    /// Whoever is drawn, by stake.
    Stake,
}

/// As REST takes them: the stake as text, since it may exceed 2^53.
fn as_text<S: Serializer>(holders: &[Holder], serializer: S) -> Result<S::Ok, S::Error> {
    let of_one = |Holder { key, stake }: &Holder| json!({ "key": key.to_string(), "stake": stake.to_string() });
    serializer.collect_seq(holders.iter().map(of_one))
}

/// Who may join a network.
#[derive(Clone, Copy, Debug, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WhoMayJoin {
    /// Whoever reaches the relay.
    Open,
    /// Whoever has an invitation.
    InviteOnly,
}
