//! The networks of this relay: which there are, how a new one is made, and how the rest of the
//! relay speaks to their cores.

mod creation;
mod gathering;
mod handle;
mod journal;
mod keeper;
mod line;
mod outgoing;
mod sockets;
mod task;

use std::collections::HashMap;
use std::sync::Arc;

use shared::hash::NetworkId;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use crate::limits::ANSWER_TIMEOUT;
use crate::settings::NetworkSettings;
use crate::tokens::Token;

pub use creation::CreationError;
pub(crate) use creation::{Choice, choose_or_create};
pub(crate) use handle::{NetworkHandle, Unanswered};
pub use keeper::RestoreFailed;
pub(crate) use keeper::{Keeper, NotMade, NotRemoved, Restored};
pub(crate) use line::Line;

/// All networks, now and later; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Networks {
    directory: watch::Receiver<Arc<Directory>>,
    requests: mpsc::Sender<Request>,
}

/// All networks at one time, and the one that is meant where none is named.
#[derive(Clone, Debug)]
struct Directory {
    default: NetworkHandle,
    by_id: HashMap<NetworkId, NetworkHandle>,
    by_name: HashMap<String, NetworkId>,
}

/// What the keeper of the networks is asked.
#[derive(Debug)]
enum Request {
    /// Make a network.
    Make(NetworkSettings, oneshot::Sender<Result<Made, NotMade>>),
    /// Remove a network.
    Remove(NetworkId, oneshot::Sender<Result<(), NotRemoved>>),
    /// End them all.
    Stop,
}

/// A new network.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) network: NetworkHandle,
    /// For whoever made it: who has it may administer the network.
    pub(crate) administrator: Token,
}

impl Networks {
    /// The network of this id or name.
    pub(crate) fn get(&self, name: &str) -> Option<NetworkHandle> {
        let directory = self.directory.borrow();
        let by_name = || directory.by_name.get(name).copied();
        let id = name.parse().ok().or_else(by_name)?;
        directory.by_id.get(&id).cloned()
    }

    /// The one that is meant where none is named.
    pub(crate) fn default_one(&self) -> NetworkHandle {
        self.directory.borrow().default.clone()
    }

    /// All of them, oldest first.
    pub(crate) fn all(&self) -> Vec<NetworkHandle> {
        let mut all: Vec<_> = self.directory.borrow().by_id.values().cloned().collect();
        all.sort_by_key(|network| (network.parameters().created_at_ms, network.id()));
        all
    }

    /// Makes a network and serves it from then on.
    pub(crate) async fn make(&self, settings: NetworkSettings) -> Result<Made, NotMade> {
        self.ask(|reply| Request::Make(settings, reply)).await?
    }

    /// Removes a network: its members are sent away, and it is not served any more.
    pub(crate) async fn remove(&self, network: NetworkId) -> Result<(), NotRemoved> {
        self.ask(|reply| Request::Remove(network, reply)).await?
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, Unanswered> {
        let (reply, answer) = oneshot::channel();
        let exchange = async {
            let sent = self.requests.send(request(reply)).await;
            sent.map_err(|_| Unanswered)?;
            answer.await.map_err(|_| Unanswered)
        };
        timeout(ANSWER_TIMEOUT, exchange)
            .await
            .unwrap_or(Err(Unanswered))
    }

    /// Begins the end of all.
    pub(crate) async fn stop(&self) {
        // A keeper that has ended needs not be told.
        let _ = self.requests.send(Request::Stop).await;
    }
}

impl Directory {
    fn new(default: NetworkHandle) -> Self {
        let mut directory = Self {
            default: default.clone(),
            by_id: HashMap::new(),
            by_name: HashMap::new(),
        };
        directory.add(default);
        directory
    }

    fn add(&mut self, network: NetworkHandle) {
        let name = network.parameters().name.as_str().to_owned();
        self.by_name.insert(name, network.id());
        self.by_id.insert(network.id(), network);
    }

    fn remove(&mut self, id: NetworkId) -> Option<NetworkHandle> {
        let network = self.by_id.remove(&id)?;
        self.by_name.remove(network.parameters().name.as_str());
        Some(network)
    }
}

/// Parameters of a network, for tests.
#[cfg(test)]
pub(crate) fn test_parameters(name: &str) -> shared::network::NetworkParameters {
    let settings = NetworkSettings {
        network_name: Some(name.to_owned()),
        ..Default::default()
    };
    let relay = shared::keys::PublicKey([1; 32]);
    match choose_or_create(&settings, [], relay, [2; 16], 1_000) {
        Ok(Choice::New(parameters)) => *parameters,
        other => panic!("{other:?}"),
    }
}
