//! How far a dump is, for whoever asks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::batch::Head;
use crate::error::DumpError;
use crate::limits::{RATE_SAMPLES_MAX, RATE_WINDOW};

/// What a dump is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum State {
    /// It is connecting, or reading where the tables stand.
    Connecting,
    /// It writes what the tables lack.
    Backfilling,
    /// The tables have all that the replica has; what comes is written within a second.
    Following,
    /// Something failed that may pass; it tries again.
    Retrying,
    /// Something failed that a person must see to. It has ended.
    Halted,
    /// It was told to stop. It has ended.
    Stopped,
}

impl State {
    /// Whether nothing will be written any more.
    #[must_use]
    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Halted | Self::Stopped)
    }

    /// The state in one word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Backfilling => "backfilling",
            Self::Following => "following",
            Self::Retrying => "retrying",
            Self::Halted => "halted",
            Self::Stopped => "stopped",
        }
    }
}

/// A dump at one moment.
#[derive(Clone, Debug)]
pub struct Status {
    /// What it is doing.
    pub state: State,
    /// Height of the last block in the tables; nothing until that was read.
    pub height: Option<u64>,
    /// Up to which height they are final.
    pub final_height: Option<u64>,
    /// Blocks that the replica has beyond that.
    pub lag_blocks: Option<u64>,
    /// Height of the last block that was sent. Those beyond `height` count with the next commit.
    pub sent_height: Option<u64>,
    /// Blocks, transactions and log entries written since the start.
    pub rows: u64,
    /// The same per second, over the last [`RATE_WINDOW`].
    pub rows_per_second: f64,
    /// What failed last, until something was written again.
    pub last_error: Option<Arc<DumpError>>,
}

/// Where a dump's task notes its progress.
#[derive(Debug)]
pub(crate) struct Progress(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    state: State,
    head: Option<Head>,
    rows: u64,
    /// Rows that were sent since the last commit, and up to which block.
    sent: (u64, u64),
    /// When how many rows were sent, oldest first.
    samples: VecDeque<(Instant, u64)>,
    last_error: Option<Arc<DumpError>>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Inner {
            state: State::Connecting,
            head: None,
            rows: 0,
            sent: (0, 0),
            samples: VecDeque::new(),
            last_error: None,
        }))
    }

    pub(crate) fn state(&self) -> State {
        self.lock().state
    }

    pub(crate) fn enter(&self, state: State) {
        self.lock().state = state;
    }

    /// The tables stand here; what was sent and not committed is lost.
    pub(crate) fn stand(&self, head: Head) {
        let mut inner = self.lock();
        inner.head = Some(head);
        inner.sent = (0, head.height);
    }

    /// Rows up to a block were sent, and count once they are committed.
    pub(crate) fn sent(&self, rows: u64, height: u64) {
        let mut inner = self.lock();
        inner.sent = (inner.sent.0 + rows, height);
        inner.samples.push_back((Instant::now(), rows));
        if inner.samples.len() > RATE_SAMPLES_MAX {
            inner.samples.pop_front();
        }
    }

    /// What was sent counts.
    pub(crate) fn committed(&self, head: Head) {
        let mut inner = self.lock();
        inner.rows += inner.sent.0;
        inner.sent = (0, head.height);
        inner.head = Some(head);
        inner.last_error = None;
    }

    pub(crate) fn failed(&self, error: Arc<DumpError>, state: State) {
        let mut inner = self.lock();
        inner.state = state;
        inner.last_error = Some(error);
    }

    /// The progress against a replica of this height.
    pub(crate) fn status(&self, replica_height: u64) -> Status {
        let inner = self.lock();
        let now = Instant::now();
        let recent = inner
            .samples
            .iter()
            .filter(|(at, _)| now.duration_since(*at) < RATE_WINDOW);
        // Whatever fits in 52 bits is exact, and more rows are not written in ten seconds.
        let recent_rows = recent.map(|(_, rows)| *rows).sum::<u64>() as f64;
        Status {
            state: inner.state,
            height: inner.head.map(|head| head.height),
            final_height: inner.head.map(|head| head.final_height),
            lag_blocks: inner
                .head
                .map(|head| replica_height.saturating_sub(head.height)),
            sent_height: inner.head.map(|_| inner.sent.1),
            rows: inner.rows,
            rows_per_second: recent_rows / RATE_WINDOW.as_secs_f64(),
            last_error: inner.last_error.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code that holds the lock can leave it half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
