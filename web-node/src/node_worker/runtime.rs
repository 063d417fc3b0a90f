//! The loop's body: what happened goes to the node, what the node wants is done.

use std::rc::Rc;

use gloo_timers::callback::{Interval, Timeout};
use shared::node::Node;
use shared::node::interface::{Effect, Event, RequestId};
use wasm_bindgen_futures::spawn_local;

use super::boot::Booted;
use super::environment;
use super::identity::{self, Identity};
use super::inbox::{Inbox, Input};
use super::miners::Miners;
use super::report_crash;
use super::socket::Socket;
use super::views::Views;
use crate::js::now_ms;
use crate::port::ParentPort;
use crate::ports::{Environment, FromNode, KeyError, ToNode};
use crate::store::indexed_db::IndexedDb;
use crate::store::queue::StoreQueue;

/// A node and its world.
pub(super) struct Runtime {
    node: Node,
    page: ParentPort<FromNode>,
    inbox: Inbox,
    environment: Environment,
    store: StoreQueue,
    keys: Option<IndexedDb>,
    identity: Rc<Identity>,
    socket: Socket,
    /// Whether the browser has said that it stops this worker, and not yet that it goes on.
    is_frozen: bool,
    miners: Miners,
    views: Views,
    wake: Option<Timeout>,
    _quota: Interval,
}

impl Runtime {
    /// Begins the node's life.
    pub(super) fn new(page: ParentPort<FromNode>, inbox: Inbox, booted: Booted) -> Self {
        let mut runtime = Self {
            node: booted.node,
            page,
            environment: booted.environment.clone(),
            store: booted.store,
            keys: booted.keys,
            identity: Rc::new(booted.identity),
            socket: Socket::new(inbox.clone(), booted.network.as_deref()),
            is_frozen: false,
            miners: Miners::new(
                inbox.clone(),
                booted.environment.kernel,
                booted.environment.miners,
            ),
            views: Views::new(inbox.clone()),
            wake: None,
            _quota: environment::watch_quota(&inbox),
            inbox,
        };
        runtime.tell_environment();
        runtime.show_view();
        runtime.perform_all(booted.effects);
        runtime
    }

    /// Deals with one thing that happened.
    pub(super) fn receive(&mut self, input: Input) {
        match input {
            Input::Page(message) => self.receive_from_page(message),
            Input::Node(event) => self.handle(event),
            Input::Socket { connection, event } => {
                if let Some(event) = self.socket.take(connection, event) {
                    self.handle(event);
                }
            }
            Input::Miner { miner, event } => {
                if let Some(input) = self.miners.receive(miner, event) {
                    self.receive(input);
                }
            }
            Input::RestartMiners => self.miners.restart(),
            Input::MeasureMiners => {
                if let Some(event) = self.miners.measure() {
                    self.handle(event);
                }
            }
            Input::ShowView => self.show_view(),
            Input::LookAtQuota => environment::look_at_quota(self.inbox.clone()),
            Input::Quota {
                is_persistent,
                quota,
            } => {
                let before = self.environment.clone();
                self.environment.is_persistent = is_persistent;
                self.environment.quota = quota;
                if self.environment != before {
                    self.tell_environment();
                }
            }
            Input::KeyChanged(changed) => self.page.send(&FromNode::Key(changed)),
            Input::Failed(fatal) => self.page.send(&FromNode::Fatal(fatal)),
        }
    }

    fn receive_from_page(&mut self, message: ToNode) {
        match message {
            // Said once, before this life began.
            ToNode::Begin { .. } => {}
            ToNode::Command(id, command) => self.handle(Event::Command(id, command)),
            ToNode::Visible(is_visible) => {
                self.miners.set_visible(is_visible);
                self.views.set_visible(is_visible);
                self.handle(Event::Visible(is_visible));
            }
            // A departure like any other: the relay need not wait for answers until it evicts.
            ToNode::Frozen => {
                self.is_frozen = true;
                self.socket.disconnect();
            }
            ToNode::Woken => {
                self.is_frozen = false;
                self.handle(Event::Woken);
            }
            ToNode::Miners(settings) => {
                self.environment.miners = self.miners.set_settings(settings);
                self.tell_environment();
            }
            ToNode::NewKey { passphrase } => self.change_key(async move |keys| {
                identity::make_next(keys, &passphrase).await.map(Some)
            }),
            ToNode::RestoreKey { file, passphrase } => self.change_key(async move |keys| {
                let restored = identity::restore_next(keys, &file, &passphrase).await;
                restored.map(|()| None)
            }),
        }
    }

    /// Puts another key aside for the next start, and tells the page what came of it.
    fn change_key(
        &self,
        change: impl AsyncFnOnce(&IndexedDb) -> Result<Option<Vec<u8>>, KeyError> + 'static,
    ) {
        let (keys, inbox) = (self.keys.clone(), self.inbox.clone());
        spawn_local(async move {
            let changed = match &keys {
                Some(keys) => change(keys).await,
                None => Err(KeyError::Unsupported),
            };
            inbox.put(Input::KeyChanged(changed));
        });
    }

    fn handle(&mut self, event: Event) {
        let effects = self.node.handle(now_ms(), event);
        self.perform_all(effects);
    }

    fn perform_all(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            // Connected when it is woken.
            Effect::Connect if self.is_frozen => {}
            Effect::Connect => self.socket.connect(),
            Effect::Disconnect => self.socket.disconnect(),
            Effect::Send(frame) => self.socket.send(frame),
            Effect::Write(id, batch) => self.store.write(id, batch),
            Effect::Clear(id) => self.store.clear(id),
            Effect::Load(id, query) => self.store.load(id, query),
            Effect::Sign(id, statement) => self.sign(id, statement),
            Effect::Mine(work) => self.miners.search(work),
            Effect::StopMining => self.miners.stop(),
            Effect::WakeAt(time_ms) => self.wake_at(time_ms),
            Effect::Answer(id, answer) => self.page.send(&FromNode::Answer(id, answer)),
            Effect::ViewChanged => self.views.changed(),
        }
    }

    fn sign(&self, id: RequestId, statement: Vec<u8>) {
        let identity = Rc::clone(&self.identity);
        let inbox = self.inbox.clone();
        spawn_local(async move {
            match identity.sign(&statement).await {
                Ok(signature) => inbox.put(Input::Node(Event::Signed(id, signature))),
                // A node that cannot sign is none; a fresh worker may have a usable key again.
                Err(reason) => report_crash(format!("the browser did not sign: {reason}")),
            }
        });
    }

    fn wake_at(&mut self, time_ms: u64) {
        let delay_ms = time_ms.saturating_sub(now_ms());
        // Timers hold 31 bits; the node asks again when it is woken too early.
        let delay_ms = u32::try_from(delay_ms)
            .unwrap_or(u32::MAX)
            .min(i32::MAX.unsigned_abs());
        let inbox = self.inbox.clone();
        self.wake = Some(Timeout::new(delay_ms, move || {
            inbox.put(Input::Node(Event::Wake));
        }));
    }

    fn show_view(&mut self) {
        self.views.shown();
        let view = self.node.view();
        self.page.send(&FromNode::View(Box::new(view)));
    }

    fn tell_environment(&self) {
        let environment = self.environment.clone();
        self.page.send(&FromNode::Environment(environment));
    }
}
