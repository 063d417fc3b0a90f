//! The page's hold on its node worker: starts it, starts it again when it crashes, tells it what
//! the browser tells only pages.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use shared::invitation::{Invitation, ParseInvitationError};
use shared::node::interface::Command;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Document, PageTransitionEvent, UrlSearchParams, VisibilityState, Window};

use crate::js::{call_async, global, log_error, now_ms};
use crate::port::{PortError, WorkerClient};
use crate::ports::{Environment, Fatal, FromNode, MinerSettings, Tab, ToNode};

const SCRIPT: &str = "/node_loader.js";
/// Keys in the page's session storage, which survives a reload and belongs to one tab.
const TAB_TOKEN: &str = "tabchain.tab";
const TAB_SLOT: &str = "tabchain.slot";
/// Wait before the first restart of a crashed worker; doubled each time, up to the maximum.
const RESTART_DELAY_MS: u32 = 1_000;
const RESTART_DELAY_MS_MAX: u32 = 30_000;
/// A worker that lived so long before it crashed begins the doubling anew.
const SETTLED_MS: u64 = 60_000;

/// A running node worker. The last clone's end is the worker's.
#[derive(Clone)]
pub struct NodeHandle(Rc<Inner>);

struct Inner {
    on_message: Box<dyn Fn(FromNode)>,
    client: RefCell<Option<WorkerClient<ToNode>>>,
    /// Whether the present worker has failed; what it still says is of no use.
    is_failed: Cell<bool>,
    started_ms: Cell<u64>,
    restarts: Cell<u32>,
    restart: RefCell<Option<Timeout>>,
    miners: Cell<Option<MinerSettings>>,
    next_command: Cell<u64>,
    listeners: RefCell<Vec<EventListener>>,
}

impl PartialEq for NodeHandle {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl NodeHandle {
    /// Starts the worker. Whatever goes wrong arrives as [`FromNode::Fatal`].
    pub fn spawn(on_message: impl Fn(FromNode) + 'static) -> Self {
        let inner = Rc::new(Inner {
            on_message: Box::new(on_message),
            client: RefCell::new(None),
            is_failed: Cell::new(false),
            started_ms: Cell::new(0),
            restarts: Cell::new(0),
            restart: RefCell::new(None),
            miners: Cell::new(None),
            next_command: Cell::new(0),
            listeners: RefCell::new(Vec::new()),
        });
        inner.start();
        if let Some(window) = web_sys::window() {
            inner.listen_to_page(&window);
        }
        spawn_local(ask_for_persistence());
        Self(inner)
    }

    /// Sends a message, after the start-up where that is not over yet.
    pub fn send(&self, message: &ToNode) {
        self.0.send(message);
    }

    /// Sends a command, and returns the number under which its answer comes.
    pub fn command(&self, command: Command) -> u64 {
        let number = self.0.next_command.get();
        self.0.next_command.set(number + 1);
        self.send(&ToNode::Command(number, command));
        number
    }
}

impl Inner {
    fn start(self: &Rc<Self>) {
        self.is_failed.set(false);
        self.started_ms.set(now_ms());
        let weak = Rc::downgrade(self);
        let spawned = WorkerClient::spawn(SCRIPT, move |event| {
            if let Some(inner) = weak.upgrade() {
                inner.receive(event);
            }
        });
        match spawned {
            Ok(client) => {
                client.send(&ToNode::Begin {
                    tab: this_tab(),
                    network: asked_for("network"),
                });
                client.send(&ToNode::Visible(is_visible()));
                if let Some(invitation) = invitation() {
                    let number = self.next_command.replace(self.next_command.get() + 1);
                    client.send(&ToNode::Command(number, Command::UseInvitation(invitation)));
                }
                if let Some(miners) = self.miners.get() {
                    client.send(&ToNode::Miners(miners));
                }
                // The worker before it, if any, ends here.
                self.client.replace(Some(client));
            }
            Err(error) => self.fail(&error),
        }
    }

    fn send(&self, message: &ToNode) {
        if let ToNode::Miners(settings) = message {
            self.miners.set(Some(*settings));
        }
        if let Some(client) = self.client.borrow().as_ref() {
            client.send(message);
        }
    }

    fn receive(self: &Rc<Self>, event: Result<FromNode, PortError>) {
        if self.is_failed.get() {
            return;
        }
        match event {
            Ok(FromNode::Hello { .. }) => {}
            Ok(FromNode::Fatal(Fatal::Crashed { reason })) => self.restart_after(reason),
            Ok(message) => {
                if let FromNode::Environment(environment) = &message {
                    remember_slot(environment);
                }
                (self.on_message)(message);
            }
            Err(error) => self.fail(&error),
        }
    }

