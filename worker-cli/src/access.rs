//! How a command reaches a node: the one that runs in the data folder, else one of its own that
//! joins, acts and leaves.

use std::num::NonZeroUsize;
use std::time::Duration;

use shared::node::interface::{Answer, Command, Connection};
use sqlite_store::{OpenError, Store};
use tokio::time::{Instant, sleep, timeout};

use crate::arguments::Global;
use crate::control::Client;
use crate::failure::{Class, Failure};
use crate::folder::{Folder, Membership, WORKER};
use crate::key;
use crate::limits::FOLDER_PATIENCE;
use crate::node::{Endpoint, OwnNode, Seen};
use crate::output::Output;

/// A node that a command can act on.
#[derive(Debug)]
pub enum Access {
    /// One that runs in another process.
    Running(Client),
    /// One of this process.
    Own(OwnNode),
}

/// Where a node is to be a member.
#[derive(Clone, Debug)]
pub struct Place {
    /// Its data folder.
    pub folder: Folder,
    /// The relay and the network.
    pub endpoint: Endpoint,
}

impl Place {
    /// The place that `register` has remembered.
    pub fn remembered(global: &Global) -> Result<Self, Failure> {
        let Membership {
            server,
            trust,
            network,
            ..
        } = Self::membership(global)?;
        let endpoint = Endpoint {
            server,
            tls: trust.client_config()?,
            network,
        };
        let folder = global.folder()?;
        Ok(Self { folder, endpoint })
    }

    /// What `register` has remembered.
    pub fn membership(global: &Global) -> Result<Membership, Failure> {
        let folder = global.folder()?;
        let Some(membership) = folder.membership()? else {
            return Err(Failure::new(
                Class::NotRegistered,
                format!(
                    "no relay is known in {}: type `block-chain-worker register` first, with the same --data-dir or --network",
                    folder.path().display()
                ),
            ));
        };
        if let (Some(wanted), Some(here)) = (&global.network, &membership.network)
            && wanted != here
        {
            return Err(Failure::new(
                Class::Network,
                format!(
                    "{} holds a member of the network {here:?}, not {wanted:?}: name another folder with --data-dir",
                    folder.path().display()
                ),
            ));
        }
        Ok(membership)
    }
}

/// Does something with a node: joins, acts, and leaves whatever comes of it, Ctrl-C included.
pub async fn with<T>(
    place: Place,
    global: &Global,
    output: Output,
    act: impl AsyncFnOnce(&mut Access) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut access = Access::open(place, global.threads()).await?;
    let patience = global.timeout();
    let acted = tokio::select! {
        acted = timeout(patience, async {
            access.joined(output).await?;
            act(&mut access).await
        }) => acted.unwrap_or_else(|_| Err(too_late(patience))),
        () = interrupted() => Err(Failure::Interrupted),
    };
    let left = access.close().await;
    acted.and_then(|done| left.map(|()| done))
}

/// Waits for Ctrl-C, or for the system's wish to end.
pub async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => core::future::pending().await,
        }
    };
    tokio::select! {
        () = terminated => {}
        pressed = tokio::signal::ctrl_c() => if pressed.is_err() {
            core::future::pending().await
        },
    }
}

pub(crate) fn too_late(patience: Duration) -> Failure {
    Failure::new(
        Class::TimedOut,
        format!(
            "it took longer than {} s: try again, or allow more with --timeout",
            patience.as_secs()
        ),
    )
}

impl Access {
    /// The node that runs in the folder, else one of this process.
    pub async fn open(place: Place, threads: NonZeroUsize) -> Result<Self, Failure> {
        let deadline = Instant::now() + FOLDER_PATIENCE;
        loop {
            if let Some(client) = Client::connect(&place.folder.socket()).await? {
                return Ok(Self::Running(client));
            }
            match Self::start(place.clone(), threads, false).await {
                // Another command is at it, or a worker is about to listen.
                Err(Failure::Open(OpenError::InUse { .. })) if Instant::now() < deadline => {
                    sleep(Duration::from_millis(50)).await;
                }
                started => return Ok(Self::Own(started?)),
            }
        }
    }

    /// A node of this process, which means to stay or only to do something and leave.
    pub async fn start(
        place: Place,
        threads: NonZeroUsize,
        stays: bool,
    ) -> Result<OwnNode, Failure> {
        place.folder.create()?;
        let secret = key::load_or_create(&place.folder.key_file())?;
        let store = Store::open(place.folder.path(), &WORKER).await?;
        Ok(OwnNode::start(store, secret, place.endpoint, threads, stays).await?)
    }

    /// Has the node do something.
    pub async fn command(&mut self, command: Command) -> Result<Answer, Failure> {
        let answer = match self {
            Self::Running(client) => client.command(command).await?,
            Self::Own(node) => node.handle().command(command).await?,
        };
        match answer {
            Answer::Failed(error) => Err(error.into()),
            answer => Ok(answer),
        }
    }

    /// Waits for the first view that is newer than this version; 0 is older than any.
    pub async fn see(&mut self, after: u64) -> Result<Seen, Failure> {
        match self {
            Self::Running(client) => client.see(after).await,
            Self::Own(node) => Ok(node.handle().see(after).await?),
        }
    }

    /// Waits until something can be seen, beginning with what is there now.
    pub async fn until<T>(
        &mut self,
        mut find: impl FnMut(&Seen) -> Option<T>,
    ) -> Result<T, Failure> {
        let mut after = 0;
        loop {
            let seen = self.see(after).await?;
            if let Some(found) = find(&seen) {
                return Ok(found);
            }
            check(&seen)?;
            after = seen.version;
        }
    }

    /// Waits until the node is a member.
    pub async fn registered(&mut self, output: Output) -> Result<Seen, Failure> {
        let spinner = output.spinner("registering");
        let seen = self
            .until(|seen| (seen.view.connection == Connection::Joined).then(|| seen.clone()))
            .await;
        spinner.finish_and_clear();
        seen
    }

    /// Waits until the node is a member and has what the relay has.
    pub async fn joined(&mut self, output: Output) -> Result<Seen, Failure> {
        self.registered(output).await?;
        let bar = output.progress("fetching blocks");
        let seen = self
            .until(|seen| {
                let chain = &seen.view.chain;
                bar.set_length(chain.best_header_height);
                bar.set_position(chain.height);
                let is_there = seen.view.connection == Connection::Joined && seen.view.is_synced;
                is_there.then(|| seen.clone())
            })
            .await;
        bar.finish_and_clear();
        seen
    }

    /// Leaves the network with a node of this process; one of another process stays.
    pub async fn close(self) -> Result<(), Failure> {
        match self {
            Self::Running(_) => Ok(()),
            Self::Own(node) => node.stop().await,
        }
    }
}

/// Whether it is of use to wait on.
fn check(seen: &Seen) -> Result<(), Failure> {
    match &seen.view.connection {
        Connection::Refused(error) => Err(Failure::refused(error)),
        Connection::Left => Err(Failure::new(
            Class::NotRunning,
            "the worker is leaving: try again",
        )),
        _ => match &seen.trouble {
            Some(trouble) => Err(trouble.clone().into()),
            None => Ok(()),
        },
    }
}
