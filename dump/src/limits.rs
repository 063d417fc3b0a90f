//! Every limit of dumps, once.

use std::time::Duration;

/// The oldest PostgreSQL that is written to, as `server_version_num`.
pub const SERVER_VERSION_MIN: i32 = 120_000;

/// Time for connecting to PostgreSQL, with TLS and login.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for one statement, or a commit. What takes longer is given up, and tried again.
pub const BATCH_TIMEOUT: Duration = Duration::from_secs(120);
/// Time for making all indexes, when the tables have caught up for the first time.
pub const INDEXES_TIMEOUT: Duration = Duration::from_secs(3_600);
/// Wait before the first new attempt after an error. It doubles with each.
pub const RETRY_MIN: Duration = Duration::from_millis(200);
/// Longest wait before a new attempt.
pub const RETRY_MAX: Duration = Duration::from_secs(30);

/// Transactions after which a portion of a batch is sent.
pub const PORTION_TRANSACTIONS_MAX: usize = 10_000;
/// Blocks after which a portion of a batch is sent.
pub const PORTION_BLOCKS_MAX: usize = 500;
/// Time after which a batch is ended and committed, where there is more to come.
pub const BATCH_DURATION_MAX: Duration = Duration::from_secs(10);
/// Places in the state that a batch changes.
pub const BATCH_PLACES_MAX: usize = 500_000;
/// Log entries that are read or written at once.
pub const BATCH_LOG_ENTRIES_MAX: usize = 1_000;
/// Blocks that a source hands over at once.
pub const BLOCKS_PER_ANSWER_MAX: usize = 16;

/// Time over which the rows per second are counted.
pub const RATE_WINDOW: Duration = Duration::from_secs(10);
/// Samples kept for that: more batches are not written in that time.
pub const RATE_SAMPLES_MAX: usize = 1_000;

/// Time after which a dump that has nothing to do looks whether PostgreSQL is still there.
pub const IDLE_CHECK_INTERVAL: Duration = Duration::from_secs(5);
/// Attempts to claim a network before its other dumper is believed to be alive.
pub const CLAIM_ATTEMPTS: usize = 5;
/// Time between them.
pub const CLAIM_INTERVAL: Duration = Duration::from_millis(200);

/// Blocks that a rebuild reads at once.
pub const REBUILD_BLOCKS_MAX: u64 = 32;
