//! Typed messages across worker boundaries: borsh in a transferred buffer. They wait until the worker has
//! said that it listens, and of which build it is; where it never does, an error comes instead of silence.

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use borsh::{BorshDeserialize, BorshSerialize};
use gloo_events::{EventListener, EventListenerOptions};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Uint8Array};
use shared::encoding::{DecodeError, decode, encode};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::spawn_local;
use web_sys::{
    DedicatedWorkerGlobalScope, ErrorEvent, Event, MessageEvent, Worker, WorkerOptions, WorkerType,
};

use crate::BUILD;
use crate::js::describe;
use crate::ports::{FromMiner, FromNode};

/// A worker that has not greeted by then is given up. Generous: its code may come over a slow link.
const GREETING_DEADLINE_MS: u32 = 30_000;
/// Messages kept for a worker that has not greeted yet.
const UNSENT_MESSAGES_MAX: usize = 256;

/// Why a worker cannot be talked to.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PortError {
    /// The browser refused to start it.
    #[error("the browser did not start the worker {script}: {reason}")]
    Spawn {
        /// Its file.
        script: &'static str,
        /// What the browser said.
        reason: String,
    },
    /// It never greeted.
    #[error("the worker {script} did not greet within {GREETING_DEADLINE_MS} ms: reload the page")]
    Silent {
        /// Its file.
        script: &'static str,
    },
    /// It is of another build.
    #[error("the worker is build {worker}, this side is build {own}: reload the page")]
    Build {
        /// This side's build.
        own: String,
        /// The worker's build.
        worker: String,
    },
    /// It ended with an error.
    #[error("the worker {script} crashed: {reason}")]
    Crashed {
        /// Its file.
        script: &'static str,
        /// What the browser said.
        reason: String,
    },
    /// A message was not one.
    #[error(transparent)]
    Undecodable(#[from] DecodeError),
}

/// Messages of a worker, the first of which is its greeting.
pub trait Greets {
    /// The worker's build, if this is the greeting.
    fn build(&self) -> Option<&str>;
}

impl Greets for FromNode {
    fn build(&self) -> Option<&str> {
        match self {
            Self::Hello { build } => Some(build),
            _ => None,
        }
    }
}

impl Greets for FromMiner {
    fn build(&self) -> Option<&str> {
        match self {
            Self::Hello { build, .. } => Some(build),
            _ => None,
        }
    }
}

/// A worker as seen by who started it. Dropping it ends the worker.
pub struct WorkerClient<Out> {
    link: Rc<Link>,
    _listeners: [EventListener; 3],
    _sends: PhantomData<fn(&Out)>,
}

struct Link {
    worker: Worker,
    /// What waits for the worker's greeting; nothing once it has come.
    unsent: RefCell<Option<Vec<Vec<u8>>>>,
}

impl<Out: BorshSerialize> WorkerClient<Out> {
    /// Starts the worker of an absolute path.
    ///
    /// `on_event` gets every message, the greeting too; a worker that failed in any way gets no
    /// second chance here: drop the client, and start another one.
    pub fn spawn<In: Greets + BorshDeserialize + 'static>(
        script: &'static str,
        on_event: impl Fn(Result<In, PortError>) + 'static,
    ) -> Result<Self, PortError> {
        let options = WorkerOptions::new();
        options.set_type(WorkerType::Module);
        // The build in the address keeps a browser from answering with an older file it has cached.
        let worker = Worker::new_with_options(&format!("{script}?build={BUILD}"), &options)
            .map_err(|error| PortError::Spawn {
                script,
                reason: describe(&error),
            })?;
        let link = Rc::new(Link {
            worker,
            unsent: RefCell::new(Some(Vec::new())),
        });
        let on_event = Rc::new(on_event);
        let listeners = [
            listen_for_messages(&link, Rc::clone(&on_event)),
            listen_for_failure("error", script, &link, Rc::clone(&on_event)),
            listen_for_failure("messageerror", script, &link, Rc::clone(&on_event)),
        ];
        spawn_local(give_up_in_time(Rc::downgrade(&link), script, on_event));
        Ok(Self {
            link,
            _listeners: listeners,
            _sends: PhantomData,
        })
    }

    /// Sends a message, once the worker has greeted: what comes to one that does not listen yet is
    /// lost. What is sent to a worker that never greets is dropped beyond a limit: its starter learns
    /// of the silence.
    pub fn send(&self, message: &Out) {
        let bytes = encode(message);
        match self.link.unsent.borrow_mut().as_mut() {
            Some(unsent) if unsent.len() < UNSENT_MESSAGES_MAX => unsent.push(bytes),
            Some(_) => {}
            None => self.link.post(&bytes),
        }
    }
}

