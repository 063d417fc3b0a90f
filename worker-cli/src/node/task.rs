//! The task that owns the node: feeds it what happens, carries out what it wants.

use std::collections::{HashMap, VecDeque};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use dump::Position;
use shared::keys::SecretKey;
use shared::node::Node;
use shared::node::interface::{Answer, Command, Effect, Event, RequestId};
use sqlite_store::{Completion, ReplicaStore};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};

use super::connection::{Connections, Endpoint, Happening, Happenings};
use super::miners::{Found, Miners};
use super::{NodeError, Request, Seen, Trouble};
use crate::failure::Class;
use crate::limits::{STOP_TIMEOUT, VIEW_INTERVAL};

pub(super) struct Task {
    node: Node,
    secret: SecretKey,
    store: ReplicaStore,
    completions: mpsc::UnboundedReceiver<Completion>,
    writes_under_way: usize,
    connections: Connections,
    happenings: Happenings,
    is_connected: bool,
    trouble: Option<Trouble>,
    miners: Miners,
    found: mpsc::UnboundedReceiver<Found>,
    is_mining: bool,
    rate: Interval,
    answers: HashMap<RequestId, oneshot::Sender<Answer>>,
    last_request: RequestId,
    wake_at: Option<Instant>,
    /// Grows with each change of what is seen.
    version: u64,
    waiting: Vec<(u64, oneshot::Sender<Seen>)>,
    next_view_at: Instant,
    /// Where the replica stands, for dumps.
    position: watch::Sender<Position>,
    stop_by: Option<Instant>,
}