    fn fail(self: &Rc<Self>, error: &PortError) {
        match error {
            PortError::Build { own, worker } => {
                self.end_worker();
                (self.on_message)(FromNode::Fatal(Fatal::Build {
                    page: own.clone(),
                    worker: worker.clone(),
                }));
            }
            error => self.restart_after(error.to_string()),
        }
    }

    fn restart_after(self: &Rc<Self>, reason: String) {
        self.end_worker();
        let lived_ms = now_ms().saturating_sub(self.started_ms.get());
        let restarts = match self.restarts.get() {
            _ if lived_ms > SETTLED_MS => 0,
            restarts => restarts,
        };
        self.restarts.set(restarts.saturating_add(1));
        let delay_ms = RESTART_DELAY_MS
            .saturating_mul(1 << restarts.min(16))
            .min(RESTART_DELAY_MS_MAX);
        let weak: Weak<Self> = Rc::downgrade(self);
        let timeout = Timeout::new(delay_ms, move || {
            if let Some(inner) = weak.upgrade() {
                inner.start();
            }
        });
        self.restart.replace(Some(timeout));
        (self.on_message)(FromNode::Fatal(Fatal::Crashed { reason }));
    }

    fn end_worker(&self) {
        self.is_failed.set(true);
        if let Some(client) = self.client.borrow().as_ref() {
            client.terminate();
        }
    }

    /// Passes on what the browser tells the page and not its workers.
    fn listen_to_page(self: &Rc<Self>, window: &Window) {
        let mut listeners = vec![
            self.listener(window, "online", |_| Some(ToNode::Woken)),
            // Shown again from the back-forward cache, where everything stood still.
            self.listener(window, "pageshow", |event| {
                event
                    .dyn_ref::<PageTransitionEvent>()
                    .is_some_and(PageTransitionEvent::persisted)
                    .then_some(ToNode::Woken)
            }),
        ];
        if let Some(document) = window.document() {
            listeners.push(self.listener(&document, "visibilitychange", |_| {
                Some(ToNode::Visible(is_visible()))
            }));
            listeners.push(self.listener(&document, "freeze", |_| Some(ToNode::Frozen)));
            listeners.push(self.listener(&document, "resume", |_| Some(ToNode::Woken)));
        }
        self.listeners.replace(listeners);
    }

    fn listener(
        self: &Rc<Self>,
        target: &web_sys::EventTarget,
        kind: &'static str,
        message: impl Fn(&web_sys::Event) -> Option<ToNode> + 'static,
    ) -> EventListener {
        let weak = Rc::downgrade(self);
        EventListener::new(target, kind, move |event| {
            if let (Some(inner), Some(message)) = (weak.upgrade(), message(event)) {
                inner.send(&message);
            }
        })
    }
}

fn is_visible() -> bool {
    document().is_none_or(|document| document.visibility_state() == VisibilityState::Visible)
}

fn document() -> Option<Document> {
    web_sys::window()?.document()
}

fn session_storage() -> Option<web_sys::Storage> {
    web_sys::window()?.session_storage().ok()?
}

fn stored<T: std::str::FromStr>(key: &str) -> Option<T> {
    session_storage()?.get_item(key).ok()??.parse().ok()
}

/// Without session storage a reload counts as another tab; nothing else is lost.
fn store(key: &str, value: &impl ToString) {
    if let Some(storage) = session_storage() {
        let _ = storage.set_item(key, &value.to_string());
    }
}

/// A part of the page's address: `?network=ID&invite=INVITATION`.
fn asked_for(name: &str) -> Option<String> {
    let search = web_sys::window()?.location().search().ok()?;
    let parts = UrlSearchParams::new_with_str(&search).ok()?;
    parts.get(name).filter(|value| !value.is_empty())
}

fn invitation() -> Option<Invitation> {
    let text = asked_for("invite")?;
    text.trim()
        .parse()
        .inspect_err(|error: &ParseInvitationError| log_error(&error.to_string()))
        .ok()
}

fn this_tab() -> Tab {
    let token = stored(TAB_TOKEN).unwrap_or_else(|| {
        // Not a secret: without randomness the clock will do to tell tabs apart.
        let token = getrandom::u64().unwrap_or_else(|_| now_ms());
        store(TAB_TOKEN, &token);
        token
    });
    Tab {
        token,
        slot: stored(TAB_SLOT),
    }
}

fn remember_slot(environment: &Environment) {
    store(TAB_SLOT, &environment.slot);
}

/// Asks the browser not to evict the replica; the worker reports what came of it.
async fn ask_for_persistence() {
    if let Some(storage) = global(&["navigator", "storage"]) {
        call_async(&storage, "persist").await;
    }
}
