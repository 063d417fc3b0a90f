//! Every limit of the relay's shell, once. Those of the protocol are in [`shared::limits`].

use std::time::Duration;

use shared::limits::FRAME_BYTES_MAX;

/// Networks of one relay. One more is refused.
pub const NETWORKS_MAX: usize = 200;
/// Networks that one address may make in an hour without a token, where anyone may make them.
pub const NETWORKS_PER_ADDRESS_PER_HOUR: u32 = 10;
/// The same at once, after a pause.
pub const NETWORKS_PER_ADDRESS_BURST: u32 = 20;
/// Requests for a new network that may wait for those before them.
pub const NETWORK_REQUESTS_MAX: usize = 16;
/// Keys that one invitation may admit.
pub const INVITATION_USES_MAX: u32 = 10_000;
/// WebSocket connections of the whole relay. One more is answered 503.
pub const SOCKETS_MAX: usize = 10_000;
/// WebSocket connections from one address, unless the operator sets another number. One more is
/// answered 429.
pub const SOCKETS_PER_ADDRESS_MAX: usize = 1000;
/// TCP connections from one address for each WebSocket that it may have. One more is closed.
pub const CONNECTIONS_PER_SOCKET_MAX: usize = 2;
/// Requests a second from one address, handshakes of WebSockets among them, unless the operator
/// sets another number. More are answered 429.
pub const REQUESTS_PER_ADDRESS_PER_SECOND: u32 = 200;
/// Seconds' worth of requests that one address may make at once after a pause.
pub const REQUESTS_BURST_SECONDS: u32 = 5;
/// Rows that a request reads (blocks, entries of the log, pending transactions, members) for which
/// it counts as one more request of its address.
pub const ROWS_PER_REQUEST_WEIGHT: u32 = 10;
/// Addresses whose requests are counted before those that have paused are forgotten.
pub const ADDRESSES_KEPT_MAX: usize = 10_000;
/// Time from the upgrade until a socket must be registered. It is closed after that.
pub const REGISTRATION_TIMEOUT: Duration = Duration::from_secs(10);
/// Time that a socket gets to take what is under way and answer a close frame.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
/// Frames that may wait for one socket. One more closes it with 1013.
pub const SOCKET_QUEUE_FRAMES_MAX: usize = 1024;
/// Bytes of frames that may wait for one socket. More close it with 1013.
pub const SOCKET_QUEUE_BYTES_MAX: usize = 8 * FRAME_BYTES_MAX;
/// Bytes of a message in JSON. A longer one ends the connection.
pub const JSON_FRAME_BYTES_MAX: usize = 4 * FRAME_BYTES_MAX;
/// Bytes that are read from a socket at once.
pub const SOCKET_READ_BUFFER_BYTES: usize = 8 * 1024;
/// Bytes of frames after which no more are taken for one write to a socket.
pub const SOCKET_BATCH_BYTES: usize = 64 * 1024;
/// Pieces of frames that one call to the system writes on a socket.
pub const PIECES_PER_WRITE_MAX: usize = 64;
/// Inputs and completions that a network's core takes in before what they gave is written.
pub const BURST_MAX: usize = 64;
/// Time from one fan-out to the next for each socket of the network, in which messages to many are
/// gathered: a write to a socket takes some microseconds.
pub const FAN_OUT_PAUSE_PER_SOCKET: Duration = Duration::from_micros(125);
/// The same for any number of sockets.
pub const FAN_OUT_PAUSE_MAX: Duration = Duration::from_millis(125);
/// Messages to many that are gathered at most.
pub const FAN_OUTS_GATHERED_MAX: usize = 48;
/// Sockets of a network for each thread that writes to them.
pub const SOCKETS_PER_WRITER_MIN: usize = 64;
/// Threads that write to the sockets of one network.
pub const WRITERS_MAX: usize = 4;
/// Bytes of frames that are gathered before they are written to a socket.
pub const SOCKET_WRITE_BUFFER_BYTES: usize = SOCKET_BATCH_BYTES;
/// Bytes of a socket's write buffer: what is gathered, one frame, and its header.
pub const SOCKET_WRITE_BUFFER_BYTES_MAX: usize =
    SOCKET_WRITE_BUFFER_BYTES + 2 * JSON_FRAME_BYTES_MAX;

/// Inputs that may wait for a network's core. Senders of more wait.
pub const INPUTS_MAX: usize = 1024;
/// Bytes of received frames that may wait for a network's core. Their senders wait.
pub const INPUT_BYTES_MAX: usize = 32 * FRAME_BYTES_MAX;
/// Signatures that a socket's task checks before it leaves its thread to others.
pub const VERIFIED_AT_ONCE_MAX: usize = 16;
/// Senders that a socket's task knows: for one of them a check takes less.
pub const SENDERS_PER_SOCKET_MAX: usize = 4;
/// Time that REST waits for a network's core and store.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

/// Time in which a client must send a request's headers.
pub const REQUEST_HEADERS_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for which a client may take nothing of what it is sent. Its connection is ended after that.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(20);
/// Time in which a request must have come in and been answered. It is answered 408 after that.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of a REST request's body.
pub const REQUEST_BODY_BYTES_MAX: usize = 64 * 1024;
/// Reads of whole pages of blocks or bodies that go on at a time. Others wait for
/// [`ANSWER_TIMEOUT`], and are answered 503 after that.
pub const HEAVY_READS_MAX: usize = 4;
/// Blocks on one page of a list.
pub const BLOCKS_PER_PAGE_MAX: u32 = 100;
/// Writes of a key on one page of its history.
pub const WRITES_PER_PAGE_MAX: u32 = 100;
/// Transactions of a sender on one page.
pub const SENT_PER_PAGE_MAX: u32 = 100;
/// Blocks that one request looks through for a sender's transactions.
pub const SENT_BLOCKS_SEARCHED_MAX: usize = 1000;
/// Entries of the decision log on one page of a list.
pub const LOG_ENTRIES_PER_PAGE_MAX: u32 = 100;
/// Blocks whose bytes one request checks.
pub const CHECKED_BLOCKS_MAX: u32 = 1000;
/// Blocks that are read at once for it.
pub const BLOCKS_PER_CHECK_READ_MAX: u64 = 16;
/// Bytes of an answer that is hashed for its tag. A longer one has a tag only where something
/// shorter determines it.
pub const HASHED_ANSWER_BYTES_MAX: usize = 256 * 1024;
/// Pending transactions on one page of a list.
pub const PENDING_PER_PAGE_MAX: u32 = 500;

/// Time after which single measurements are summed up. Memory holds so many of them.
pub const METRICS_INTERVAL: Duration = Duration::from_secs(5);

/// Time in which members must have been told when the relay stops.
pub const STOP_TIMEOUT: Duration = Duration::from_millis(3_500);
/// Time in which the store must have committed what was queued after that.
pub const STORE_STOP_TIMEOUT: Duration = Duration::from_secs(1);
