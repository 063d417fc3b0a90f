//! Dumps into the databases that the operator named: which run, started and stopped on demand, and
//! gone on with after a restart of the relay.

pub mod settings;
mod source;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use dump::{DumpError, Dumper, Handle, Status, Target};
use futures_util::future::join_all;
use shared::hash::NetworkId;
use sqlite_store::{StoreClient, StoreError};
use tracing::{info, warn};

use crate::catalogue;
use crate::network::{NetworkHandle, Networks, Unanswered};
use source::NetworkSource;

/// All dumps of the relay; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Dumps(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    targets: BTreeMap<String, Named>,
    /// Locked for a look or a change, never while something is waited for.
    started: Mutex<Started>,
}

#[derive(Debug)]
struct Named {
    target: Target,
    /// Locked while a dump into it is being started or stopped, so that nobody does both at once.
    changing: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Started {
    handles: BTreeMap<(NetworkId, String), Arc<Handle>>,
    /// Given back when the relay stops: the store ends with the last who may write.
    store: Option<StoreClient>,
}

/// A dump was not started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum DumpRefused {
    /// Nobody named the target.
    #[error("the operator named no dump target {0:?}: it takes a start with --dump-target {0}=URL")]
    NoSuchTarget(String),
    /// The database is not what a dump needs.
    #[error(transparent)]
    Dump(#[from] DumpError),
    /// It could not be kept that the dump was started or stopped.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The network is stopping, or busy.
    #[error("the network does not answer: try again later")]
    Unanswered,
    /// The relay is stopping.
    #[error("the relay is stopping")]
    Stopping,
}

impl From<Unanswered> for DumpRefused {
    fn from(_: Unanswered) -> Self {
        Self::Unanswered
    }
}

/// A target, and the dump of one network into it, where there is one.
#[derive(Debug)]
pub(crate) struct TargetStatus {
    pub(crate) target: String,
    pub(crate) status: Option<Status>,
}

impl Dumps {
    pub(crate) fn new(targets: BTreeMap<String, Target>, store: StoreClient) -> Self {
        let started = Started {
            handles: BTreeMap::new(),
            store: Some(store),
        };
        let named = |(name, target)| {
            let changing = tokio::sync::Mutex::default();
            (name, Named { target, changing })
        };
        Self(Arc::new(Shared {
            targets: targets.into_iter().map(named).collect(),
            started: Mutex::new(started),
        }))
    }

    /// Goes on with the dumps that were not stopped before the relay was.
    pub(crate) async fn resume(&self, networks: &Networks) -> Result<(), DumpRefused> {
        let store = self.store()?;
        let stored = store.run(|file| Box::pin(catalogue::dumps(file)));
        for (id, name) in stored.await? {
            let network = networks
                .all()
                .into_iter()
                .find(|network| network.id() == id);
            let Some((network, named)) = network.zip(self.0.targets.get(&name)) else {
                warn!(network = %id, target = name, "a dump waits: its target is not named by --dump-target");
                continue;
            };
            let source = NetworkSource::open(network).await?;
            let handle = Dumper::resume(named.target.clone(), source);
            self.keep(id, &name, handle);
        }
        Ok(())
    }

    /// Starts a dump, for good: until it is stopped, also after a restart of the relay. One that
    /// runs goes on. It is done to the end also where whoever asked has given up.
    pub(crate) async fn start(
        &self,
        network: &NetworkHandle,
        name: &str,
    ) -> Result<TargetStatus, DumpRefused> {
        self.named(name)?;
        let (dumps, network, name) = (self.clone(), network.clone(), name.to_owned());
        to_the_end(async move {
            let named = dumps.named(&name)?;
            let _changing = named.changing.lock().await;
            let id = network.id();
            let status = dumps.status(id, &name);
            if status.is_none_or(|status| status.state.has_ended()) {
                let source = NetworkSource::open(network).await?;
                let handle = Dumper::start(named.target.clone(), source).await?;
                let stored = name.clone();
                let store = dumps.store()?;
                let kept = store.run(move |file| Box::pin(catalogue::add_dump(file, id, stored)));
                kept.await?;
                info!(network = %id, target = name, "started a dump");
                dumps.keep(id, &name, handle);
            }
            dumps.one(id, &name)
        })
        .await
    }

