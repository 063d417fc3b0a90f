//! Every limit of the protocol and of the node, once. `docs/limits.md` gives the reasons.

/// Bytes in one WebSocket frame. A larger one ends the connection.
pub const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of a key in the ledger (UTF-8).
pub const KEY_BYTES_MAX: usize = 256;
/// Bytes of a value in the ledger (UTF-8).
pub const VALUE_BYTES_MAX: usize = 4096;
/// Bytes of a network's name.
pub const NETWORK_NAME_BYTES_MAX: usize = 64;
/// Bytes of the text with which a client introduces its program.
pub const AGENT_BYTES_MAX: usize = 64;
/// Bytes of a human-readable explanation inside a message.
pub const EXPLANATION_BYTES_MAX: usize = 512;

/// Leading zero bits that a network may ask of a transaction's id.
pub const TRANSACTION_WORK_BITS_MAX: u8 = 14;
/// Transactions in one block.
pub const BLOCK_TRANSACTIONS_MAX: usize = 1000;
/// Bytes of all transactions of one block, encoded.
pub const BLOCK_BODY_BYTES_MAX: usize = 512 * 1024;

/// Pending transactions that one mempool holds.
pub const MEMPOOL_TRANSACTIONS_MAX: usize = 5000;
/// Bytes of all pending transactions, encoded.
pub const MEMPOOL_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Pending transactions beyond [`MEMPOOL_TRANSACTIONS_MAX`] that reorganisations may return: those of
/// [`UNDECIDED_BLOCKS_MAX`] blocks.
pub const MEMPOOL_RETURNED_TRANSACTIONS_MAX: usize = 256 * BLOCK_TRANSACTIONS_MAX;
/// Their bytes beyond [`MEMPOOL_BYTES_MAX`], likewise.
pub const MEMPOOL_RETURNED_BYTES_MAX: usize = 256 * BLOCK_BODY_BYTES_MAX;
/// Pending transactions of one sender.
pub const MEMPOOL_PER_SENDER_MAX: usize = 1000;
/// How far beyond the next expected sequence a pending transaction may lie.
pub const SEQUENCE_GAP_MAX: u64 = 1000;

/// Headers asked for, or sent, at once.
pub const HEADERS_PER_MESSAGE_MAX: usize = 2000;
/// Bodies asked for at once.
pub const BODIES_PER_REQUEST_MAX: usize = 64;
/// Hashes in a block locator: dense near the tip, then doubling distances.
pub const LOCATOR_HASHES_MAX: usize = 64;
/// Transactions in one message.
pub const TRANSACTIONS_PER_MESSAGE_MAX: usize = 500;
/// Entries of the decision log in one message.
pub const LOG_ENTRIES_PER_MESSAGE_MAX: usize = 100;

/// Announced blocks whose timestamp lies ahead of the clock, kept until their time comes.
pub const DEFERRED_BLOCKS_MAX: usize = 64;
/// Bodies of blocks off the best chain, beside those above the last decision.
pub const SIDE_BODIES_MAX: usize = 64;
/// Headers of blocks off the best chain, above the last decision.
pub const SIDE_HEADERS_MAX: usize = 4096;

/// Bytes of a receipt.
pub const RECEIPT_BYTES_MAX: usize = 1024 * 1024;
/// Entries of the decision log in a receipt.
pub const RECEIPT_LINKS_MAX: usize = 1024;
/// Hashes from a transaction to its block's `tx_root`: that of BLOCK_TRANSACTIONS_MAX and a record.
pub const RECEIPT_PATH_HASHES_MAX: usize = 10;
/// Hashes from a block to a history root: that of any height.
pub const RECEIPT_HISTORY_HASHES_MAX: usize = 64;

/// Bytes of one record of a chain file: those of a block with the longest body, and some.
pub const CHAIN_FILE_RECORD_BYTES_MAX: usize = 1024 * 1024;
/// Bytes after which a part of a chain file is given out.
pub const CHAIN_FILE_PART_BYTES: usize = 256 * 1024;

