//! What a page shows of a node, what other members see of it, and when it has to be woken.

use super::Node;
use super::interface::Effect;
use crate::chain::Chain;
use crate::message::NodeStatus;
use crate::view::{Abstention, ChainView, MiningView, NetworkView, View};

impl Node {
    /// What a page shows.
    #[must_use]
    pub fn view(&self) -> View {
        let ledger = self.ledger.as_ref();
        View {
            key: self.key,
            network: ledger.map(|ledger| network_view(ledger.replica.chain())),
            connection: self.session.connection(&self.clock),
            is_synced: self.is_synced(),
            id: self.session.id,
            leader: self.leader,
            members: self.members.values().cloned().collect(),
            chain: ledger
                .map(|ledger| ChainView::of(&ledger.replica, &ledger.log.summary(), &self.key))
                .unwrap_or_default(),
            pending: ledger.map_or(0, |ledger| count(ledger.replica.mempool().len())),
            unacknowledged: ledger.map_or(0, |ledger| {
                count(
                    ledger
                        .replica
                        .mempool()
                        .iter()
                        .filter(|pending| !pending.is_acknowledged)
                        .count(),
                )
            }),
            mining: self.mining_view(),
            stake: self.stake_view(),
            check: self.report.clone(),
            damaged: ledger.map_or_else(Vec::new, |ledger| ledger.damaged.clone()),
            convicted: ledger
                .map_or_else(Vec::new, |ledger| ledger.evidence.convictions().to_vec()),
            abstention: ledger
                .filter(|ledger| ledger.voter.abstains())
                .map(|_| Abstention::OldStorage),
            clock_offset_ms: self.clock_offset_ms(),
            rejections: self.rejections.latest().cloned().collect(),
            rejected: self.rejections.counts().clone(),
        }
    }

    pub(super) fn status(&self) -> NodeStatus {
        let Some(ledger) = &self.ledger else {
            return NodeStatus {
                stays: self.stays,
                ..NodeStatus::default()
            };
        };
        let chain = ledger.replica.chain();
        NodeStatus {
            tip: chain.tip(),
            log_length: ledger.log.length(),
            log_head: ledger.log.head(),
            synced: self.is_synced(),
            visible: self.is_visible,
            abstains: ledger.voter.abstains(),
            stays: self.stays,
            hashes_per_second: self.mining.hashes_per_second,
        }
    }

    /// Whether this node has everything that it knows the relay to have.
    pub(super) fn is_synced(&self) -> bool {
        self.ledger.as_ref().is_some_and(|ledger| {
            let chain = ledger.replica.chain();
            !ledger.sync.is_underway(ledger.log.length())
                && (chain.best_header().hash == chain.tip().hash
                    || ledger.sync.waits_in_vain(chain))
                && chain.final_height() == chain.decided().height
        })
    }

    pub(super) fn wake(&mut self, now_ms: u64) {
        self.wake_at_ms = None;
        self.wake_session(now_ms);
        self.wake_ledger(now_ms);
        self.wake_mining(now_ms);
        self.wake_check(now_ms);
    }

    pub(super) fn set_timer(&mut self, now_ms: u64) {
        let ledger = self.ledger.as_ref();
        let due_ms = [
            self.session.due_ms(),
            self.mining.due_ms(),
            self.next_slot_ms(),
            self.checks.due_ms(),
            ledger.and_then(|ledger| ledger.sync.due_ms()),
            ledger
                .and_then(|ledger| ledger.replica.next_due_ms())
                .map(|due_ms| self.steady_ms(due_ms)),
        ]
        .into_iter()
        .flatten()
        .min()
        .map(|due_ms| self.clock.device_ms(due_ms));
        if due_ms != self.wake_at_ms
            && let Some(due_ms) = due_ms
        {
            self.wake_at_ms = Some(due_ms);
            let now_ms = self.clock.device_ms(now_ms);
            self.effects.push(Effect::WakeAt(due_ms.max(now_ms)));
        }
    }

    /// The time of the clock to wait by, for one of the network's.
    pub(super) fn steady_ms(&self, network_time_ms: u64) -> u64 {
        match self.relay_ahead_ms {
            Some(ahead_ms) => network_time_ms.saturating_sub_signed(ahead_ms),
            None => self.clock.steady_ms(network_time_ms),
        }
    }

    fn clock_offset_ms(&self) -> i64 {
        let Some(ahead_ms) = self.relay_ahead_ms else {
            return 0;
        };
        ahead_ms.saturating_add_unsigned(self.clock.ahead_ms())
    }

    fn mining_view(&self) -> MiningView {
        let expected = self.ledger.as_ref().map_or(0.0, |ledger| {
            let chain = ledger.replica.chain();
            chain
                .header(chain.height())
                .map_or(0.0, |sealed| Chain::expected_hashes(sealed.header.bits))
        });
        MiningView {
            wanted: self.mining.wanted,
            paused: self.mining.wanted.then(|| self.mining_pause()).flatten(),
            hashes_per_second: self.mining.hashes_per_second,
            expected_hashes: rounded(expected),
            found: self.mining.found,
        }
    }
}

fn network_view(chain: &Chain) -> NetworkView {
    let network = chain.network();
    NetworkView {
        id: chain.network_id(),
        name: network.name.to_string(),
        spacing_ms: network.spacing_ms(),
        block_reward: network.block_reward,
    }
}

pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Expected hashes as a whole number; more than 2^64 is shown as 2^64.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a conversion from float to integer saturates, and this one is for display"
)]
fn rounded(hashes: f64) -> u64 {
    hashes.round() as u64
}
