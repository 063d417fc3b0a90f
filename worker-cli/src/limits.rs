//! Every limit of the command-line worker, once. Those of the protocol are in [`shared::limits`].

use std::time::Duration;

/// Time in which a connection to the relay must be open, its handshakes included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time that the relay gets to answer a close frame.
pub const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Frames that may wait to be sent. One more ends the connection.
pub const OUTGOING_FRAMES_MAX: usize = 256;
/// Frames that may wait for the node. The socket waits.
pub const INCOMING_FRAMES_MAX: usize = 64;
/// Bytes of an answer over REST.
pub const REST_ANSWER_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of the socket's write buffer.
pub const WRITE_BUFFER_BYTES_MAX: usize = 4 * shared::limits::FRAME_BYTES_MAX;
/// Requests to the node that may wait. Their senders wait.
pub const REQUESTS_MAX: usize = 64;
/// Time between two looks at the node.
pub const VIEW_INTERVAL: Duration = Duration::from_millis(50);
/// Time that a node gets to tell the relay that it leaves and to write what is to be written.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(4);

/// Commands that may act on a running worker at once. One more waits.
pub const CONTROL_CONNECTIONS_MAX: usize = 32;
/// Bytes of a message on the control socket.
pub const CONTROL_MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Time that a command waits for others that use the data folder.
pub const FOLDER_PATIENCE: Duration = Duration::from_secs(20);

/// Nonces that a miner tries between two looks at whether its work still stands.
pub const NONCES_PER_CALL: u32 = 1 << 16;
/// Miner threads.
pub const MINERS_MAX: usize = 256;

/// Blocks on one page of `get_chain`.
pub const BLOCKS_PER_PAGE_MAX: u32 = 200;