/// Members of one network.
pub const MEMBERS_MAX: usize = 2000;
/// Invitations of one network that hold at a time.
pub const INVITATIONS_MAX: usize = 1000;
/// Bytes of the text that says whom an invitation is for.
pub const INVITATION_LABEL_BYTES_MAX: usize = 64;
/// Members of a roster: those whose votes decide.
pub const ROSTER_MEMBERS_MAX: usize = 100;

/// Errors that a peer may cause within a minute before it is dropped.
pub const PEER_ERRORS_PER_MINUTE_MAX: u32 = 100;

/// What a member may send in a second, unless the relay's operator sets another number: a message,
/// and each transaction in one, counts as one, a question for blocks or log entries as eight.
pub const MEMBER_RATE_PER_SECOND: u32 = 500;
/// Seconds' worth of that which a member may send at once after a pause.
pub const MEMBER_RATE_BURST_SECONDS: u64 = 10;
/// Keys whose rates are kept.
pub const MEMBER_RATES_KEPT_MAX: usize = 2 * MEMBERS_MAX;

/// Time between two pings of the relay to a member.
pub const PING_INTERVAL_MS: u64 = 5_000;
/// The third consecutive ping without an answer removes a member.
pub const PING_MISSES_MAX: u32 = 3;
/// No eviction for this long after a relay's start: its members are still finding their way back.
pub const STARTUP_GRACE_MS: u64 = 30_000;

/// Blocks that may stand above the last decision. Mining pauses there, and nobody accepts more.
pub const UNDECIDED_BLOCKS_MAX: u64 = 256;
/// A tip at least this many blocks above the last decision is proposed for decision.
pub const DECISION_INTERVAL_BLOCKS: u64 = 1;
/// Blocks grow and nothing is decided for this long: the relay appoints a new leader.
pub const LEADER_STALL_MS: u64 = 20_000;
/// A term in which more than two thirds refuse to decide anything is ended once it is this old.
pub const REFUSED_TERM_MS: u64 = 1_000;
/// Nothing is decided for this long although a quorum is here: members are bound to a block that the
/// others cannot get. The relay forces a new roster.
pub const DEADLOCK_MS: u64 = 200_000;
/// Nothing is decided for this long and a third of the roster is gone: the relay forces a new roster.
pub const FORCED_CHANGE_MS: u64 = 60_000;

/// Newest entries of the decision log that are kept in memory, to compare with what is shown.
pub const LOG_TAIL_ENTRIES_MAX: usize = 128;
/// Terms before and after the present one of which votes are counted.
pub const VOTE_ROUNDS_AROUND: u64 = 8;
/// Decisions ahead of the present one of which votes and proposals are kept until they can be judged.
pub const EARLY_INSTANCES_MAX: u64 = 2;
/// Votes of one member that are kept until they can be judged.
pub const EARLY_VOTES_PER_MEMBER_MAX: usize = 8;
/// Votes that are kept until they can be judged.
pub const EARLY_VOTES_MAX: usize = 800;
/// Proposals that are kept until they can be judged, one of each proposer.
pub const EARLY_PROPOSALS_MAX: usize = 8;
/// Pieces of evidence that are kept against members, one for each key and kind.
pub const EVIDENCE_MAX: usize = 64;
/// How far the number and the term that a returning member remembers may be ahead of the relay's.
pub const CLAIM_AHEAD_MAX: u64 = 65_536;

