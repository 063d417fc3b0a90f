//! What request handlers share.

use std::sync::Arc;

use axum::http::Uri;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::addresses::Addresses;
use crate::dumps::Dumps;
use crate::hosts::Hosts;
use crate::lan::Listening;
use crate::limits::{HEAVY_READS_MAX, SOCKETS_MAX};
use crate::network::Networks;
use crate::settings::{Creators, Settings};
use crate::tokens::TokenHash;

/// What request handlers share; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Context(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    networks: Networks,
    dumps: Dumps,
    listening: Listening,
    allowed_origins: Vec<Uri>,
    hosts: Hosts,
    operator: TokenHash,
    creators: Creators,
    sockets: Arc<Semaphore>,
    heavy_reads: Arc<Semaphore>,
    addresses: Addresses,
}

impl Context {
    pub(crate) fn new(
        networks: Networks,
        dumps: Dumps,
        listening: Listening,
        operator: TokenHash,
        settings: &Settings,
    ) -> Self {
        Self(Arc::new(Shared {
            networks,
            dumps,
            listening,
            allowed_origins: settings.allowed_origins.clone(),
            hosts: Hosts::new(settings),
            operator,
            creators: settings.operation.create_networks,
            sockets: Arc::new(Semaphore::new(SOCKETS_MAX)),
            heavy_reads: Arc::new(Semaphore::new(HEAVY_READS_MAX)),
            addresses: Addresses::new(&settings.addresses),
        }))
    }

    pub(crate) fn networks(&self) -> &Networks {
        &self.0.networks
    }

    pub(crate) fn dumps(&self) -> &Dumps {
        &self.0.dumps
    }

    pub(crate) fn listening(&self) -> &Listening {
        &self.0.listening
    }

    pub(crate) fn allowed_origins(&self) -> &[Uri] {
        &self.0.allowed_origins
    }

    /// By which names the relay is reached.
    pub(crate) fn hosts(&self) -> &Hosts {
        &self.0.hosts
    }

    /// Whether this is the operator's token.
    pub(crate) fn is_operated_by(&self, token: &str) -> bool {
        self.0.operator.is_of(token)
    }

    /// Who may make networks.
    pub(crate) fn creators(&self) -> Creators {
        self.0.creators
    }

    /// What each address takes.
    pub(crate) fn addresses(&self) -> &Addresses {
        &self.0.addresses
    }

    /// Places for reads that take much.
    pub(crate) fn heavy_reads(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.heavy_reads)
    }

    /// A place for one more socket, if there is one; given back when dropped.
    pub(crate) fn claim_socket(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.sockets).try_acquire_owned().ok()
    }

    /// Completes when no socket is left.
    pub(crate) async fn sockets_closed(&self) {
        let all = u32::try_from(SOCKETS_MAX).unwrap_or(u32::MAX);
        // The semaphore is never closed, and nobody waits for it but this.
        let _ = self.0.sockets.acquire_many(all).await;
    }
}
