//! The relay as a whole: started, watched, stopped.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state, map_response};
use axum::routing::get;
use axum_server::Handle;
use axum_server::accept::NoDelayAcceptor;
use axum_server::tls_rustls::RustlsAcceptor;
use hyper_util::rt::TokioTimer;
use shared::keys::SecretKey;
use sqlite_store::{OpenError, Store, StoreError};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, timeout, timeout_at};
use tracing::info;

use crate::catalogue::{self, RELAY, StoredNetwork};
use crate::clock::{NoRandomness, now_ms, random};
use crate::connections::ConnectionAcceptor;
use crate::context::Context;
use crate::dumps::settings::DumpTargetsError;
use crate::dumps::{DumpRefused, Dumps};
use crate::headers;
use crate::lan::Listening;
use crate::limits::{REQUEST_HEADERS_TIMEOUT, STOP_TIMEOUT, STORE_STOP_TIMEOUT};
use crate::network::{Choice, CreationError, Keeper, RestoreFailed, Restored, choose_or_create};
use crate::settings::{NetworkSettings, OperationSettings, Settings, TlsValueError, TokenError};
use crate::tls::{self, Tls, TlsError};
use crate::tokens::{Token, TokenHash};
use crate::wire::WireAcceptor;
use crate::{addresses, hosts, metrics, page, request_id, rest};

