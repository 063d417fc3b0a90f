//! A proxy before the relay that hands everything on, and may alter one file on its way: how a
//! browser comes to workers of another build, or to a clock that is wrong.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::scenario::Address;

const END_OF_HEAD: &[u8] = b"\r\n\r\n";
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A proxy on a free port; it ends when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    alteration: Shared,
    task: JoinHandle<()>,
}

type Shared = Arc<Mutex<Option<Alteration>>>;

#[derive(Clone)]
struct Alteration {
    path: &'static str,
    alter: Arc<dyn Fn(Vec<u8>) -> Vec<u8> + Send + Sync>,
}

impl Proxy {
    /// Starts one before the relay on this port.
    pub async fn start(relay_port: u16) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        let alteration = Shared::default();
        let shared = alteration.clone();
        let task = tokio::spawn(async move {
            while let Ok((browser, _)) = listener.accept().await {
                // What a connection ends with, the browser sees for itself.
                tokio::spawn(serve(browser, relay_port, shared.clone()));
            }
        });
        Ok(Self {
            port,
            alteration,
            task,
        })
    }

    /// The address of the page behind it.
    #[must_use]
    pub fn url(&self, address: Address) -> String {
        address.url(self.port)
    }

    /// From now on alters the file at `path`.
    pub fn alter(
        &self,
        path: &'static str,
        alter: impl Fn(Vec<u8>) -> Vec<u8> + Send + Sync + 'static,
    ) {
        let alter = Arc::new(alter);
        self.set(Some(Alteration { path, alter }));
    }

    /// From now on alters nothing.
    pub fn alter_nothing(&self) {
        self.set(None);
    }

    fn set(&self, alteration: Option<Alteration>) {
        *self
            .alteration
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = alteration;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for Alteration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Alteration").field(&self.path).finish()
    }
}

/// One request and its answer, or one upgraded connection.
async fn serve(mut browser: TcpStream, relay_port: u16, shared: Shared) -> io::Result<()> {
    let Some((head, rest)) = read_head(&mut browser).await? else {
        return Ok(());
    };
    let alteration = shared
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone()
        .filter(|alteration| path_of(&head) == Some(alteration.path));
    let mut relay = TcpStream::connect(("127.0.0.1", relay_port)).await?;
    relay.write_all(last_request(&head).as_bytes()).await?;
    relay.write_all(&rest).await?;
    if let Some(Alteration { alter, .. }) = alteration
        && let Some((head, mut body)) = read_head(&mut relay).await?
    {
        relay.read_to_end(&mut body).await?;
        let body = alter(body);
        let head = without(&head, &["content-length", "etag", "last-modified"]);
        let length = format!("content-length: {}\r\n\r\n", body.len());
        browser
            .write_all((head + length.as_str()).as_bytes())
            .await?;
        return browser.write_all(&body).await;
    }
    copy_bidirectional(&mut browser, &mut relay).await?;
    Ok(())
}

/// The head of a message, and what came with it of the rest. Nothing where it does not come.
async fn read_head(stream: &mut TcpStream) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    while bytes.len() < HEAD_BYTES_MAX && stream.read_buf(&mut bytes).await? > 0 {
        let mut windows = bytes.windows(END_OF_HEAD.len());
        if let Some(end) = windows.position(|window| window == END_OF_HEAD) {
            let rest = bytes.split_off(end + END_OF_HEAD.len());
            return Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), rest)));
        }
    }
    Ok(None)
}

/// The path that a request's first line names, without its query.
fn path_of(head: &str) -> Option<&str> {
    head.split(' ').nth(1)?.split('?').next()
}

/// The request as the only one of its connection, for a body that is neither compressed nor left
/// out; one for a WebSocket as it is.
fn last_request(head: &str) -> String {
    if head.to_ascii_lowercase().contains("\r\nupgrade:") {
        return head.to_owned();
    }
    let unwanted = [
        "connection",
        "accept-encoding",
        "if-none-match",
        "if-modified-since",
    ];
    without(head, &unwanted) + "connection: close\r\n\r\n"
}

/// A head without these fields, and without the empty line at its end.
fn without(head: &str, names: &[&str]) -> String {
    let is_kept = |line: &&str| {
        line.split_once(':').is_none_or(|(name, _)| {
            !names
                .iter()
                .any(|unwanted| name.eq_ignore_ascii_case(unwanted))
        })
    };
    let lines = head.split("\r\n").filter(|line| !line.is_empty());
    lines
        .filter(is_kept)
        .flat_map(|line| [line, "\r\n"])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "GET /node.js?build=1 HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: br\r\nConnection: keep-alive\r\n\r\n";

    #[test]
    fn a_request_becomes_the_last_of_its_connection() {
        assert_eq!(path_of(REQUEST), Some("/node.js"));
        assert_eq!(
            last_request(REQUEST),
            "GET /node.js?build=1 HTTP/1.1\r\nHost: localhost\r\nconnection: close\r\n\r\n"
        );
    }

    #[test]
    fn an_upgrade_is_handed_on_as_it_is() {
        let upgrade = REQUEST.replace("keep-alive", "Upgrade\r\nUpgrade: websocket");
        assert_eq!(last_request(&upgrade), upgrade);
    }
}
