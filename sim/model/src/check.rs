//! Exploring a configuration, in full or until something is refuted.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use stateright::{Checker, DiscoveryClassification, Expectation, HasDiscoveries, Model};

use crate::configuration::Configuration;
use crate::system::{Action, System};

/// What came of exploring every state of a configuration.
#[derive(Clone, Debug)]
pub struct Explored {
    /// The configuration's name.
    pub name: &'static str,
    /// States, those counted once that differ only by the names of voters and decisions.
    pub states: usize,
    /// Events on the longest of the shortest ways to a state.
    pub depth: usize,
    /// How long it took.
    pub took: Duration,
    /// Properties that do not hold, each with events that show it.
    pub refuted: Vec<(&'static str, Vec<Action>)>,
    /// What should be possible and was not met.
    pub unmet: Vec<&'static str>,
}

/// A way to break a property, and none is shorter.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// The property.
    pub property: &'static str,
    /// The events.
    pub events: Vec<Action>,
    /// States explored to find it.
    pub states: usize,
}

impl Explored {
    /// Whether everything holds, and everything that should be possible was met.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.refuted.is_empty() && self.unmet.is_empty()
    }
}

/// Explores every state of a configuration under the unbroken rules.
#[must_use]
pub fn explore(world: Configuration) -> Explored {
    let started = Instant::now();
    let name = world.name;
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let checker = System::new(world, None)
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    let discoveries = checker.discoveries();
    let properties = checker.model().properties();
    let (possible, required): (Vec<_>, Vec<_>) = properties
        .into_iter()
        .partition(|property| property.expectation == Expectation::Sometimes);
    Explored {
        name,
        states: checker.unique_state_count(),
        depth: checker.max_depth() - 1,
        took: started.elapsed(),
        refuted: required
            .into_iter()
            .filter_map(|property| {
                let path = discoveries.get(property.name)?;
                Some((property.name, path.clone().into_actions()))
            })
            .collect(),
        unmet: possible
            .into_iter()
            .map(|property| property.name)
            .filter(|name| !discoveries.contains_key(name))
            .collect(),
    }
}

/// The shortest way to break any property, if there is one.
#[must_use]
pub fn refute(system: &System) -> Option<Counterexample> {
    let mut shortest: Option<Counterexample> = None;
    loop {
        // The checker goes on for a while after its first find, and reports the last one.
        let mut checker = system
            .clone()
            .checker()
            .finish_when(HasDiscoveries::AnyFailures);
        if let Some(found) = &shortest {
            checker = checker.target_max_depth(found.events.len() + 1);
        }
        let checker = checker.spawn_bfs().join();
        let failures = checker.discoveries().into_iter().filter(|(name, _)| {
            let class = checker.discovery_classification(name);
            matches!(class, DiscoveryClassification::Counterexample)
        });
        let found = failures
            .map(|(property, path)| Counterexample {
                property,
                events: path.into_actions(),
                states: checker.unique_state_count(),
            })
            .min_by_key(|found| (found.events.len(), found.property));
        match found {
            Some(found) => shortest = Some(found),
            None => return shortest,
        }
    }
}