    /// Stops a dump; when this returns, nothing more is written. One that does not run stays so. It
    /// is done to the end also where whoever asked has given up.
    pub(crate) async fn stop(&self, network: NetworkId, name: &str) -> Result<(), DumpRefused> {
        self.named(name)?;
        let (dumps, name) = (self.clone(), name.to_owned());
        to_the_end(async move {
            let _changing = dumps.named(&name)?.changing.lock().await;
            let stored = name.clone();
            let store = dumps.store()?;
            let forgotten =
                store.run(move |file| Box::pin(catalogue::remove_dump(file, network, stored)));
            forgotten.await?;
            let key = (network, name);
            let running = dumps.started().handles.get(&key).cloned();
            if let Some(handle) = running {
                handle.stop().await;
                info!(network = %network, target = key.1, "stopped a dump");
                dumps.started().handles.remove(&key);
            }
            Ok(())
        })
        .await
    }

    /// All targets, with the dumps of one network into them.
    pub(crate) fn of_network(&self, network: NetworkId) -> Vec<TargetStatus> {
        let names = self.0.targets.keys();
        names
            .map(|name| TargetStatus {
                target: name.clone(),
                status: self.status(network, name),
            })
            .collect()
    }

    /// One target, with the dump of one network into it.
    pub(crate) fn one(&self, network: NetworkId, name: &str) -> Result<TargetStatus, DumpRefused> {
        self.named(name)?;
        Ok(TargetStatus {
            target: name.to_owned(),
            status: self.status(network, name),
        })
    }

    /// Forgets the dumps of a network that was removed.
    pub(crate) async fn forget(&self, network: NetworkId) {
        let handles = {
            let mut started = self.started();
            let handles = &mut started.handles;
            let (gone, kept): (BTreeMap<_, _>, _) = core::mem::take(handles)
                .into_iter()
                .partition(|((of, _), _)| *of == network);
            *handles = kept;
            gone
        };
        join_all(handles.values().map(|handle| handle.stop())).await;
    }

    /// Ends all of them until the relay's next start.
    pub(crate) async fn pause(&self) {
        let handles = {
            let mut started = self.started();
            started.store = None;
            core::mem::take(&mut started.handles)
        };
        join_all(handles.values().map(|handle| handle.stop())).await;
    }

    fn named(&self, name: &str) -> Result<&Named, DumpRefused> {
        self.0
            .targets
            .get(name)
            .ok_or_else(|| DumpRefused::NoSuchTarget(name.to_owned()))
    }

    fn store(&self) -> Result<StoreClient, DumpRefused> {
        let store = self.started().store.clone();
        store.ok_or(DumpRefused::Stopping)
    }

    fn status(&self, network: NetworkId, name: &str) -> Option<Status> {
        let started = self.started();
        let handle = started.handles.get(&(network, name.to_owned()))?;
        Some(handle.status())
    }

    /// Keeps a dump that runs; where the relay is stopping, it ends instead.
    fn keep(&self, network: NetworkId, name: &str, handle: Handle) {
        let mut started = self.started();
        if started.store.is_some() {
            let key = (network, name.to_owned());
            started.handles.insert(key, Arc::new(handle));
        }
    }

    /// Nothing that is done under the lock can panic.
    fn started(&self) -> MutexGuard<'_, Started> {
        let started = self.0.started.lock();
        started.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Does something that must not end halfway, as a handler does whose client goes away.
async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, DumpRefused>> + Send + 'static,
) -> Result<T, DumpRefused> {
    // It does not panic: where it is given up, so is the runtime.
    let done = tokio::spawn(work).await;
    done.unwrap_or(Err(DumpRefused::Stopping))
}
