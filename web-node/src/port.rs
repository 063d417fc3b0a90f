//! Typed messages across worker boundaries: borsh in a transferred buffer, a start-up handshake
//! that repeats itself until it is answered, and errors instead of silence.

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
use crate::js::{describe, now_ms};
use crate::ports::{FromMiner, FromNode};

/// Time between two greetings of a worker that has not answered yet.
const GREETING_INTERVAL_MS: u32 = 100;
/// A worker that has not answered by then is given up. Generous: its code may come over a slow link.
const GREETING_DEADLINE_MS: u64 = 30_000;
/// Messages kept for a worker that has not answered yet.
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
    /// It never answered.
    #[error("the worker {script} did not answer within {GREETING_DEADLINE_MS} ms: reload the page")]
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

/// Messages that can answer a greeting.
pub trait Answers {
    /// The build of the answering worker, if this is the answer.
    fn build(&self) -> Option<&str>;
}

impl Answers for FromNode {
    fn build(&self) -> Option<&str> {
        match self {
            Self::Hello { build } => Some(build),
            _ => None,
        }
    }
}

impl Answers for FromMiner {
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
    /// What waits for the worker's answer to the greeting; nothing once it has answered.
    unsent: RefCell<Option<Vec<Vec<u8>>>>,
}

impl<Out: BorshSerialize> WorkerClient<Out> {
    /// Starts the worker of an absolute path, and greets it with `hello` until it answers.
    ///
    /// `on_event` gets every message, the answer to the greeting once; a worker that failed in
    /// any way gets no second chance here: drop the client, and start another one.
    pub fn spawn<In: Answers + BorshDeserialize + 'static>(
        script: &'static str,
        hello: &Out,
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
        spawn_local(greet(Rc::downgrade(&link), script, encode(hello), on_event));
        Ok(Self {
            link,
            _listeners: listeners,
            _sends: PhantomData,
        })
    }

    /// Sends a message, once the greeting is answered. What is sent to a worker that never
    /// answers is dropped beyond a limit: its starter learns of the silence.
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
    /// Notes that the worker has answered, and sends what waited for that. False where it had
    /// answered before.
    fn open(&self) -> bool {
        let unsent = self.unsent.borrow_mut().take();
        let is_first = unsent.is_some();
        for bytes in unsent.into_iter().flatten() {
            self.post(&bytes);
        }
        is_first
    }

    fn post(&self, bytes: &[u8]) {
        let (message, transfer) = transferable(bytes);
        // Fails only for what cannot be cloned or transferred: a fresh buffer can.
        let _ = self.worker.post_message_with_transfer(&message, &transfer);
    }
}

async fn greet<In>(
    link: std::rc::Weak<Link>,
    script: &'static str,
    hello: Vec<u8>,
    on_event: Rc<impl Fn(Result<In, PortError>)>,
) {
    let deadline_ms = now_ms() + GREETING_DEADLINE_MS;
    while let Some(link) = link.upgrade() {
        if link.unsent.borrow().is_none() {
            return;
        }
        if now_ms() > deadline_ms {
            drop(link);
            on_event(Err(PortError::Silent { script }));
            return;
        }
        link.post(&hello);
        drop(link);
        TimeoutFuture::new(GREETING_INTERVAL_MS).await;
    }
}

fn listen_for_messages<In: Answers + BorshDeserialize + 'static>(
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
            Some(build) if build != BUILD => on_event(Err(PortError::Build {
                own: BUILD.to_owned(),
                worker: build.to_owned(),
            })),
            // Every greeting is answered; the first answer is enough.
            Some(_) if !link.open() => {}
            _ => on_event(Ok(message)),
        }
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
