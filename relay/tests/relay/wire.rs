//! Sockets as a stranger opens them, and frames written by hand.

use std::net::Ipv4Addr;
use std::time::{SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt, StreamExt};
use shared::encoding::Text;
use shared::keys::SecretKey;
use shared::message::{Hello, Message, PROTOCOL_VERSION, RegistrationStatement, Welcome};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request};
use tokio_tungstenite::tungstenite::{self, Error};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async, connect_async};

use crate::program::PATIENCE;

pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) async fn connect(port: u16) -> Result<Socket, Error> {
    connect_with(port, &[("sec-websocket-protocol", relay::SUBPROTOCOL)]).await
}

pub(crate) async fn connect_with(
    port: u16,
    headers: &[(&'static str, &str)],
) -> Result<Socket, Error> {
    connect_to(port, "/api/v1/socket", headers).await
}

pub(crate) async fn connect_to(
    port: u16,
    path: &str,
    headers: &[(&'static str, &str)],
) -> Result<Socket, Error> {
    let (socket, _) = connect_async(request(port, path, headers)).await?;
    Ok(socket)
}

/// From another address than 127.0.0.1, the connection's own one.
pub(crate) async fn connect_from(address: Ipv4Addr, port: u16) -> Result<Socket, Error> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((address, 0).into())?;
    connect_by(socket, port).await
}

/// With a system that takes in next to nothing ahead: what is not read waits at the relay.
pub(crate) async fn connect_narrowly(port: u16) -> Result<Socket, Error> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    connect_by(socket, port).await
}

async fn connect_by(socket: TcpSocket, port: u16) -> Result<Socket, Error> {
    let stream = socket.connect((Ipv4Addr::LOCALHOST, port).into()).await?;
    let headers = [("sec-websocket-protocol", relay::SUBPROTOCOL)];
    let request = request(port, "/api/v1/socket", &headers);
    let (socket, _) = client_async(request, MaybeTlsStream::Plain(stream)).await?;
    Ok(socket)
}

fn request(port: u16, path: &str, headers: &[(&'static str, &str)]) -> Request<()> {
    let url = format!("ws://127.0.0.1:{port}{path}");
    let mut request = url.into_client_request().unwrap();
    for (name, value) in headers {
        let value = HeaderValue::from_str(value).unwrap();
        request.headers_mut().insert(*name, value);
    }
    request
}

pub(crate) async fn send(socket: &mut Socket, message: &Message) {
    let frame = tungstenite::Message::binary(message.to_frame());
    socket.send(frame).await.unwrap();
}

/// The next message, if one comes before the socket is closed.
pub(crate) async fn receive(socket: &mut Socket) -> Option<Message> {
    loop {
        match timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(tungstenite::Message::Binary(frame))) => {
                return Some(Message::from_frame(&frame).unwrap());
            }
            Some(Ok(tungstenite::Message::Close(_)) | Err(_)) | None => return None,
            Some(Ok(_)) => {}
        }
    }
}

/// The code and reason with which the socket is closed, whatever comes before.
pub(crate) async fn closing(socket: &mut Socket) -> (u16, String) {
    loop {
        match timeout(PATIENCE, socket.next()).await.unwrap() {
            Some(Ok(tungstenite::Message::Close(Some(close)))) => {
                return (close.code.into(), close.reason.to_string());
            }
            Some(Ok(_)) => {}
            other => panic!("a close frame should come, not {other:?}"),
        }
    }
}

/// Registers a key by hand.
pub(crate) async fn register(socket: &mut Socket, secret: &SecretKey) -> Welcome {
    prove(socket, secret).await;
    match receive(socket).await {
        Some(Message::Welcome(welcome)) => *welcome,
        other => panic!("a welcome should come, not {other:?}"),
    }
}

/// Proves to have a key; returns what a listener on the line would have heard.
pub(crate) async fn prove(socket: &mut Socket, secret: &SecretKey) -> [Message; 2] {
    let node_nonce = random();
    let hello = Message::Hello(Hello {
        protocol_version: PROTOCOL_VERSION,
        network: None,
        key: secret.public_key(),
        nonce: node_nonce,
        agent: Text::truncated("by hand"),
    });
    send(socket, &hello).await;
    let Some(Message::Challenge(challenge)) = receive(socket).await else {
        panic!("a challenge should come");
    };
    let statement = RegistrationStatement {
        network: challenge.network.id(),
        relay: challenge.network.relay,
        node: secret.public_key(),
        relay_nonce: challenge.nonce,
        node_nonce,
    };
    let registration = Message::Register {
        signature: secret.sign(&statement.by_node()),
        invitation: None,
        remembered: Box::default(),
    };
    send(socket, &registration).await;
    [hello, registration]
}

pub(crate) fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).unwrap();
    bytes
}

pub(crate) fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(since_1970.as_millis()).unwrap()
}
