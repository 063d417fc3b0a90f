//! How sockets and REST speak to a network's core.

use core::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use dump::Position;
use shared::hash::{Hash, NetworkId};
use shared::message::Admission;
use shared::network::NetworkParameters;
use shared::node::interface::{Answer, Command};
use shared::relay::Relay;
use shared::relay::interface::{ConnectionId, InvitationError, NewInvitation, RelayView};
use shared::store::{Query, Row};
use shared::transaction::{InvalidTransaction, SignedTransaction, Verified};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;

use super::line::{Line, Membership};
use crate::limits::{ANSWER_TIMEOUT, INPUT_BYTES_MAX, INPUTS_MAX};
use crate::outbox::Outbox;
use crate::tokens::TokenHash;

/// What a network's task takes in.
#[derive(Debug)]
pub(crate) enum Input {
    /// A socket was opened.
    Opened {
        /// Its name.
        connection: ConnectionId,
        /// Its queue.
        outbox: Outbox,
        /// To be granted once the node at the other end has registered.
        membership: Membership,
    },
    /// A frame came in.
    Frame {
        /// From where.
        connection: ConnectionId,
        /// The frame.
        frame: Bytes,
        /// Its share of [`INPUT_BYTES_MAX`].
        permit: OwnedSemaphorePermit,
    },
    /// Transactions came in from a member, and were verified.
    Transactions {
        /// From where.
        connection: ConnectionId,
        /// Each, or what is wrong with it.
        transactions: Vec<Result<Verified, InvalidTransaction>>,
        /// The share that their frame has of [`INPUT_BYTES_MAX`].
        permit: OwnedSemaphorePermit,
    },
    /// A socket is closed.
    Closed {
        /// Its name.
        connection: ConnectionId,
    },
    /// A read-only question over REST.
    Ask(Command, oneshot::Sender<Answer>),
    /// A transaction over REST.
    Submit(SignedTransaction, oneshot::Sender<Admission>),
    /// The administrator invites.
    Invite(NewInvitation, oneshot::Sender<Administered>),
    /// The administrator revokes an invitation.
    Revoke(Hash, oneshot::Sender<Administered>),
    /// The administrator wants the members' replicas compared.
    Check(oneshot::Sender<bool>),
    /// Look at the core as it is now.
    Look(Look),
    /// Where the replica stands, now and later.
    Follow(oneshot::Sender<watch::Receiver<Position>>),
    /// Rows of the store.
    Read(Query, oneshot::Sender<Rows>),
    /// What metrics show.
    Measure(oneshot::Sender<Measured>),
    /// Tell everyone, write what is to be written, end.
    Stop,
}

/// What is read off a core.
pub(crate) struct Look(pub(crate) Box<dyn FnOnce(&Relay) + Send>);

impl fmt::Debug for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Look")
    }
}

/// Rows that were read, or why they were not.
pub(crate) type Rows = Result<Vec<Row>, String>;

/// A network at one time.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) view: RelayView,
    /// Open sockets.
    pub(crate) connections: usize,
    /// Frames that wait for sockets, all together.
    pub(crate) queued_frames: usize,
    /// Their bytes.
    pub(crate) queued_bytes: usize,
}

/// What became of an act of the administrator.
pub(crate) type Administered = Result<(), InvitationError>;

/// The network did not answer in time, or is being stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the network did not answer within {} s: try again later", ANSWER_TIMEOUT.as_secs())]
pub(crate) struct Unanswered;

/// Speaks to one network's core.
#[derive(Clone, Debug)]
pub(crate) struct NetworkHandle(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    id: NetworkId,
    parameters: NetworkParameters,
    administrator: Option<TokenHash>,
    inputs: mpsc::Sender<Input>,
    input_bytes: Arc<Semaphore>,
    next_connection: AtomicU64,
}

impl NetworkHandle {
    /// A handle, and the end from which the network's task reads.
    #[must_use]
    pub(crate) fn new(
        parameters: NetworkParameters,
        administrator: Option<TokenHash>,
    ) -> (Self, mpsc::Receiver<Input>) {
        let (inputs, receiver) = mpsc::channel(INPUTS_MAX);
        let handle = Self(Arc::new(Shared {
            id: parameters.id(),
            parameters,
            administrator,
            inputs,
            input_bytes: Arc::new(Semaphore::new(INPUT_BYTES_MAX)),
            next_connection: AtomicU64::new(1),
        }));
        (handle, receiver)
    }

