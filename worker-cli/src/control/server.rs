//! The end of the running worker.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::{AbortHandle, JoinSet, spawn};

use super::{Ask, ControlError, Told, VERSION, receive, send};
use crate::commands::Progress;
use crate::failure::{Class, Failure};
use crate::limits::CONTROL_CONNECTIONS_MAX;
use crate::node::NodeHandle;

/// What comes of a wish that concerns the dump.
pub type DumpAnswer = oneshot::Sender<Result<Progress, Failure>>;

/// What a command wishes of the worker itself.
pub enum Wish {
    /// To leave the network and end.
    Leave,
    /// To dump into the database of this URL.
    StartDump(String, DumpAnswer),
    /// To dump no more.
    StopDump(DumpAnswer),
    /// To be told how far the dump is.
    DumpStatus(DumpAnswer),
}

/// Serves commands in a data folder until it is dropped.
#[derive(Debug)]
pub struct Server {
    /// Until nobody new is to come.
    path: Option<PathBuf>,
    task: AbortHandle,
}

impl Server {
    /// Listens at `path`, which is this process's by the lock on its folder.
    pub fn start(
        path: PathBuf,
        node: NodeHandle,
        wishes: mpsc::Sender<Wish>,
    ) -> Result<Self, ControlError> {
        let listener = listen(&path).map_err(|source| ControlError::Socket {
            path: path.clone(),
            source,
        })?;
        let task = spawn(accept(listener, node, wishes)).abort_handle();
        let path = Some(path);
        Ok(Self { path, task })
    }

    /// Lets nobody new in; those who are there are served on. To be called as long as the folder is
    /// this process's: afterwards the socket may be another's.
    pub fn close_door(&mut self) {
        if let Some(path) = self.path.take() {
            // Whoever finds it left connects in vain, and knows.
            let _ = fs::remove_file(path);
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
        self.close_door();
    }
}

/// Made under another name and renamed, so that nobody else can connect before its rights are set.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&new)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
    fs::rename(&new, path)?;
    Ok(listener)
}

async fn accept(listener: UnixListener, node: NodeHandle, wishes: mpsc::Sender<Wish>) {
    let places = Arc::new(Semaphore::new(CONTROL_CONNECTIONS_MAX));
    // Dropped with this task, and all connections with it.
    let mut connections = JoinSet::new();
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (node, wishes) = (node.clone(), wishes.clone());
        connections.spawn(async move {
            // A command that is gone needs no answer.
            let _ = serve(stream, &node, &wishes).await;
            drop(place);
        });
    }
}

async fn serve(
    mut stream: UnixStream,
    node: &NodeHandle,
    wishes: &mpsc::Sender<Wish>,
) -> Result<(), ControlError> {
    loop {
        let told = match receive(&mut stream).await? {
            Ask::Hello { .. } => Told::Welcome {
                version: VERSION.to_owned(),
            },
            Ask::Do(command) => match node.command(command).await {
                Ok(answer) => Told::Answer(Box::new(answer)),
                Err(_) => leaving(),
            },
            Ask::See(after) => match node.see(after).await {
                Ok(seen) => Told::Seen(Box::new(seen)),
                Err(_) => leaving(),
            },
            Ask::Leave => {
                // One that is ending already has its way.
                let _ = wishes.send(Wish::Leave).await;
                Told::Leaving
            }
            Ask::StartDump { url } => of_dump(wishes, |answer| Wish::StartDump(url, answer)).await,
            Ask::StopDump => of_dump(wishes, Wish::StopDump).await,
            Ask::DumpStatus => of_dump(wishes, Wish::DumpStatus).await,
        };
        send(&mut stream, &told).await?;
    }
}

async fn of_dump(wishes: &mpsc::Sender<Wish>, wish: impl FnOnce(DumpAnswer) -> Wish) -> Told {
    let (answer, told) = oneshot::channel();
    // One that is ending answers nothing, which is told below.
    let _ = wishes.send(wish(answer)).await;
    match told.await {
        Ok(Ok(progress)) => Told::Dump(progress),
        Ok(Err(failure)) => failed(failure),
        Err(_) => leaving(),
    }
}

/// The node is gone before its commands are.
fn leaving() -> Told {
    let message = "the worker is leaving: try again";
    failed(Failure::new(Class::NotRunning, message))
}

fn failed(failure: Failure) -> Told {
    Told::Failed {
        class: failure.class(),
        message: failure.to_string(),
    }
}