/// Why the relay did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port is taken.
    #[error(
        "port {} of {} is taken, perhaps by another relay: stop that program, or choose another port, such as --port {}",
        .0.port(), .0.ip(), .0.port().wrapping_add(1).max(1024)
    )]
    PortTaken(SocketAddr),
    /// The system does not allow the port.
    #[error(
        "this user may not listen on port {}: choose one from 1024 on, such as --port 18000",
        .0.port()
    )]
    PortForbidden(SocketAddr),
    /// The address is not this machine's.
    #[error(
        "this machine has no address {}: bind 127.0.0.1 for itself alone, or 0.0.0.0 for the LAN too",
        .0.ip()
    )]
    NoSuchAddress(SocketAddr),
    /// The system does not let the relay listen for another reason.
    #[error("the relay cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's answer.
        source: io::Error,
    },
    /// The flags for https contradict each other.
    #[error(transparent)]
    TlsValue(#[from] TlsValueError),
    /// There is no https.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The data folder is not usable.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database is not readable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no network to serve.
    #[error(transparent)]
    Network(#[from] CreationError),
    /// What is stored of a network does not fit together.
    #[error(transparent)]
    Restore(#[from] RestoreFailed),
    /// The operator's token is not to be had.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The targets of dumps are not to be had.
    #[error(transparent)]
    DumpTargets(#[from] DumpTargetsError),
    /// The dumps that were started before cannot be gone on with.
    #[error(transparent)]
    Dumps(#[from] DumpRefused),
    /// There is no randomness.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
}

/// Why the relay ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// What was acknowledged must be durable: without storage there is no relay.
    #[error("{0}. Nothing acknowledged is lost; make room or repair the disk, and start again")]
    Store(#[from] StoreError),
    /// The server's listening socket failed.
    #[error("the server failed: {0}")]
    Server(#[from] io::Error),
    /// A defect of the relay.
    #[error("a part of the relay failed; this is a defect, please report it: {0}")]
    Defect(#[from] JoinError),
}

/// A running relay.
#[derive(Debug)]
pub struct Server {
    listening: Listening,
    fingerprint: Option<String>,
    context: Context,
    handle: Handle<SocketAddr>,
    http: JoinHandle<io::Result<()>>,
    metrics: JoinHandle<()>,
    new_token: Option<Token>,
    /// Until it has ended.
    keeper: Option<JoinHandle<Result<(), JoinError>>>,
    /// Until it has ended.
    store: Option<JoinHandle<Result<(), StoreError>>>,
}

impl Server {
    /// Starts a relay; when this returns, requests are answered.
    pub async fn start(settings: &Settings) -> Result<Self, StartError> {
        metrics::start();
        let tls_mode = settings.tls.mode()?;
        let dump_targets = settings.dumps.targets()?;
        // The port first: a second start by mistake must not touch the data folder.
        let listener = listen(SocketAddr::new(settings.bind, settings.port))?;
        let mut store = Store::open(&settings.data, &RELAY).await?;
        let tls = tls::prepare(&tls_mode, &settings.data)?;

        let new_seed = random()?;
        let key = store.run(|file| Box::pin(catalogue::identity(file, new_seed)));
        let seed = key.await?.to_seed();
        let (operator, new_token) = operator(&mut store, &settings.operation).await?;
        let (default, others) = stored_networks(&mut store, &settings.network, &seed).await?;
        let member_rate = settings.addresses.messages_per_member;
        let default = restore(&mut store, default, &seed, member_rate).await?;
        let mut restored = Vec::new();
        for network in others {
            restored.push(restore(&mut store, network, &seed, member_rate).await?);
        }
        let (store, store_task) = store.start();
        let dumps = Dumps::new(dump_targets, store.clone());
        let (keeper, networks) = Keeper::start(default, restored, seed, member_rate, store);
        dumps.resume(&networks).await?;

        let address = listener.local_addr().map_err(|source| StartError::Listen {
            address: SocketAddr::new(settings.bind, settings.port),
            source,
        })?;
        let listening = Listening {
            address,
            is_tls: tls.is_some(),
        };
        let context = Context::new(networks, dumps, listening, operator, settings);
        let handle = Handle::new();
        let fingerprint = tls.as_ref().map(|tls| tls.fingerprint.clone());
        let http = tokio::spawn(serve(
            listener,
            tls,
            routes(context.clone()),
            context.clone(),
            handle.clone(),
        ));
        Ok(Self {
            listening,
            fingerprint,
            context,
            handle,
            http,
            metrics: tokio::spawn(metrics::sum_up()),
            new_token,
            keeper: Some(tokio::spawn(keeper.run())),
            store: Some(store_task),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn listening(&self) -> Listening {
        self.listening
    }

    /// The certificate's fingerprint, where it speaks https.
    #[must_use]
    pub fn fingerprint(&self) -> Option<&str> {
        self.fingerprint.as_deref()
    }

    /// The operator's token, where this start made it. It is to be shown once.
    #[must_use]
    pub fn new_operator_token(&self) -> Option<&Token> {
        self.new_token.as_ref()
    }

    /// Completes when a part of the relay has ended that should not.
    pub async fn failure(&mut self) -> RunError {
        tokio::select! {
            result = ended(&mut self.store) => match result {
                Ok(Err(error)) => error.into(),
                Ok(Ok(())) => io::Error::other("the store has ended").into(),
                Err(defect) => defect.into(),
            },
            result = &mut self.http => match result {
                Ok(Err(error)) => error.into(),
                Ok(Ok(())) => io::Error::other("the server has ended").into(),
                Err(defect) => defect.into(),
            },
            result = ended(&mut self.keeper) => match result {
                Ok(Ok(())) => io::Error::other("a network has ended").into(),
                Ok(Err(defect)) | Err(defect) => defect.into(),
            },
        }
    }

    /// Tells members when to come back, writes what is to be written, and ends.
    pub async fn stop(mut self) -> Result<(), RunError> {
        let deadline = Instant::now() + STOP_TIMEOUT;
        self.handle.graceful_shutdown(Some(STOP_TIMEOUT));
        // Whatever a dump has not written by the deadline it writes after the next start.
        let _ = timeout_at(deadline, self.context.dumps().pause()).await;
        self.context.networks().stop().await;
        let networks = async {
            if self.keeper.is_some() {
                // What failed there was told by `failure`, or does not matter any more.
                let _ = ended(&mut self.keeper).await;
            }
        };
        let sockets = self.context.sockets_closed();
        // Whoever has not come to an end by then is left behind.
        let _ = timeout_at(deadline, async { tokio::join!(networks, sockets) }).await;
        if let Some(keeper) = self.keeper.take() {
            keeper.abort();
        }
        self.handle.shutdown();
        self.metrics.abort();
        // The store ends with its last client, after its last commit.
        match timeout(STORE_STOP_TIMEOUT, ended(&mut self.store)).await {
            Ok(result) => result?.map_err(RunError::from),
            Err(_) if self.store.is_none() => Ok(()),
            Err(_) => Err(io::Error::other("the store did not end in time").into()),
        }
    }
}

/// How a task ended; once that was told, never again.
async fn ended<T>(task: &mut Option<JoinHandle<T>>) -> Result<T, JoinError> {
    let result = match task {
        Some(task) => task.await,
        None => core::future::pending().await,
    };
    *task = None;
    result
}

fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    let listener = TcpListener::bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => StartError::PortTaken(address),
        io::ErrorKind::PermissionDenied => StartError::PortForbidden(address),
        io::ErrorKind::AddrNotAvailable => StartError::NoSuchAddress(address),
        _ => StartError::Listen { address, source },
    })?;
    match listener.set_nonblocking(true) {
        Ok(()) => Ok(listener),
        Err(source) => Err(StartError::Listen { address, source }),
    }
}

/// Makes a new operator's token for the relay of a data folder, in place of the one before.
pub async fn new_operator_token(data: &Path) -> Result<Token, StartError> {
    let mut store = Store::open(data, &RELAY).await?;
    let token = Token::random()?;
    let hash = token.hash();
    store
        .run(|file| Box::pin(catalogue::operator(file, hash, true)))
        .await?;
    Ok(token)
}

/// What is kept of the operator's token; and the token itself where it was made just now.
async fn operator(
    store: &mut Store,
    settings: &OperationSettings,
) -> Result<(TokenHash, Option<Token>), StartError> {
    if let Some(given) = settings.given_token()? {
        return Ok((given.hash(), None));
    }
    let fresh = Token::random()?;
    let hash = fresh.hash();
    let kept = store
        .run(|file| Box::pin(catalogue::operator(file, hash, false)))
        .await?;
    let is_fresh = kept.is_of(fresh.as_str());
    Ok((kept, is_fresh.then_some(fresh)))
}

/// The networks to serve, the default one first; it is made if need be.
async fn stored_networks(
    store: &mut Store,
    settings: &NetworkSettings,
    seed: &[u8; 32],
) -> Result<(StoredNetwork, Vec<StoredNetwork>), StartError> {
    let mut networks = store
        .run(|file| Box::pin(catalogue::networks(file)))
        .await?;
    let choice = choose_or_create(
        settings,
        networks.iter().map(|network| &network.parameters),
        SecretKey::from_seed(seed).public_key(),
        random()?,
        now_ms(),
    )?;
    let default = match choice {
        Choice::Existing(position) => networks.remove(position),
        Choice::New(parameters) => {
            let parameters = *parameters;
            let added = parameters.clone();
            let added = store.run(|file| Box::pin(catalogue::add_network(file, added, None)));
            let replica = added.await?;
            info!(network = %parameters.name, id = %parameters.id(), "made a network");
            StoredNetwork {
                replica,
                parameters,
                administrator: None,
            }
        }
    };
    Ok((default, networks))
}

async fn restore(
    store: &mut Store,
    network: StoredNetwork,
    seed: &[u8; 32],
    member_rate: u32,
) -> Result<Restored, StartError> {
    let rows = store.rows(network.replica).await?;
    Ok(Restored::new(network, &rows, seed, member_rate)?)
}

fn routes(context: Context) -> Router {
    Router::new()
        .merge(rest::router())
        .merge(page::router())
        .route("/metrics", get(metrics::scrape))
        .layer(from_fn_with_state(context.clone(), hosts::check))
        .layer(from_fn_with_state(context.clone(), addresses::limit))
        .layer(map_response(headers::secure))
        .layer(from_fn(request_id::identify))
        .with_state(context)
}

async fn serve(
    listener: TcpListener,
    tls: Option<Tls>,
    routes: Router,
    context: Context,
    handle: Handle<SocketAddr>,
) -> io::Result<()> {
    let routes = routes.into_make_service_with_connect_info::<SocketAddr>();
    match tls {
        None => {
            let acceptor = ConnectionAcceptor::new(WireAcceptor, context);
            let server = axum_server::from_tcp(listener)?.acceptor(acceptor);
            in_time(server).handle(handle).serve(routes).await
        }
        Some(tls) => {
            let tls = RustlsAcceptor::new(tls.config).acceptor(NoDelayAcceptor::new());
            let acceptor = ConnectionAcceptor::new(tls, context);
            let server = axum_server::from_tcp(listener)?.acceptor(acceptor);
            in_time(server).handle(handle).serve(routes).await
        }
    }
}

/// A server that ends connections whose requests come in too slowly.
fn in_time<A>(
    mut server: axum_server::Server<SocketAddr, A>,
) -> axum_server::Server<SocketAddr, A> {
    server
        .http_builder()
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_HEADERS_TIMEOUT);
    server
}