impl<Out> WorkerClient<Out> {
    /// Ends the worker at once.
    pub fn terminate(&self) {
        self.link.worker.terminate();
    }
}

impl<Out> Drop for WorkerClient<Out> {
    fn drop(&mut self) {
        self.terminate();
    }
}

impl Link {
    /// Notes that the worker has greeted, and sends what waited for that.
    fn open(&self) {
        let unsent = self.unsent.borrow_mut().take();
        for bytes in unsent.into_iter().flatten() {
            self.post(&bytes);
        }
    }

    fn post(&self, bytes: &[u8]) {
        let (message, transfer) = transferable(bytes);
        // Fails only for what cannot be cloned or transferred: a fresh buffer can.
        let _ = self.worker.post_message_with_transfer(&message, &transfer);
    }
}

async fn give_up_in_time<In>(
    link: std::rc::Weak<Link>,
    script: &'static str,
    on_event: Rc<impl Fn(Result<In, PortError>)>,
) {
    TimeoutFuture::new(GREETING_DEADLINE_MS).await;
    let is_silent = |link: Rc<Link>| link.unsent.borrow().is_some();
    if link.upgrade().is_some_and(is_silent) {
        on_event(Err(PortError::Silent { script }));
    }
}

fn listen_for_messages<In: Greets + BorshDeserialize + 'static>(
    link: &Rc<Link>,
    on_event: Rc<impl Fn(Result<In, PortError>) + 'static>,
) -> EventListener {
    let weak = Rc::downgrade(link);
    EventListener::new(&link.worker, "message", move |event| {
        let Some(link) = weak.upgrade() else {
            return;
        };
        let message = match received::<In>(event) {
            Ok(message) => message,
            Err(error) => return on_event(Err(error.into())),
        };
        match message.build() {
            Some(build) if build != BUILD => {
                return on_event(Err(PortError::Build {
                    own: BUILD.to_owned(),
                    worker: build.to_owned(),
                }));
            }
            Some(_) => link.open(),
            None => {}
        }
        on_event(Ok(message));
    })
}

fn listen_for_failure<In: 'static>(
    kind: &'static str,
    script: &'static str,
    link: &Rc<Link>,
    on_event: Rc<impl Fn(Result<In, PortError>) + 'static>,
) -> EventListener {
    let options = EventListenerOptions::enable_prevent_default();
    EventListener::new_with_options(&link.worker, kind, options, move |event| {
        // It is dealt with here: not prevented, it would go on to fail this worker's own starter.
        event.prevent_default();
        let reason = event.dyn_ref::<ErrorEvent>().map_or_else(
            || "its file could not be loaded".to_owned(),
            ErrorEvent::message,
        );
        on_event(Err(PortError::Crashed { script, reason }));
    })
}

/// The starter of this worker, as seen by the worker.
pub struct ParentPort<Out> {
    scope: DedicatedWorkerGlobalScope,
    _listener: EventListener,
    _sends: PhantomData<fn(&Out)>,
}

impl<Out: BorshSerialize> ParentPort<Out> {
    /// Listens to the starter. Nothing outside a dedicated worker.
    pub fn open<In: BorshDeserialize>(
        on_message: impl Fn(Result<In, DecodeError>) + 'static,
    ) -> Option<Self> {
        let scope: DedicatedWorkerGlobalScope = js_sys::global().dyn_into().ok()?;
        let listener =
            EventListener::new(&scope, "message", move |event| on_message(received(event)));
        Some(Self {
            scope,
            _listener: listener,
            _sends: PhantomData,
        })
    }

    /// Sends a message.
    pub fn send(&self, message: &Out) {
        post_to(&self.scope, message);
    }
}

/// Sends a last message from a worker that cannot go on and has no port at hand.
pub fn post_to_parent(message: &impl BorshSerialize) {
    if let Ok(scope) = js_sys::global().dyn_into() {
        post_to(&scope, message);
    }
}

fn post_to(scope: &DedicatedWorkerGlobalScope, message: &impl BorshSerialize) {
    let (message, transfer) = transferable(&encode(message));
    // Fails only for what cannot be cloned or transferred: a fresh buffer can.
    let _ = scope.post_message_with_transfer(&message, &transfer);
}

fn transferable(bytes: &[u8]) -> (JsValue, JsValue) {
    let message = Uint8Array::from(bytes);
    let transfer = Array::of1(&message.buffer());
    (message.into(), transfer.into())
}

fn received<In: BorshDeserialize>(event: &Event) -> Result<In, DecodeError> {
    let bytes = event
        .dyn_ref::<MessageEvent>()
        .and_then(|event| event.data().dyn_into::<Uint8Array>().ok())
        .map_or_else(Vec::new, |data| data.to_vec());
    decode("message between workers", &bytes)
}
