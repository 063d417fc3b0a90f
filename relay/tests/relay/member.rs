//! A member: the pure node with a real socket, and rows in memory.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use shared::difficulty::Target;
use shared::keys::{PublicKey, SecretKey};
use shared::node::Node;
use shared::node::interface::{
    Answer, Command, Connection, Effect, Event, MiningWork, Profile, RequestId, View,
};
use shared::store::MemoryStore;
use shared::transaction::{Expect, Key, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::{self, Message};

use crate::program::{PATIENCE, until};
use crate::wire::{self, Socket};

/// Speaks to a member's task.
pub(crate) struct Member {
    requests: mpsc::Sender<Request>,
    task: JoinHandle<MemoryStore>,
}

enum Request {
    Do(Command, oneshot::Sender<Answer>),
    View(oneshot::Sender<View>),
}

impl Member {
    /// A member with nothing but a key.
    pub(crate) fn start(seed: u8, port: u16) -> Self {
        Self::resume(seed, port, MemoryStore::default())
    }

    /// A member of another network than the default one.
    pub(crate) fn start_in(network: &str, seed: u8, port: u16) -> Self {
        let path = format!("/api/v1/networks/{network}/socket");
        Self::spawn(Task::new(seed, port, path, MemoryStore::default()))
    }

    /// A member that was here before.
    pub(crate) fn resume(seed: u8, port: u16, storage: MemoryStore) -> Self {
        Self::spawn(Task::new(seed, port, "/api/v1/socket".to_owned(), storage))
    }

    fn spawn(task: Task) -> Self {
        let (requests, queue) = mpsc::channel(16);
        let task = tokio::spawn(task.run(queue));
        Self { requests, task }
    }

    pub(crate) async fn view(&self) -> View {
        let (reply, view) = oneshot::channel();
        self.requests.send(Request::View(reply)).await.unwrap();
        view.await.unwrap()
    }

    pub(crate) async fn command(&self, command: Command) -> Answer {
        let (reply, answer) = oneshot::channel();
        self.requests
            .send(Request::Do(command, reply))
            .await
            .unwrap();
        timeout(PATIENCE, answer).await.unwrap().unwrap()
    }

    pub(crate) async fn put(&self, key: &str, value: &str) -> Answer {
        self.command(Command::Put {
            key: Key::new(key).unwrap(),
            value: Value::new(value).unwrap(),
            expect: Expect::Anything,
        })
        .await
    }

    pub(crate) async fn lookup(&self, key: &str) -> Option<String> {
        let key = Key::new(key).unwrap();
        match self.command(Command::Lookup { key }).await {
            Answer::Lookup(found) => found.entry.map(|entry| entry.value.to_string()),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn mine_one(&self) {
        let answer = self.command(Command::StartMining { once: true }).await;
        assert_eq!(answer, Answer::Done);
    }

    /// Waits until the view is as wanted.
    pub(crate) async fn until(&self, what: &str, is_so: impl Fn(&View) -> bool) -> View {
        until(what, || async {
            let view = self.view().await;
            is_so(&view).then_some(view)
        })
        .await
    }

    pub(crate) async fn joined(&self) -> View {
        self.until("it has joined and sees itself", |view| {
            view.connection == Connection::Joined
                && view.members.iter().any(|member| Some(member.id) == view.id)
        })
        .await
    }

    /// Closes the socket without a word, as a closed tab does; what was stored remains.
    pub(crate) async fn vanish(self) -> MemoryStore {
        drop(self.requests);
        self.task.await.unwrap()
    }
}

struct Task {
    node: Node,
    secret: SecretKey,
    port: u16,
    path: String,
    storage: MemoryStore,
    socket: Option<Socket>,
    effects: VecDeque<Effect>,
    answers: HashMap<RequestId, oneshot::Sender<Answer>>,
    last_request: RequestId,
    wake_at: Option<Instant>,
}

impl Task {
    fn new(seed: u8, port: u16, path: String, storage: MemoryStore) -> Self {
        let secret = SecretKey::from_seed(&[seed; 32]);
        let rows = storage.rows();
        let profile = Profile {
            key: secret.public_key(),
            agent: "test",
            stays: true,
        };
        let (node, effects) = Node::new(profile, &rows, wire::now_ms());
        Self {
            node,
            secret,
            port,
            path,
            storage,
            socket: None,
            effects: effects.into(),
            answers: HashMap::new(),
            last_request: 0,
            wake_at: None,
        }
    }

    async fn run(mut self, mut requests: mpsc::Receiver<Request>) -> MemoryStore {
        loop {
            while let Some(effect) = self.effects.pop_front() {
                if let Some(event) = self.carry_out(effect).await {
                    self.happened(event);
                }
            }
            let wake_at = self.wake_at;
            tokio::select! {
                frame = next_frame(&mut self.socket) => match frame {
                    Some(frame) => self.happened(Event::Frame(frame)),
                    None => {
                        self.socket = None;
                        self.happened(Event::Disconnected { chance: 0 });
                    }
                },
                () = sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {
                    self.wake_at = None;
                    self.happened(Event::Wake);
                }
                request = requests.recv() => match request {
                    Some(Request::Do(command, reply)) => {
                        self.last_request += 1;
                        self.answers.insert(self.last_request, reply);
                        self.happened(Event::Command(self.last_request, command));
                    }
                    Some(Request::View(reply)) => {
                        let _ = reply.send(self.node.view());
                    }
                    None => return self.storage,
                },
            }
        }
    }

    fn happened(&mut self, event: Event) {
        self.effects.extend(self.node.handle(wire::now_ms(), event));
    }

    async fn connect(&self) -> Result<Socket, tungstenite::Error> {
        let headers = [("sec-websocket-protocol", relay::SUBPROTOCOL)];
        wire::connect_to(self.port, &self.path, &headers).await
    }

    async fn carry_out(&mut self, effect: Effect) -> Option<Event> {
        match effect {
            Effect::Connect => Some(match self.connect().await {
                Ok(socket) => {
                    self.socket = Some(socket);
                    let nonce = wire::random();
                    Event::Connected { nonce }
                }
                Err(_) => Event::Disconnected { chance: 0 },
            }),
            Effect::Disconnect => {
                self.socket = None;
                Some(Event::Disconnected { chance: 0 })
            }
            Effect::Send(frame) => {
                if let Some(socket) = &mut self.socket {
                    // A broken socket is noticed by the reader.
                    let _ = socket.send(Message::binary(frame)).await;
                }
                None
            }
            Effect::Write(id, writes) => {
                self.storage.write(&writes);
                Some(Event::Written(id))
            }
            Effect::Load(id, query) => Some(Event::Loaded(id, self.storage.read(&query))),
            Effect::Sign(id, statement) => Some(Event::Signed(id, self.secret.sign(&statement))),
            Effect::Mine(work) => Some(mine(&work)),
            Effect::Answer(id, answer) => {
                if let Some(reply) = self.answers.remove(&id) {
                    let _ = reply.send(answer);
                }
                None
            }
            Effect::WakeAt(time_ms) => {
                let delay_ms = time_ms.saturating_sub(wire::now_ms());
                self.wake_at = Some(Instant::now() + Duration::from_millis(delay_ms));
                None
            }
            Effect::Clear(id) => {
                self.storage = MemoryStore::default();
                Some(Event::Written(id))
            }
            Effect::StopMining | Effect::ViewChanged => None,
        }
    }
}

/// The key of a member.
pub(crate) fn key(seed: u8) -> PublicKey {
    SecretKey::from_seed(&[seed; 32]).public_key()
}

async fn next_frame(socket: &mut Option<Socket>) -> Option<Vec<u8>> {
    let Some(socket) = socket else {
        return std::future::pending().await;
    };
    loop {
        match socket.next().await {
            Some(Ok(Message::Binary(frame))) => return Some(frame.into()),
            Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

/// Test networks ask for some hundred hashes.
fn mine(work: &MiningWork) -> Event {
    let target = Target::from_compact(work.header.bits).unwrap();
    let mut header = work.header.clone();
    while !target.is_met_by(&header.hash()) {
        header.nonce += 1;
    }
    Event::NonceFound {
        work: work.work,
        version: header.version,
        nonce: header.nonce,
    }
}
