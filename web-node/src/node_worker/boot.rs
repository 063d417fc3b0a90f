//! From a greeting to a node: a slot, its storage, its key, its replica.

use shared::node::Node;
use shared::node::interface::{Effect, Profile};
use shared::store::Rows;

use super::environment;
use super::identity::{self, Identity, IdentityError};
use super::inbox::{Inbox, Input};
use super::slots::{self, Claim, SlotError};
use crate::js::now_ms;
use crate::ports::{Environment, Fatal, MinerSettings, Slots, Storage, Tab};
use crate::store::indexed_db::IndexedDb;
use crate::store::memory::MemoryStore;
use crate::store::queue::StoreQueue;
use crate::store::{Store, StoreError, TabStore};

/// A node that has just begun, and what it runs on.
pub(super) struct Booted {
    pub(super) node: Node,
    /// The first that it wants done.
    pub(super) effects: Vec<Effect>,
    pub(super) store: StoreQueue,
    pub(super) identity: Identity,
    pub(super) environment: Environment,
    /// Where keys are kept, unless the browser refused its storage.
    pub(super) keys: Option<IndexedDb>,
    /// The network's name at the relay, where it is not the default one.
    pub(super) network: Option<String>,
}

/// How this program introduces itself to a relay.
const AGENT: &str = concat!("tabchain-browser/", env!("CARGO_PKG_VERSION"));

pub(super) async fn boot(
    tab: Tab,
    network: Option<String>,
    inbox: &Inbox,
) -> Result<Booted, Fatal> {
    let opened = match open(tab, network.as_deref(), inbox).await {
        // A browser may refuse its storage altogether: the node runs, and forgets.
        Err(Refused::Storage(reason)) => Opened::in_memory(reason),
        Err(Refused::Fatal(fatal)) => return Err(fatal),
        Ok(opened) => opened,
    };
    let identity = identify(&opened, network.as_deref())
        .await
        .map_err(|error| match error {
            IdentityError::Store(error) => of_store(&error),
            IdentityError::Unusable => Fatal::Key,
            error @ IdentityError::Randomness(_) => failed(&error),
        })?;
    let cores = environment::cores();
    let environment = Environment {
        slot: opened.claim.slot,
        identity: identity.kind(),
        storage: opened.storage,
        slots: opened.claim.kept_by,
        is_persistent: false,
        quota: None,
        cores,
        miners: MinerSettings {
            workers: cores.saturating_sub(1).max(1),
            duty_percent: 100,
        },
        kernel: environment::kernel(),
    };
    let profile = Profile {
        key: identity.public_key(),
        agent: AGENT,
        stays: true,
    };
    let (node, effects) = Node::new(profile, &opened.rows, now_ms());
    let keys = opened.database.clone();
    let store = match opened.database {
        Some(database) => TabStore::IndexedDb(database),
        None => TabStore::Memory(MemoryStore::default()),
    };
    Ok(Booted {
        node,
        effects,
        store: queue(store, inbox),
        identity,
        environment,
        keys,
        network,
    })
}

/// The tab's key. In each network it is the one of the default network, so that its holder can be
/// named in a network's parameters, and invited, before anyone has been there.
async fn identify(opened: &Opened, network: Option<&str>) -> Result<Identity, IdentityError> {
    let database = opened.database.as_ref();
    if let (Some(database), Some(_)) = (database, network) {
        let home = IndexedDb::open(opened.claim.slot, None).await?;
        Identity::copy(&home, database).await?;
    }
    Identity::load_or_create(database).await
}

struct Opened {
    claim: Claim,
    database: Option<IndexedDb>,
    rows: Rows,
    storage: Storage,
}

enum Refused {
    /// There is no storage to be had.
    Storage(String),
    /// There is one, but not for this tab, or not as it is.
    Fatal(Fatal),
}

async fn open(tab: Tab, network: Option<&str>, inbox: &Inbox) -> Result<Opened, Refused> {
    let claim = slots::claim(tab, inbox)
        .await
        .map_err(|error| match error {
            SlotError::Store(error) => Refused::Storage(error.to_string()),
            error @ SlotError::AllTaken => Refused::Fatal(failed(&error)),
        })?;
    let database = IndexedDb::open(claim.slot, network)
        .await
        .map_err(|error| match error {
            error @ StoreError::Newer => Refused::Fatal(failed(&error)),
            error => Refused::Storage(error.to_string()),
        })?;
    identity::take_next(&database)
        .await
        .map_err(|error| Refused::Fatal(of_store(&error)))?;
    // What was stored and cannot be read is not to be run without, and then overwritten.
    let rows = database
        .rows()
        .await
        .map_err(|error| Refused::Fatal(of_store(&error)))?;
    Ok(Opened {
        claim,
        database: Some(database),
        rows,
        storage: Storage::IndexedDb,
    })
}

impl Opened {
    /// A slot means nothing without a storage: the number does not matter.
    fn in_memory(reason: String) -> Self {
        Self {
            claim: Claim {
                slot: 0,
                kept_by: Slots::Leases,
            },
            database: None,
            rows: Rows::default(),
            storage: Storage::Memory { reason },
        }
    }
}

fn queue(store: TabStore, inbox: &Inbox) -> StoreQueue {
    let events = inbox.clone();
    let errors = inbox.clone();
    StoreQueue::new(
        store,
        move |event| events.put(Input::Node(event)),
        move |error| {
            errors.put(Input::Failed(of_store(error)));
        },
    )
}

fn of_store(error: &StoreError) -> Fatal {
    match error {
        StoreError::Full => Fatal::StorageFull,
        error => failed(error),
    }
}

fn failed(error: &impl ToString) -> Fatal {
    Fatal::Storage {
        reason: error.to_string(),
    }
}
