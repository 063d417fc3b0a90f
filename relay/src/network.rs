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

/// Parameters of a network, for tests.
#[cfg(test)]
pub(crate) fn test_parameters(name: &str) -> shared::network::NetworkParameters {
    let settings = crate::settings::NetworkSettings {
        network_name: Some(name.to_owned()),
        ..Default::default()
    };
    let relay = shared::keys::PublicKey([1; 32]);
    match choose_or_create(&settings, [], relay, [2; 16], 1_000) {
        Ok(Choice::New(parameters)) => *parameters,
        other => panic!("{other:?}"),
    }
}
