//! The node and its world: an adapter around [`shared::node::Node`]. It carries out effects and
//! reports events; it decides nothing.

mod connection;
mod dump_source;
mod miners;
mod task;

use std::num::NonZeroUsize;
use std::sync::Arc;

use borsh::{BorshDeserialize, BorshSerialize};
use dump::Position;
use shared::hash::BlockHash;
use shared::keys::{PublicKey, SecretKey};
use shared::network::NetworkParameters;
use shared::node::Node;
use shared::node::interface::{Answer, Command, Profile, View};
use sqlite_store::{ReplicaNumber, Store, StoreClient, StoreError};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinHandle};

pub use connection::Endpoint;
pub use dump_source::DumpSource;
pub(crate) use task::now_ms;

use crate::failure::{Class, Failure, Trouble};
use crate::limits::REQUESTS_MAX;

/// There is one replica in a worker's file.
const REPLICA: ReplicaNumber = ReplicaNumber(1);
/// How this program introduces itself to a relay.
const AGENT: &str = concat!("block-chain-worker/", env!("CARGO_PKG_VERSION"));

/// Why a node has ended that should not.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Its task is gone.
    #[error("the node has stopped; this is a defect, please report it")]
    Gone,
    /// Its task or a part of it panicked.
    #[error("a part of the node failed; this is a defect, please report it: {0}")]
    Defect(#[from] JoinError),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Randomness(#[from] getrandom::Error),
}

impl NodeError {
    /// Its class.
    #[must_use]
    pub fn class(&self) -> Class {
        Class::Defect
    }
}

/// What can be seen of a node.
#[derive(Clone, Debug, BorshSerialize, BorshDeserialize)]
pub struct Seen {
    /// Grows with each change.
    pub version: u64,
    /// What the node shows.
    pub view: View,
    /// Why the last attempt to connect failed, until one succeeds.
    pub trouble: Option<Trouble>,
}

/// Something asked of the node's task.
enum Request {
    Do(Command, oneshot::Sender<Answer>),
    /// The first view that is newer than this version.
    See(u64, oneshot::Sender<Seen>),
    /// The parameters of the network, once it is known.
    Network(oneshot::Sender<Option<NetworkParameters>>),
    /// The first of these blocks that is on the best chain, with its height.
    Find(Vec<BlockHash>, oneshot::Sender<Option<(u64, BlockHash)>>),
    Stop,
}

/// Speaks to a node.
#[derive(Clone, Debug)]
pub struct NodeHandle {
    requests: mpsc::Sender<Request>,
    key: PublicKey,
}

impl NodeHandle {
    /// The node's key.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// Has the node do something.
    pub async fn command(&self, command: Command) -> Result<Answer, NodeError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Do(command, reply), answer).await
    }

    /// Waits for the first view that is newer than this version; 0 is older than any.
    pub async fn see(&self, after: u64) -> Result<Seen, NodeError> {
        let (reply, seen) = oneshot::channel();
        self.ask(Request::See(after, reply), seen).await
    }

    /// The first of these blocks that is on the best chain, with its height.
    pub(crate) async fn find(
        &self,
        blocks: Vec<BlockHash>,
    ) -> Result<Option<(u64, BlockHash)>, NodeError> {
        let (reply, found) = oneshot::channel();
        self.ask(Request::Find(blocks, reply), found).await
    }

    async fn ask<T>(&self, request: Request, answer: oneshot::Receiver<T>) -> Result<T, NodeError> {
        let sent = self.requests.send(request).await;
        sent.map_err(|_| NodeError::Gone)?;
        answer.await.map_err(|_| NodeError::Gone)
    }
}

/// A node that runs in this process.
#[derive(Debug)]
pub struct OwnNode {
    handle: NodeHandle,
    client: StoreClient,
    positions: watch::Receiver<Position>,
    task: JoinHandle<Result<(), NodeError>>,
    store: JoinHandle<Result<(), StoreError>>,
}

impl OwnNode {
    /// Begins the life of the node whose replica is in `store`. Votes are counted on only where it
    /// means to stay.
    pub async fn start(
        mut store: Store,
        secret: SecretKey,
        endpoint: Endpoint,
        threads: NonZeroUsize,
        stays: bool,
    ) -> Result<Self, StoreError> {
        let rows = store.rows(REPLICA).await?;
        let key = secret.public_key();
        let profile = Profile {
            key,
            agent: AGENT,
            stays,
        };
        let (node, effects) = Node::new(profile, &rows, task::now_ms());
        drop(rows);
        let (client, store) = store.start();
        let (completions, reports) = mpsc::unbounded_channel();
        let (requests, queue) = mpsc::channel(REQUESTS_MAX);
        let (stands, positions) = watch::channel(Position::default());
        let task = task::Task::new(
            node,
            secret,
            client.of_replica(REPLICA, completions),
            reports,
            Arc::new(endpoint),
            threads,
            stands,
        );
        Ok(Self {
            handle: NodeHandle { requests, key },
            client,
            positions,
            task: tokio::spawn(task.run(effects, queue)),
            store,
        })
    }

    /// Speaks to it.
    #[must_use]
    pub fn handle(&self) -> &NodeHandle {
        &self.handle
    }

    /// The replica as the source of a dump; nothing while no network is known.
    pub async fn dump_source(&self) -> Result<Option<DumpSource>, NodeError> {
        let (reply, network) = oneshot::channel();
        let asked = self.handle.ask(Request::Network(reply), network).await?;
        let Some(network) = asked else {
            return Ok(None);
        };
        let (sender, completions) = mpsc::unbounded_channel();
        let reader = dump_source::Reader {
            store: self.client.of_replica(REPLICA, sender),
            completions,
            last_request: 0,
        };
        Ok(Some(DumpSource {
            network,
            positions: self.positions.clone(),
            node: self.handle.clone(),
            reader: Mutex::new(reader),
        }))
    }

    /// Leaves the network, writes what is to be written, and ends.
    pub async fn stop(self) -> Result<(), Failure> {
        // One that has ended by itself says why below.
        let _ = self.handle.requests.send(Request::Stop).await;
        drop((self.handle, self.client));
        self.task.await.map_err(NodeError::from)??;
        self.store.await.map_err(NodeError::from)??;
        Ok(())
    }
}
