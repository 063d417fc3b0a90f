//! The task that keeps the networks: restores their cores, makes new ones, ends them.

use std::sync::Arc;

use shared::chain::RestoreError;
use shared::hash::NetworkId;
use shared::keys::SecretKey;
use shared::relay::Relay;
use shared::store::Rows;
use sqlite_store::{StoreClient, StoreError};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tracing::{info, warn};

use super::creation::{CreationError, create};
use super::task::NetworkTask;
use super::{Directory, Made, NetworkHandle, Networks, Request, Unanswered};
use crate::catalogue::{self, StoredNetwork};
use crate::clock::{NoRandomness, now_ms, random};
use crate::limits::{NETWORK_REQUESTS_MAX, NETWORKS_MAX};
use crate::settings::NetworkSettings;
use crate::tokens::Token;

/// What is stored of a network does not fit together.
#[derive(Debug, thiserror::Error)]
#[error(
    "the stored network {name} does not fit together ({source}): restore a backup of the data folder, or name another one with --data"
)]
pub struct RestoreFailed {
    /// The network.
    name: String,
    /// What does not fit.
    source: RestoreError,
}

/// Why a network was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotMade {
    #[error("this relay has a network called {0:?} already: choose another name")]
    NameTaken(String),
    #[error("this relay has its {NETWORKS_MAX} networks already")]
    TooMany,
    #[error(transparent)]
    Creation(#[from] CreationError),
    #[error(transparent)]
    Restore(#[from] RestoreFailed),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
}

/// Why a network was not removed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotRemoved {
    #[error(
        "the network is meant where none is named: start the relay with another one as --network-name first"
    )]
    Default,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
}

/// Owns the tasks of all networks.
pub(crate) struct Keeper {
    seed: [u8; 32],
    /// What a member may send in a second.
    member_rate: u32,
    store: StoreClient,
    cores: JoinSet<NetworkId>,
    directory: watch::Sender<Arc<Directory>>,
    requests: mpsc::Receiver<Request>,
}

/// A network whose core stands where it stood before.
pub(crate) struct Restored {
    network: StoredNetwork,
    core: Relay,
    first_effects: Vec<shared::relay::interface::Effect>,
}

impl Restored {
    /// The core of a network, from its rows.
    pub(crate) fn new(
        network: StoredNetwork,
        rows: &Rows,
        seed: &[u8; 32],
        member_rate: u32,
    ) -> Result<Self, RestoreFailed> {
        let parameters = network.parameters.clone();
        let (mut core, first_effects) =
            Relay::new(SecretKey::from_seed(seed), parameters, rows, now_ms()).map_err(
                |source| RestoreFailed {
                    name: network.parameters.name.to_string(),
                    source,
                },
            )?;
        core.set_member_rate(member_rate);
        Ok(Self {
            network,
            core,
            first_effects,
        })
    }

    fn start(self, store: &StoreClient, cores: &mut JoinSet<NetworkId>) -> NetworkHandle {
        let (completions, reports) = mpsc::unbounded_channel();
        let store = store.of_replica(self.network.replica, completions);
        let (handle, inputs) =
            NetworkHandle::new(self.network.parameters, self.network.administrator);
        let task = NetworkTask::new(self.core, store, reports, inputs);
        let id = handle.id();
        cores.spawn(async move {
            task.run(self.first_effects).await;
            id
        });
        handle
    }
}

impl Keeper {
    /// Starts the networks, and says how to reach them.
    pub(crate) fn start(
        default: Restored,
        others: Vec<Restored>,
        seed: [u8; 32],
        member_rate: u32,
        store: StoreClient,
    ) -> (Self, Networks) {
        let mut cores = JoinSet::new();
        let mut directory = Directory::new(default.start(&store, &mut cores));
        for network in others {
            directory.add(network.start(&store, &mut cores));
        }
        let (directory, reader) = watch::channel(Arc::new(directory));
        let (sender, requests) = mpsc::channel(NETWORK_REQUESTS_MAX);
        let networks = Networks {
            directory: reader,
            requests: sender,
        };
        let keeper = Self {
            seed,
            member_rate,
            store,
            cores,
            directory,
            requests,
        };
        (keeper, networks)
    }

