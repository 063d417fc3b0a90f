//! The networks of this relay: which there are, how a new one is made, and how the rest of the
//! relay speaks to their cores.

mod creation;
mod handle;
mod task;

use std::collections::HashMap;
use std::sync::Arc;

pub use creation::CreationError;
pub(crate) use creation::{Choice, choose_or_create};
pub(crate) use handle::{Input, NetworkHandle, Unanswered};
pub(crate) use task::NetworkTask;

/// All networks by name, and the one that is meant where none is named.
#[derive(Clone, Debug)]
pub(crate) struct Networks {
    default: NetworkHandle,
    by_name: Arc<HashMap<String, NetworkHandle>>,
}

impl Networks {
    /// The networks of a relay.
    #[must_use]
    pub(crate) fn new(
        default: NetworkHandle,
        others: impl IntoIterator<Item = NetworkHandle>,
    ) -> Self {
        let by_name = core::iter::once(default.clone())
            .chain(others)
            .map(|network| (network.parameters().name.as_str().to_owned(), network))
            .collect();
        Self {
            default,
            by_name: Arc::new(by_name),
        }
    }

    /// The network of this name, or the default one.
    #[must_use]
    pub(crate) fn get(&self, name: Option<&str>) -> Option<&NetworkHandle> {
        match name {
            Some(name) => self.by_name.get(name),
            None => Some(&self.default),
        }
    }

    /// All of them, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &NetworkHandle> {
        self.by_name.values()
    }
}