    /// The network's id.
    #[must_use]
    pub(crate) fn id(&self) -> NetworkId {
        self.0.id
    }

    /// What the network was made with.
    #[must_use]
    pub(crate) fn parameters(&self) -> &NetworkParameters {
        &self.0.parameters
    }

    /// Whether this is the token of whoever made the network.
    pub(crate) fn is_administered_by(&self, token: &str) -> bool {
        self.0
            .administrator
            .is_some_and(|administrator| administrator.is_of(token))
    }

    /// Announces a socket; frames for it will be queued in `outbox`.
    pub(crate) async fn open(&self, outbox: Outbox) -> Result<Line, Unanswered> {
        let connection = self.0.next_connection.fetch_add(1, Ordering::Relaxed);
        let membership = Membership::default();
        self.send(Input::Opened {
            connection,
            outbox,
            membership: membership.clone(),
        })
        .await?;
        Ok(Line::new(self.clone(), connection, membership))
    }

    /// Waits until a frame of so many bytes may be queued.
    pub(super) async fn claim_input(
        &self,
        bytes: usize,
    ) -> Result<OwnedSemaphorePermit, Unanswered> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let share = Arc::clone(&self.0.input_bytes).acquire_many_owned(bytes);
        share.await.map_err(|_| Unanswered)
    }

    /// Asks a read-only question.
    pub(crate) async fn ask(&self, command: Command) -> Result<Answer, Unanswered> {
        self.answer(|reply| Input::Ask(command, reply)).await
    }

    /// Submits a transaction; the answer comes when it is durably stored or refused.
    pub(crate) async fn submit(&self, signed: SignedTransaction) -> Result<Admission, Unanswered> {
        self.answer(|reply| Input::Submit(signed, reply)).await
    }

    /// Issues an invitation; the answer comes when it is durable.
    pub(crate) async fn invite(&self, invite: NewInvitation) -> Result<Administered, Unanswered> {
        self.answer(|reply| Input::Invite(invite, reply)).await
    }

    /// Revokes an invitation; the answer comes when that is durable.
    pub(crate) async fn revoke(&self, invitation: Hash) -> Result<Administered, Unanswered> {
        self.answer(|reply| Input::Revoke(invitation, reply)).await
    }

    /// Has the members' replicas compared; false where no member leads, who would do it.
    pub(crate) async fn check(&self) -> Result<bool, Unanswered> {
        self.answer(Input::Check).await
    }

    /// Reads something off the core: what it returns is as of one moment.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Relay) -> T + Send + 'static,
    ) -> Result<T, Unanswered> {
        self.answer(|reply| {
            Input::Look(Look(Box::new(move |core| {
                // Whoever asked may have given up.
                let _ = reply.send(look(core));
            })))
        })
        .await
    }

    /// What the network looks like now.
    pub(crate) async fn view(&self) -> Result<RelayView, Unanswered> {
        self.look(Relay::view).await
    }

    /// Where the replica stands, now and later.
    pub(crate) async fn follow(&self) -> Result<watch::Receiver<Position>, Unanswered> {
        self.answer(Input::Follow).await
    }

    /// Rows of the store, all of them durable. They show every change before the question.
    pub(crate) async fn read(&self, query: Query) -> Result<Rows, Unanswered> {
        self.answer(|reply| Input::Read(query, reply)).await
    }

    /// What metrics show of the network.
    pub(crate) async fn measure(&self) -> Result<Measured, Unanswered> {
        self.answer(Input::Measure).await
    }

    /// Begins the network's end.
    pub(crate) async fn stop(&self) {
        // One that has ended already needs not be told.
        let _ = self.send(Input::Stop).await;
    }

    async fn answer<T>(
        &self,
        input: impl FnOnce(oneshot::Sender<T>) -> Input,
    ) -> Result<T, Unanswered> {
        let (reply, answer) = oneshot::channel();
        let exchange = async {
            self.send(input(reply)).await?;
            answer.await.map_err(|_| Unanswered)
        };
        timeout(ANSWER_TIMEOUT, exchange)
            .await
            .unwrap_or(Err(Unanswered))
    }

    pub(super) async fn send(&self, input: Input) -> Result<(), Unanswered> {
        self.0.inputs.send(input).await.map_err(|_| Unanswered)
    }
}