    /// Works until it is told to stop and all networks have ended, or one has by itself.
    pub(crate) async fn run(mut self) -> Result<(), JoinError> {
        loop {
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(Request::Make(settings, reply)) => {
                        let made = self.make(&settings).await;
                        // Without its token, which nobody got, it would be nobody's.
                        if let Err(Ok(Made { network, .. })) = reply.send(made) {
                            let name = network.parameters().name.as_str();
                            match self.remove(network.id()).await {
                                Ok(()) => info!(network = name, "whoever made it has gone: it is removed"),
                                Err(error) => warn!(network = name, "whoever made it has gone, and it stays: {error}"),
                            }
                        }
                    }
                    Some(Request::Remove(network, reply)) => {
                        let removed = self.remove(network).await;
                        // Whoever asked may have given up.
                        let _ = reply.send(removed);
                    }
                    Some(Request::Stop) | None => return self.stop().await,
                },
                Some(ended) = self.cores.join_next() => {
                    let network = ended?;
                    // One that was removed ends in its own time.
                    if self.directory.borrow().by_id.contains_key(&network) {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn make(&mut self, settings: &NetworkSettings) -> Result<Made, NotMade> {
        let relay = SecretKey::from_seed(&self.seed).public_key();
        let parameters = create(settings, relay, random()?, now_ms())?;
        let name = parameters.name.as_str();
        let mut directory = Directory::clone(&Arc::clone(&self.directory.borrow()));
        if directory.by_name.contains_key(name) {
            return Err(NotMade::NameTaken(name.to_owned()));
        }
        if directory.by_id.len() >= NETWORKS_MAX {
            return Err(NotMade::TooMany);
        }
        let administrator = Token::random()?;
        let hash = administrator.hash();
        let added = parameters.clone();
        let add = self
            .store
            .run(move |file| Box::pin(catalogue::add_network(file, added, Some(hash))));
        let replica = add.await?;
        info!(network = name, id = %parameters.id(), "made a network");
        let stored = StoredNetwork {
            replica,
            parameters,
            administrator: Some(hash),
        };
        let restored = Restored::new(stored, &Rows::default(), &self.seed, self.member_rate)?;
        let network = restored.start(&self.store, &mut self.cores);
        directory.add(network.clone());
        self.directory.send_replace(Arc::new(directory));
        Ok(Made {
            network,
            administrator,
        })
    }

    /// Removes a network that is there; one that is not is removed already.
    async fn remove(&mut self, id: NetworkId) -> Result<(), NotRemoved> {
        let mut directory = Directory::clone(&Arc::clone(&self.directory.borrow()));
        if directory.default.id() == id {
            return Err(NotRemoved::Default);
        }
        let Some(network) = directory.remove(id) else {
            return Ok(());
        };
        let remove = self
            .store
            .run(move |file| Box::pin(catalogue::remove_network(file, id)));
        remove.await?;
        self.directory.send_replace(Arc::new(directory));
        network.stop().await;
        let name = network.parameters().name.as_str();
        info!(network = name, %id, "removed a network");
        Ok(())
    }

    async fn stop(mut self) -> Result<(), JoinError> {
        let directory = Arc::clone(&self.directory.borrow());
        for network in directory.by_id.values() {
            network.stop().await;
        }
        while let Some(ended) = self.cores.join_next().await {
            ended?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sqlite_store::Store;
    use tempfile::TempDir;
    use tokio::sync::oneshot;

    use super::*;
    use crate::catalogue::RELAY;

    const SEED: [u8; 32] = [7; 32];

    fn named(name: &str) -> NetworkSettings {
        NetworkSettings {
            network_name: Some(name.to_owned()),
            ..NetworkSettings::default()
        }
    }

    #[tokio::test]
    async fn a_network_whose_token_nobody_took_is_removed() {
        let folder = TempDir::new().unwrap();
        let mut store = Store::open(folder.path(), &RELAY).await.unwrap();
        let relay = SecretKey::from_seed(&SEED).public_key();
        let parameters = create(&named("first"), relay, [1; 16], 1_000).unwrap();
        let added = parameters.clone();
        let add = store.run(|file| Box::pin(catalogue::add_network(file, added, None)));
        let first = StoredNetwork {
            replica: add.await.unwrap(),
            parameters,
            administrator: None,
        };
        let first = Restored::new(first, &Rows::default(), &SEED, 1).unwrap();
        let (client, store) = store.start();
        let (keeper, networks) = Keeper::start(first, Vec::new(), SEED, 1, client);
        let keeper = tokio::spawn(keeper.run());

        let (reply, answer) = oneshot::channel();
        drop(answer);
        let request = Request::Make(named("class"), reply);
        networks.requests.send(request).await.unwrap();
        let made = networks.make(named("class")).await.unwrap();
        assert!(networks.get("class").is_some());
        let taken = networks.make(named("class")).await.unwrap_err();
        assert!(matches!(taken, NotMade::NameTaken(_)), "{taken}");
        let listed: Vec<_> = networks.all().iter().map(NetworkHandle::id).collect();
        assert_eq!(listed, [networks.default_one().id(), made.network.id()]);

        networks.stop().await;
        keeper.await.unwrap().unwrap();
        drop(networks);
        store.await.unwrap().unwrap();
    }
}
