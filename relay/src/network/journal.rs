//! What a network's core reports, in the log and in the metrics.

use shared::relay::interface::Report;
use tracing::{debug, error, info, warn};

use crate::metrics;

/// Logs and counts it.
pub(super) fn note(network: &str, report: &Report) {
    match report {
        Report::Joined(member) => {
            info!(network, id = member.id, key = %member.key, "a member joined");
        }
        Report::Left { key, evicted: true } => {
            metrics::evicted(network);
            info!(network, %key, "a member was removed: three pings without an answer");
        }
        Report::Left {
            key,
            evicted: false,
        } => info!(network, %key, "a member left"),
        Report::Led(Some(leader)) => {
            info!(
                network,
                id = leader.id,
                term = leader.term,
                "a member leads"
            );
        }
        Report::Led(None) => info!(network, "nobody leads"),
        Report::Block {
            height,
            transactions,
        } => info!(network, height, transactions, "a block joined the chain"),
        Report::Decided { height } => info!(network, height, "a block is final"),
        Report::Forced { members } => info!(network, members, "the relay set the roster"),
        Report::Lost { entries } => warn!(
            network,
            entries,
            "the store is an older copy: it lacks log entries, and members are asked for them"
        ),
        Report::Recovered { entries } => {
            info!(network, entries, "members have given back the log");
        }
        Report::Forked => error!(
            network,
            "this relay has signed two different logs, as one does that was restored from an \
             older copy: the network is stopped. Restore the newer copy, or begin a new network"
        ),
        Report::Convicted(conviction) => warn!(
            network,
            key = %conviction.key,
            offence = ?conviction.offence,
            "a member has signed what contradicts itself"
        ),
        // Strangers can cause any number of these.
        Report::Rejected { key, rejection } => {
            let kind = rejection.kind.name();
            metrics::rejected(network, kind);
            let key = key.map(|key| key.to_string());
            debug!(
                network,
                kind,
                key,
                reason = rejection.reason,
                "something was refused"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::keys::SecretKey;

    use super::*;

    /// The counter of evictions from a network of this name.
    fn evictions(network: &str) -> Option<String> {
        let named = format!("tabchain_evictions_total{{network=\"{network}\"}} ");
        let text = metrics::counted().unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(&named));
        line.map(str::to_owned)
    }

    #[test]
    fn members_that_were_removed_are_counted_and_those_that_left_are_not() {
        metrics::start();
        let key = SecretKey::from_seed(&[1; 32]).public_key();
        let left = |evicted| note("evicting", &Report::Left { key, evicted });
        left(false);
        assert_eq!(evictions("evicting"), None);
        left(true);
        left(true);
        left(false);
        assert_eq!(evictions("evicting").as_deref(), Some("2"));
    }
}
