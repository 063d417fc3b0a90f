//! The task that owns a network's core: feeds it what happens, carries out what it wants.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use dump::Position;
use shared::message::{Admission, ErrorCode};
use shared::node::interface::Answer;
use shared::relay::Relay;
use shared::relay::interface::{ConnectionId, Effect, Event, RequestId};
use sqlite_store::{Completion, ReplicaStore};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{error, info};

use super::handle::{Administered, Input, Look, Measured, Rows};
use super::journal;
use super::line::Membership;
use super::sockets::{Slow, Sockets};
use crate::clock::{now_ms, random};
use crate::limits::{BURST_MAX, REGISTRATION_TIMEOUT, STOP_TIMEOUT};
use crate::outbox::{Closing, Outbox};

/// Marks the ids of reads for dumps and REST: the core counts its own from 1.
const READ_FROM_OUTSIDE: RequestId = 1 << 63;

/// Runs a network's core until it is told to stop.
pub(crate) struct NetworkTask {
    name: String,
    core: Relay,
    store: ReplicaStore,
    completions: mpsc::UnboundedReceiver<Completion>,
    inputs: mpsc::Receiver<Input>,
    sockets: Sockets,
    questions: HashMap<RequestId, oneshot::Sender<Answer>>,
    submissions: HashMap<RequestId, oneshot::Sender<Admission>>,
    administrations: HashMap<RequestId, oneshot::Sender<Administered>>,
    last_request: RequestId,
    writes_under_way: usize,
    /// Reads for dumps and REST, by ids that the core does not use.
    reads: HashMap<RequestId, oneshot::Sender<Rows>>,
    positions: watch::Sender<Position>,
    /// Connections in the order of their time to be registered.
    registrations: VecDeque<(Instant, ConnectionId)>,
    wake_at: Option<Instant>,
    stop_by: Option<Instant>,
}

impl NetworkTask {
    /// A task for a core; `completions` is where `store` reports.
    #[must_use]
    pub(crate) fn new(
        core: Relay,
        store: ReplicaStore,
        completions: mpsc::UnboundedReceiver<Completion>,
        inputs: mpsc::Receiver<Input>,
    ) -> Self {
        Self {
            name: core.network().name.to_string(),
            core,
            store,
            completions,
            inputs,
            sockets: Sockets::new(),
            questions: HashMap::new(),
            submissions: HashMap::new(),
            administrations: HashMap::new(),
            last_request: 0,
            writes_under_way: 0,
            reads: HashMap::new(),
            positions: watch::Sender::new(Position::default()),
            registrations: VecDeque::new(),
            wake_at: None,
            stop_by: None,
        }
    }

    /// Carries out the core's first effects, then whatever happens, until [`Input::Stop`] and the
    /// end of all sockets and writes, or [`STOP_TIMEOUT`] after it.
    pub(crate) async fn run(mut self, first_effects: Vec<Effect>) {
        let mut events = VecDeque::new();
        for effect in first_effects {
            self.carry_out(effect, &mut events).await;
        }
        self.work_off(events).await;

        let mut burst = 0;
        while !self.has_ended() {
            burst += 1;
            let is_idle = self.inputs.is_empty() && self.completions.is_empty();
            let is_free = is_idle || burst >= BURST_MAX;
            let slow = self.sockets.flush(is_free);
            let events = self.cut_off(slow).collect();
            self.work_off(events).await;
            if is_free {
                burst = 0;
            }
            let deadline = self.next_deadline();
            tokio::select! {
                // What the store reports comes first: the core waits for it, and it is bounded
                // by what the core asked for.
                biased;
                Some(completion) = self.completions.recv() => self.completed(completion).await,
                Some(()) = self.sockets.written() => {}
                () = sleep_until(deadline.unwrap_or_else(far_future)), if deadline.is_some() => {
                    self.meet_deadlines().await;
                }
                Some(input) = self.inputs.recv() => self.take_in(input).await,
            }
        }
    }

