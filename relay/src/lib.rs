//! The Tabchain relay: the world around [`shared::relay::Relay`].
//!
//! The core decides everything; what is here moves bytes. [`Server::start`] opens the
//! [`sqlite_store::Store`], restores one core for each network, gives it a [`network`] task, and serves
//! sockets, REST and the page. Each queue between these parts has its bound in [`limits`].
#![forbid(unsafe_code)]

mod addresses;
mod backup;
mod catalogue;
mod clock;
mod connections;
mod context;
#[cfg(unix)]
pub mod descriptors;
pub mod dumps;
mod headers;
mod hosts;
mod json;
pub mod lan;
pub mod limits;
mod metrics;
mod network;
mod outbox;
mod page;
mod prune;
mod request_id;
mod rest;
mod server;
pub mod settings;
mod socket;
mod tls;
mod tokens;
mod verify;
mod wire;

pub use backup::{BackupError, backup};
pub use clock::NoRandomness;
pub use network::{CreationError, RestoreFailed};
pub use prune::{PruneError, Pruned, prune};
pub use server::{RunError, Server, StartError, new_operator_token};
pub use socket::{JSON_SUBPROTOCOL, SUBPROTOCOL};
pub use tls::TlsError;
pub use tokens::{Token, WeakToken};
pub use verify::{Fault, VerifyError, verify};
