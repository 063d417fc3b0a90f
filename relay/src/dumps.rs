//! Dumps into the databases that the operator named: which run, started and stopped on demand, and
//! gone on with after a restart of the relay.

pub mod settings;
mod source;

use std::collections::BTreeMap;
use std::sync::Arc;

use dump::{DumpError, Dumper, Handle, Status, Target};
use futures_util::future::join_all;
use shared::hash::NetworkId;
use sqlite_store::{StoreClient, StoreError};
use tokio::sync::Mutex;
use tracing::{info, warn};

use crate::catalogue;
use crate::network::{NetworkHandle, Networks, Unanswered};
use source::NetworkSource;

/// All dumps of the relay; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Dumps(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    targets: BTreeMap<String, Target>,
    /// Locked while a dump is being started or stopped, so that nobody does both at once.
    started: Mutex<Started>,
}

#[derive(Debug)]
struct Started {
    handles: BTreeMap<(NetworkId, String), Handle>,
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
        Self(Arc::new(Shared {
            targets,
            started: Mutex::new(started),
        }))
    }

    /// Goes on with the dumps that were not stopped before the relay was.
    pub(crate) async fn resume(&self, networks: &Networks) -> Result<(), DumpRefused> {
        let mut started = self.0.started.lock().await;
        let stored = started
            .store()?
            .run(|file| Box::pin(catalogue::dumps(file)));
        for (id, name) in stored.await? {
            let network = networks
                .all()
                .into_iter()
                .find(|network| network.id() == id);
            let Some((network, target)) = network.zip(self.0.targets.get(&name)) else {
                warn!(network = %id, target = name, "a dump waits: its target is not named by --dump-target");
                continue;
            };
            let source = NetworkSource::open(network).await?;
            let handle = Dumper::resume(target.clone(), source);
            started.handles.insert((id, name), handle);
        }
        Ok(())
    }

    /// Starts a dump, for good: until it is stopped, also after a restart of the relay. One that
    /// runs goes on.
    pub(crate) async fn start(
        &self,
        network: &NetworkHandle,
        name: &str,
    ) -> Result<TargetStatus, DumpRefused> {
        let target = self.target(name)?.clone();
        let id = network.id();
        let mut started = self.0.started.lock().await;
        let store = started.store()?.clone();
        let mut status = started.status(id, name);
        if status
            .as_ref()
            .is_none_or(|status| status.state.has_ended())
        {
            let source = NetworkSource::open(network.clone()).await?;
            let handle = Dumper::start(target, source).await?;
            let stored = name.to_owned();
            let kept = store.run(move |file| Box::pin(catalogue::add_dump(file, id, stored)));
            if let Err(error) = kept.await {
                handle.stop().await;
                return Err(error.into());
            }
            info!(network = %id, target = name, "started a dump");
            status = Some(handle.status());
            started.handles.insert((id, name.to_owned()), handle);
        }
        Ok(TargetStatus {
            target: name.to_owned(),
            status,
        })
    }

    /// Stops a dump; when this returns, nothing more is written. One that does not run stays so.
    pub(crate) async fn stop(&self, network: NetworkId, name: &str) -> Result<(), DumpRefused> {
        self.target(name)?;
        let mut started = self.0.started.lock().await;
        let stored = name.to_owned();
        let forgotten = started
            .store()?
            .run(move |file| Box::pin(catalogue::remove_dump(file, network, stored)));
        forgotten.await?;
        if let Some(handle) = started.handles.remove(&(network, name.to_owned())) {
            handle.stop().await;
            info!(network = %network, target = name, "stopped a dump");
        }
        Ok(())
    }

    /// All targets, with the dumps of one network into them.
    pub(crate) async fn of_network(&self, network: NetworkId) -> Vec<TargetStatus> {
        let started = self.0.started.lock().await;
        self.0
            .targets
            .keys()
            .map(|name| TargetStatus {
                target: name.clone(),
                status: started.status(network, name),
            })
            .collect()
    }

    /// One target, with the dump of one network into it.
    pub(crate) async fn one(
        &self,
        network: NetworkId,
        name: &str,
    ) -> Result<TargetStatus, DumpRefused> {
        self.target(name)?;
        Ok(TargetStatus {
            target: name.to_owned(),
            status: self.0.started.lock().await.status(network, name),
        })
    }

    /// Ends all of them until the relay's next start.
    pub(crate) async fn pause(&self) {
        let mut started = self.0.started.lock().await;
        started.store = None;
        let handles = core::mem::take(&mut started.handles);
        join_all(handles.values().map(Handle::stop)).await;
    }

    fn target(&self, name: &str) -> Result<&Target, DumpRefused> {
        self.0
            .targets
            .get(name)
            .ok_or_else(|| DumpRefused::NoSuchTarget(name.to_owned()))
    }
}

impl Started {
    fn store(&self) -> Result<&StoreClient, DumpRefused> {
        self.store.as_ref().ok_or(DumpRefused::Stopping)
    }

    fn status(&self, network: NetworkId, name: &str) -> Option<Status> {
        let handle = self.handles.get(&(network, name.to_owned()))?;
        Some(handle.status())
    }
}