    async fn completed(&mut self, completion: Completion) {
        let (request, rows) = match completion {
            Completion::Written(_) | Completion::WriteFailed(..) => {
                self.writes_under_way = self.writes_under_way.saturating_sub(1);
                return self.happened(completion.into()).await;
            }
            Completion::Loaded(request, rows) => (request, Ok(rows)),
            Completion::LoadFailed(request, reason) => (request, Err(reason)),
        };
        match (self.reads.remove(&request), rows) {
            // Whoever asked may have given up.
            (Some(reply), rows) => drop(reply.send(rows)),
            (None, Ok(rows)) => self.happened(Event::Loaded(request, rows)).await,
            (None, Err(reason)) => self.happened(Event::LoadFailed(request, reason)).await,
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let registration = self.registrations.front().map(|(by, _)| *by);
        let fan_out = self.sockets.deadline().map(Instant::from_std);
        [self.wake_at, registration, self.stop_by, fan_out]
            .into_iter()
            .flatten()
            .min()
    }

    async fn meet_deadlines(&mut self) {
        let now = Instant::now();
        while let Some((_, connection)) = self.registrations.pop_front_if(|(by, _)| *by <= now) {
            self.check_registration(connection);
        }
        if self.wake_at.is_some_and(|at| at <= now) {
            self.wake_at = None;
            self.happened(Event::Wake).await;
        }
    }

    /// A socket that says nothing would otherwise be held open for ever.
    fn check_registration(&mut self, connection: ConnectionId) {
        if self.core.has_joined(connection) {
            return;
        }
        let closing = Closing {
            code: ErrorCode::Unresponsive,
            reason: format!("not registered within {} s", REGISTRATION_TIMEOUT.as_secs()),
        };
        self.sockets.close(connection, closing);
    }

    fn has_ended(&self) -> bool {
        self.stop_by.is_some_and(|by| {
            by <= Instant::now() || (self.sockets.count() == 0 && self.writes_under_way == 0)
        })
    }

    async fn take_in(&mut self, input: Input) {
        match input {
            Input::Opened {
                connection,
                outbox,
                membership,
            } => self.open(connection, outbox, membership).await,
            Input::Frame {
                connection,
                frame,
                permit,
            } => {
                if self.sockets.is_open(connection) {
                    if self.core.has_joined(connection) {
                        self.sockets.grant_membership(connection);
                    }
                    let frame = Vec::from(frame);
                    self.happened(Event::Frame { connection, frame }).await;
                }
                drop(permit);
            }
            Input::Transactions {
                connection,
                transactions,
                permit,
            } => {
                if self.sockets.is_open(connection) {
                    let event = Event::Transactions {
                        connection,
                        transactions,
                    };
                    self.happened(event).await;
                }
                drop(permit);
            }
            Input::Closed { connection } => {
                if self.sockets.remove(connection) {
                    self.happened(Event::Closed { connection }).await;
                }
            }
            Input::Ask(command, reply) => {
                self.questions.retain(|_, reply| !reply.is_closed());
                let request = self.next_request();
                self.questions.insert(request, reply);
                self.happened(Event::Command(request, command)).await;
            }
            Input::Submit(signed, reply) => {
                self.submissions.retain(|_, reply| !reply.is_closed());
                let request = self.next_request();
                self.submissions.insert(request, reply);
                self.happened(Event::Submit(request, signed)).await;
            }
            Input::Invite(invite, reply) => {
                let request = self.administer(reply);
                self.happened(Event::Invite(request, invite)).await;
            }
            Input::Revoke(invitation, reply) => {
                let request = self.administer(reply);
                self.happened(Event::Revoke(request, invitation)).await;
            }
            Input::Check(reply) => {
                let is_led = self.core.leader().is_some();
                if is_led {
                    self.happened(Event::Check).await;
                }
                // Whoever asked may have given up; likewise below.
                let _ = reply.send(is_led);
            }
            Input::Look(Look(look)) => look(&self.core),
            Input::Follow(reply) => {
                let _ = reply.send(self.positions.subscribe());
            }
            Input::Read(query, reply) => {
                self.reads.retain(|_, reply| !reply.is_closed());
                let request = self.next_request() | READ_FROM_OUTSIDE;
                self.reads.insert(request, reply);
                self.store.load(request, query).await;
            }
            Input::Measure(reply) => {
                let _ = reply.send(self.measure());
            }
            Input::Stop => self.stop().await,
        }
    }

    fn measure(&self) -> Measured {
        let (queued_frames, queued_bytes) = self.sockets.queued();
        Measured {
            view: self.core.view(),
            connections: self.sockets.count(),
            queued_frames,
            queued_bytes,
        }
    }

    fn administer(&mut self, reply: oneshot::Sender<Administered>) -> RequestId {
        self.administrations.retain(|_, reply| !reply.is_closed());
        let request = self.next_request();
        self.administrations.insert(request, reply);
        request
    }

    async fn open(&mut self, connection: ConnectionId, outbox: Outbox, membership: Membership) {
        if self.stop_by.is_some() {
            return outbox.close(Closing::shutting_down());
        }
        match random() {
            Ok(nonce) => {
                self.sockets.insert(connection, outbox, membership);
                self.registrations
                    .push_back((Instant::now() + REGISTRATION_TIMEOUT, connection));
                self.happened(Event::Opened { connection, nonce }).await;
            }
            Err(error) => {
                error!(network = self.name, "a connection was refused: {error}");
                outbox.close(Closing {
                    code: ErrorCode::ShuttingDown,
                    reason: error.to_string(),
                });
            }
        }
    }

    async fn stop(&mut self) {
        if self.stop_by.is_some() {
            return;
        }
        self.stop_by = Some(Instant::now() + STOP_TIMEOUT);
        self.happened(Event::Stopping).await;
        self.sockets.close_all(&Closing::shutting_down());
    }

    async fn happened(&mut self, event: Event) {
        self.work_off(VecDeque::from([event])).await;
    }

    /// Tells the core what happened, and what happens in consequence, until all is done.
    async fn work_off(&mut self, mut events: VecDeque<Event>) {
        while let Some(event) = events.pop_front() {
            for effect in self.core.handle(now_ms(), event) {
                self.carry_out(effect, &mut events).await;
            }
        }
        self.tell_position();
    }

    fn tell_position(&self) {
        let tip = self.core.replica().chain().tip();
        let position = Position {
            height: tip.height,
            tip: tip.hash,
            log_length: self.core.log().length(),
        };
        self.positions.send_if_modified(|told| {
            let has_moved = *told != position;
            *told = position;
            has_moved
        });
    }

    async fn carry_out(&mut self, effect: Effect, events: &mut VecDeque<Event>) {
        match effect {
            Effect::Send {
                connections,
                frame,
                urgency,
            } => {
                let slow = self.sockets.send(connections, &frame, urgency);
                events.extend(self.cut_off(slow));
            }
            Effect::Close {
                connection,
                code,
                reason,
            } => self.sockets.close(connection, Closing { code, reason }),
            Effect::Write(request, writes) => {
                self.writes_under_way += 1;
                self.store.write(request, writes).await;
            }
            Effect::Load(request, query) => self.store.load(request, query).await,
            Effect::Answer(request, answer) => {
                if let Some(reply) = self.questions.remove(&request) {
                    // Whoever asked may have given up.
                    let _ = reply.send(answer);
                }
            }
            Effect::Admitted(request, admission) => {
                if let Some(reply) = self.submissions.remove(&request) {
                    // Whoever asked may have given up.
                    let _ = reply.send(admission);
                }
            }
            Effect::Administered(request, result) => {
                if let Some(reply) = self.administrations.remove(&request) {
                    // Whoever asked may have given up.
                    let _ = reply.send(result);
                }
            }
            Effect::WakeAt(time_ms) => {
                let delay = Duration::from_millis(time_ms.saturating_sub(now_ms()));
                self.wake_at = Instant::now().checked_add(delay);
            }
            Effect::Report(report) => journal::note(&self.name, &report),
        }
    }

    /// What the core is told of sockets that were cut off.
    fn cut_off(&self, slow: Slow) -> impl Iterator<Item = Event> {
        slow.into_iter().map(|connection| {
            let network = &self.name;
            info!(network, connection, "closed a socket that reads too slowly");
            Event::Closed { connection }
        })
    }

    fn next_request(&mut self) -> RequestId {
        self.last_request = self.last_request.wrapping_add(1);
        self.last_request
    }
}

fn far_future() -> Instant {
    Instant::now() + Duration::from_secs(86_400)
}
