//! Every limit of the store.

/// Batches and reads that may wait for the store. Their nodes wait.
pub const STORE_JOBS_MAX: usize = 256;
/// Batches and reads that share one commit.
pub const GROUP_COMMIT_JOBS_MAX: usize = 64;
/// Of the database file in memory, in KiB. The system holds the file too, and a replica what is asked
/// for most.
pub const PAGE_CACHE_KIB: u32 = 1024;