/// Timestamps of ancestors of which a block's own must exceed the median.
pub const MEDIAN_TIME_BLOCKS: usize = 11;
/// A block's timestamp may lie at most this many spacings ahead of the clock.
pub const FUTURE_SPACINGS_MAX: u64 = 2;
/// A block this many spacings after its parent is judged at its own timestamp.
pub const LATE_BLOCK_SPACINGS: u64 = 6;
/// Holders that a network of proof of stake may begin with.
pub const FIRST_HOLDERS_MAX: usize = 100;
/// Holders whose stake counts in an epoch: those with the most.
pub const STAKE_HOLDERS_MAX: usize = 1000;
/// One in 2 to this power of slots is drawn while all stake produces.
pub const STAKE_ACTIVE_SLOTS_LOG2: usize = 2;
/// Empty slots in a row after which each further one doubles the chances, and halves the weight.
pub const STAKE_EMPTY_SLOTS: u64 = 30;
/// How often they are doubled at most; the weight of an ordinary block is 2 to this power.
pub const STAKE_DOUBLINGS_MAX: u64 = 64;
/// Slots ahead in which a node looks for the next producer, to show it.
pub const STAKE_FORECAST_SLOTS: u64 = 64;
/// Holders among whom it looks for that, those with the most.
pub const STAKE_FORECAST_PRODUCERS_MAX: usize = 32;
/// How much longer than a slot a producer's clock may go without an event before its device counts
/// as having slept, or its clock as set.
pub const STAKE_GAP_MAX_MS: u64 = 1_000;
/// How long before a slot a producer must be in touch with the relay: until another tab with its
/// key has heard that it is not the one any more.
pub const STAKE_IN_TOUCH_MS: u64 = 2_000;
/// Holders that a page shows, those with the most.
pub const STAKE_HOLDERS_SHOWN_MAX: usize = 100;
/// Half-life of the difficulty, in block spacings.
pub const DIFFICULTY_HALF_LIFE_SPACINGS: u64 = 12;

/// Rejections that a node keeps to show.
pub const REJECTIONS_KEPT_MAX: usize = 20;
/// Members that left lately and that a node remembers, since others may not know it yet.
pub const LEFT_MEMBERS_KEPT_MAX: usize = 100;
/// How long it remembers them.
pub const LEFT_MEMBERS_KEPT_MS: u64 = 60_000;
/// Delay before the first attempt to connect again; it doubles with each failure.
pub const BACKOFF_MIN_MS: u64 = 200;
/// Delay between attempts to connect at most.
pub const BACKOFF_MAX_MS: u64 = 30_000;
/// Time after which members are asked to come back to a relay that is being stopped, at the earliest.
pub const COME_BACK_AFTER_MS: u32 = 1_000;
/// Time by which the latest of them is later than that, for each member.
pub const COME_BACK_SPREAD_MS_PER_MEMBER: u32 = 10;
/// A relay that is silent for this long, four pings, is taken for dead.
pub const SILENCE_MAX_MS: u64 = 20_000;
/// A question to a peer that is not answered for this long is asked again.
pub const REQUEST_TIMEOUT_MS: u64 = 10_000;
/// A peer that lacks bodies which it should have is asked again after this time.
pub const BODIES_RETRY_MS: u64 = 2_000;
/// Points of keys that a chain keeps, with which it verified signatures lately.
pub const POINTS_MAX: usize = 1024;
/// Bytes of bodies in one answer.
pub const BODIES_ANSWER_BYTES_MAX: usize = 900 * 1024;
/// Questions for bodies for which a relay reads its store at a time, one of each member.
pub const BODIES_QUESTIONS_READ_MAX: usize = 8;
/// Questions for log entries for which a relay reads its store at a time, one of each member.
pub const LOG_QUESTIONS_READ_MAX: usize = 8;
/// Blocks that a consistency check reads at once.
pub const CHECK_PORTION_BLOCKS: u64 = 256;
/// A member that does not answer a consistency check for this long counts as silent.
pub const CHECK_TIMEOUT_MS: u64 = 8_000;
/// Pending transactions get into the block that is being mined at most this late.
pub const TEMPLATE_REFRESH_MS: u64 = 1_000;
/// The timestamp of the block that is being mined is renewed at least this often.
pub const TEMPLATE_AGE_MAX_MS: u64 = 10_000;

/// Changes of presence are told to everyone at most this late, many at once.
pub const PRESENCE_DELAY_MS: u64 = 100;
/// A member may ask for a consistency check once in this time.
pub const CHECK_REQUEST_INTERVAL_MS: u64 = 200;