impl Task {
    pub(super) fn new(
        node: Node,
        secret: SecretKey,
        store: ReplicaStore,
        completions: mpsc::UnboundedReceiver<Completion>,
        endpoint: Arc<Endpoint>,
        threads: NonZeroUsize,
        position: watch::Sender<Position>,
    ) -> Self {
        let (connections, happenings) = Connections::new(endpoint);
        let (finds, found) = mpsc::unbounded_channel();
        let mut rate = interval(Duration::from_secs(1));
        rate.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            node,
            secret,
            store,
            completions,
            writes_under_way: 0,
            connections,
            happenings,
            is_connected: false,
            trouble: None,
            miners: Miners::new(threads, finds),
            found,
            is_mining: false,
            rate,
            answers: HashMap::new(),
            last_request: 0,
            wake_at: None,
            version: 1,
            waiting: Vec::new(),
            next_view_at: Instant::now(),
            position,
            stop_by: None,
        }
    }

    /// Carries out the node's first effects, then whatever happens, until it is stopped.
    pub(super) async fn run(
        mut self,
        first_effects: Vec<Effect>,
        mut requests: mpsc::Receiver<Request>,
    ) -> Result<(), NodeError> {
        self.carry_out(first_effects).await?;
        while !self.has_ended() {
            let wake_at = [self.wake_at, self.stop_by].into_iter().flatten().min();
            let is_seen = self.waiting.iter().any(|(after, _)| *after < self.version);
            tokio::select! {
                // What the store reports comes first: the node waits for it, and it is bounded by
                // what the node asked for.
                biased;
                Some(completion) = self.completions.recv() => {
                    if matches!(completion, Completion::Written(_) | Completion::WriteFailed(..)) {
                        self.writes_under_way = self.writes_under_way.saturating_sub(1);
                    }
                    self.happened(completion.into()).await?;
                }
                () = sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {
                    if self.wake_at.is_some_and(|at| at <= Instant::now()) {
                        self.wake_at = None;
                        self.happened(Event::Wake).await?;
                    }
                }
                Some(Found { work, version, nonce }) = self.found.recv() => {
                    self.happened(Event::NonceFound { work, version, nonce }).await?;
                }
                () = sleep_until(self.next_view_at), if is_seen => self.show(),
                _ = self.rate.tick(), if self.is_mining => {
                    let rate = self.miners.measure();
                    self.happened(Event::HashRate(rate)).await?;
                }
                Some((connection, happening)) = self.happenings.recv() => {
                    if self.connections.is_present(connection) {
                        self.of_connection(happening).await?;
                    }
                }
                Some(request) = requests.recv() => self.take_in(request).await?,
            }
        }
        self.show();
        Ok(())
    }

    fn has_ended(&self) -> bool {
        self.stop_by.is_some_and(|by| {
            by <= Instant::now() || (!self.is_connected && self.writes_under_way == 0)
        })
    }

    async fn take_in(&mut self, request: Request) -> Result<(), NodeError> {
        match request {
            Request::Do(command, reply) => {
                self.last_request = self.last_request.wrapping_add(1);
                self.answers.retain(|_, reply| !reply.is_closed());
                self.answers.insert(self.last_request, reply);
                let event = Event::Command(self.last_request, command);
                self.happened(event).await
            }
            Request::See(after, reply) => {
                self.waiting.retain(|(_, reply)| !reply.is_closed());
                self.waiting.push((after, reply));
                Ok(())
            }
            Request::Network(reply) => {
                let chain = self.node.replica().map(|replica| replica.chain());
                // Whoever asked may have given up.
                let _ = reply.send(chain.map(|chain| chain.network().clone()));
                Ok(())
            }
            Request::Find(blocks, reply) => {
                let found = self.node.replica().and_then(|replica| {
                    let chain = replica.chain();
                    let on_chain = |hash| Some((chain.height_of(&hash)?, hash));
                    blocks.into_iter().find_map(on_chain)
                });
                // Whoever asked may have given up.
                let _ = reply.send(found);
                Ok(())
            }
            Request::Stop if self.stop_by.is_some() => Ok(()),
            Request::Stop => {
                self.stop_by = Some(Instant::now() + STOP_TIMEOUT);
                self.last_request = self.last_request.wrapping_add(1);
                let leave = Event::Command(self.last_request, Command::Disconnect);
                self.happened(leave).await
            }
        }
    }

    async fn of_connection(&mut self, happening: Happening) -> Result<(), NodeError> {
        match happening {
            Happening::Opened => {
                self.trouble_is(None);
                let mut nonce = [0; 32];
                getrandom::fill(&mut nonce)?;
                self.happened(Event::Connected { nonce }).await
            }
            Happening::Frame(frame) => self.happened(Event::Frame(frame)).await,
            Happening::Failed(trouble) => {
                self.trouble_is(Some(trouble));
                self.disconnected().await
            }
            Happening::Closed => self.disconnected().await,
        }
    }

    fn trouble_is(&mut self, trouble: Option<Trouble>) {
        self.trouble = trouble;
        self.version += 1;
    }

    async fn disconnected(&mut self) -> Result<(), NodeError> {
        self.connections.ended();
        self.is_connected = false;
        let chance = getrandom::u64()?;
        self.happened(Event::Disconnected { chance }).await
    }

    async fn happened(&mut self, event: Event) -> Result<(), NodeError> {
        let effects = self.node.handle(now_ms(), event);
        self.carry_out(effects).await
    }

    /// Carries out effects and whatever follows from them at once.
    async fn carry_out(&mut self, effects: Vec<Effect>) -> Result<(), NodeError> {
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            if let Some(event) = self.perform(effect).await? {
                effects.extend(self.node.handle(now_ms(), event));
            }
        }
        self.tell_position();
        Ok(())
    }

    async fn perform(&mut self, effect: Effect) -> Result<Option<Event>, NodeError> {
        match effect {
            Effect::Connect => {
                self.is_connected = true;
                self.connections.open();
            }
            Effect::Disconnect => {
                if !self.connections.close() {
                    let chance = getrandom::u64()?;
                    return Ok(Some(Event::Disconnected { chance }));
                }
            }
            Effect::Send(frame) => {
                if !self.connections.send(frame) {
                    self.connections.cut();
                    self.is_connected = false;
                    self.trouble_is(Some(Trouble {
                        class: Class::Unreachable,
                        message: "the relay reads too slowly: connecting afresh".to_owned(),
                    }));
                    let chance = getrandom::u64()?;
                    return Ok(Some(Event::Disconnected { chance }));
                }
            }
            Effect::Write(request, writes) => {
                self.writes_under_way += 1;
                self.store.write(request, writes).await;
            }
            Effect::Clear(request) => {
                self.writes_under_way += 1;
                self.store.clear(request).await;
            }
            Effect::Load(request, query) => self.store.load(request, query).await,
            Effect::Sign(request, statement) => {
                let signature = self.secret.sign(&statement);
                return Ok(Some(Event::Signed(request, signature)));
            }
            Effect::Mine(work) => {
                if !self.is_mining {
                    self.is_mining = true;
                    self.miners.measure();
                    self.rate.reset();
                }
                self.miners.search(work);
            }
            Effect::StopMining => {
                self.is_mining = false;
                self.miners.stop();
            }
            Effect::WakeAt(time_ms) => {
                let delay = Duration::from_millis(time_ms.saturating_sub(now_ms()));
                self.wake_at = Instant::now().checked_add(delay);
            }
            Effect::Answer(request, answer) => {
                if let Some(reply) = self.answers.remove(&request) {
                    // Whoever asked may have given up.
                    let _ = reply.send(answer);
                }
            }
            Effect::ViewChanged => self.version += 1,
        }
        Ok(None)
    }

    fn tell_position(&self) {
        let (Some(replica), Some(log)) = (self.node.replica(), self.node.log()) else {
            return;
        };
        let tip = replica.chain().tip();
        let now = Position {
            height: tip.height,
            tip: tip.hash,
            log_length: log.length(),
        };
        self.position.send_if_modified(|position| {
            let has_moved = *position != now;
            *position = now;
            has_moved
        });
    }

    /// Tells everyone who waits for a newer view.
    fn show(&mut self) {
        let (told, waiting) = core::mem::take(&mut self.waiting)
            .into_iter()
            .partition::<Vec<_>, _>(|(after, _)| *after < self.version);
        self.waiting = waiting;
        self.next_view_at = Instant::now() + VIEW_INTERVAL;
        if told.is_empty() {
            return;
        }
        let seen = Seen {
            version: self.version,
            view: self.node.view(),
            trouble: self.trouble.clone(),
        };
        for (_, reply) in told {
            // Whoever asked may have given up.
            let _ = reply.send(seen.clone());
        }
    }
}

/// Milliseconds since 1970 UTC.
pub(crate) fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.map_or(0, |time| {
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    })
}
