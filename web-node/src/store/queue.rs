//! The order of a storage's jobs: one after the other, as they came.
//!
//! Batches that wait together are written in one transaction, since a durable commit costs about
//! the same for one row as for a thousand. After a batch that could not be written none is: later
//! ones build on it, and the storage must stay a replica that once was.

use std::collections::VecDeque;
use std::rc::Rc;

use futures_channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures_util::StreamExt;
use shared::node::interface::{Event, RequestId};
use shared::store::{Query, Write};
use wasm_bindgen_futures::spawn_local;

use super::{Store, StoreError};

/// Batches that are written in one transaction at most.
const BATCHES_PER_TRANSACTION_MAX: usize = 64;

/// Takes jobs for a storage; reports on each by an event.
pub struct StoreQueue(UnboundedSender<Job>);

enum Job {
    Write(RequestId, Vec<Write>),
    Clear(RequestId),
    Load(RequestId, Query),
}

impl StoreQueue {
    /// A queue before a storage. The first error of the storage is told to `on_error`, too.
    pub fn new(
        store: impl Store + 'static,
        on_event: impl Fn(Event) + 'static,
        on_error: impl Fn(&StoreError) + 'static,
    ) -> Self {
        let (sender, receiver) = unbounded();
        let worker = Worker {
            store,
            on_event: Rc::new(on_event),
            on_error: Rc::new(on_error),
            failure: None,
        };
        spawn_local(worker.run(receiver));
        Self(sender)
    }

    /// Writes a batch after all before it.
    pub fn write(&self, id: RequestId, batch: Vec<Write>) {
        self.push(Job::Write(id, batch));
    }

    /// Removes all rows, after all batches before it.
    pub fn clear(&self, id: RequestId) {
        self.push(Job::Clear(id));
    }

    /// Reads rows, after all batches before it.
    pub fn load(&self, id: RequestId, query: Query) {
        self.push(Job::Load(id, query));
    }

    fn push(&self, job: Job) {
        // The receiver lives as long as the worker does.
        let _ = self.0.unbounded_send(job);
    }
}

struct Worker<S> {
    store: S,
    on_event: Rc<dyn Fn(Event)>,
    on_error: Rc<dyn Fn(&StoreError)>,
    failure: Option<StoreError>,
}

impl<S: Store> Worker<S> {
    async fn run(mut self, mut receiver: UnboundedReceiver<Job>) {
        let mut waiting = VecDeque::new();
        while let Some(job) = receiver.next().await {
            waiting.push_back(job);
            while let Ok(job) = receiver.try_recv() {
                waiting.push_back(job);
            }
            while let Some(job) = waiting.pop_front() {
                match job {
                    Job::Write(id, batch) => self.write(id, batch, &mut waiting).await,
                    Job::Clear(id) => self.clear(id).await,
                    Job::Load(id, query) => self.load(id, &query).await,
                }
            }
        }
    }

    /// Writes a batch together with those that follow it directly.
    async fn write(&mut self, id: RequestId, batch: Vec<Write>, waiting: &mut VecDeque<Job>) {
        let mut ids = vec![id];
        let mut writes = batch;
        while ids.len() < BATCHES_PER_TRANSACTION_MAX
            && let Some(Job::Write(id, batch)) =
                waiting.pop_front_if(|job| matches!(job, Job::Write(..)))
        {
            ids.push(id);
            writes.extend(batch);
        }
        if self.failure.is_none() {
            let outcome = self.store.write(&writes).await;
            self.note(outcome);
        }
        for id in ids {
            self.report(id);
        }
    }

    async fn clear(&mut self, id: RequestId) {
        if self.failure.is_none() {
            let outcome = self.store.clear().await;
            self.note(outcome);
        }
        self.report(id);
    }

    /// Keeps the first failure: nothing is written after it.
    fn note(&mut self, outcome: Result<(), StoreError>) {
        if let Err(error) = outcome {
            (self.on_error)(&error);
            self.failure = Some(error);
        }
    }

    fn report(&self, id: RequestId) {
        (self.on_event)(match &self.failure {
            None => Event::Written(id),
            Some(error) => Event::WriteFailed(id, error.to_string()),
        });
    }

    async fn load(&mut self, id: RequestId, query: &Query) {
        (self.on_event)(match self.store.load(query).await {
            Ok(rows) => Event::Loaded(id, rows),
            Err(error) => {
                if self.failure.is_none() {
                    (self.on_error)(&error);
                }
                Event::LoadFailed(id, error.to_string())
            }
        });
    }
}
