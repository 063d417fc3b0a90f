//! Joining a network as a member, as docs/protocol.md has it: no more of a node than a load needs.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use shared::encoding::{List, Text};
use shared::hash::NetworkId;
use shared::keys::SecretKey;
use shared::message::{
    Hello, MemberId, Message, NodeStatus, PROTOCOL_VERSION, RegistrationStatement,
};
use shared::transaction::{Action, Expect, Key, SignedTransaction, Transaction, Value};

use super::LoadError;
use super::websocket::{self, FrameReader, Joiner};

/// Sockets say something as they join; this is read of it at once.
const READ_BYTES: usize = 16 * 1024;

/// A connection that has just joined.
#[derive(Debug)]
pub struct Joined {
    /// The connection, which still blocks.
    pub stream: TcpStream,
    /// Where its frames stand.
    pub frames: FrameReader,
    /// The part of a message that has come.
    pub joiner: Joiner,
    /// What came behind the welcome.
    pub messages: Vec<Message>,
    /// The member's number.
    pub id: MemberId,
    /// What it has joined.
    pub network: NetworkId,
}

/// Registers a key and waits for the welcome.
pub fn join(relay: SocketAddr, secret: &SecretKey) -> Result<Joined, LoadError> {
    let stream = websocket::connect(
        relay,
        "/api/v1/socket",
        "Sec-WebSocket-Protocol: tabchain.v1\r\n",
    )?;
    let mut joined = Joined {
        stream,
        frames: FrameReader::default(),
        joiner: Joiner::default(),
        messages: Vec::new(),
        id: 0,
        network: NetworkId::default(),
    };
    // Nobody listens on the line of a benchmark.
    let node_nonce = [7; 32];
    joined.send(&Message::Hello(Hello {
        protocol_version: PROTOCOL_VERSION,
        network: None,
        key: secret.public_key(),
        nonce: node_nonce,
        agent: Text::truncated("load"),
    }))?;
    let challenge = match joined.receive()? {
        Message::Challenge(challenge) => challenge,
        other => return Err(LoadError::unexpected("a challenge", other)),
    };
    let statement = RegistrationStatement {
        network: challenge.network.id(),
        relay: challenge.network.relay,
        node: secret.public_key(),
        relay_nonce: challenge.nonce,
        node_nonce,
    };
    joined.send(&Message::Register {
        signature: secret.sign(&statement.by_node()),
        invitation: None,
        remembered: Box::default(),
    })?;
    let welcome = match joined.receive()? {
        Message::Welcome(welcome) => welcome,
        other => return Err(LoadError::unexpected("a welcome", other)),
    };
    joined.id = welcome.id;
    joined.network = statement.network;
    Ok(joined)
}

impl Joined {
    /// Sends a message.
    pub fn send(&mut self, message: &Message) -> Result<(), LoadError> {
        self.stream
            .write_all(&websocket::frame(&message.to_frame()))
            .map_err(LoadError::io("a message to the relay"))
    }

    /// Waits for the next message.
    pub fn receive(&mut self) -> Result<Message, LoadError> {
        let mut buffer = [0; READ_BYTES];
        while self.messages.is_empty() {
            let count = self
                .stream
                .read(&mut buffer)
                .map_err(LoadError::io("a message of the relay"))?;
            if count == 0 {
                return Err(LoadError::Silence("a message: the relay has closed"));
            }
            let (joiner, messages) = (&mut self.joiner, &mut self.messages);
            let bytes = buffer.get(..count).unwrap_or_default();
            self.frames.read(bytes, |part, is_last| {
                joiner.join(part, is_last, |frame| {
                    messages.extend(Message::from_frame(frame));
                });
            });
        }
        Ok(self.messages.remove(0))
    }
}

/// The answer to a ping of a member that says it is in step, or not.
pub fn pong(sequence: u64, synced: bool) -> Message {
    Message::Pong {
        sequence,
        status: status(synced),
    }
}

/// The status of a member that is in step and may lead, or is not.
pub fn status(synced: bool) -> NodeStatus {
    NodeStatus {
        synced,
        visible: true,
        stays: synced,
        ..NodeStatus::default()
    }
}

/// A signed transaction that writes `value`, with the work that the default network asks for.
pub fn transaction(
    secret: &SecretKey,
    network: NetworkId,
    sequence: u64,
    key: &str,
    value: &str,
) -> Option<SignedTransaction> {
    /// As relays make networks by default.
    const WORK_BITS: u8 = 10;
    let transaction = Transaction {
        network,
        sender: secret.public_key(),
        sequence,
        valid_until: None,
        action: Action::Put {
            key: Key::new(key).ok()?,
            value: Value::new(value).ok()?,
            expect: Expect::Anything,
        },
        work: 0,
    }
    .with_work(WORK_BITS);
    Some(SignedTransaction {
        signature: secret.sign(&transaction.statement()),
        transaction,
    })
}

/// The message that hands one transaction in.
pub fn submission(signed: SignedTransaction) -> Message {
    Message::Transactions(List::truncated([signed]))
}
