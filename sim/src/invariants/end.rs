//! What must hold within a bound after the last fault.

use shared::hash::BlockHash;
use shared::limits::{BLOCK_BODY_BYTES_MAX, BLOCK_TRANSACTIONS_MAX};
use shared::message::ErrorCode;
use shared::node::interface::Connection;

use super::finality::Finality;
use super::{BOUNDS, Broken, Invariants, RelayStanding};
use crate::world::World;

const LIVENESS: &str = "after the last fault honest nodes have one head, and decisions go on";

impl Invariants {
    /// Whether what was going on when peace began has been settled while mining goes on: every
    /// honest node is back, something was decided, and nothing that can be mined waits for long.
    /// What is lacking, if anything is.
    pub(crate) fn unsettled(&self, world: &World, decided_before: u64) -> Option<String> {
        for (index, sim) in world.nodes.iter().enumerate() {
            let Some(node) = world.honest(index) else {
                if sim.liar.is_none() && !sim.is_closed {
                    return Some(format!("node {index} does not run"));
                }
                continue;
            };
            let view = node.view();
            if self.relay != RelayStanding::Honest && is_distrusting(&view.connection) {
                continue;
            }
            if view.connection != Connection::Joined {
                return Some(format!("node {index} is not back: {:?}", view.connection));
            }
            if self.may_stand_still(world) {
                continue;
            }
            let chain = &view.chain;
            if chain.final_height <= decided_before || chain.final_height + 2 < chain.height {
                return Some(format!(
                    "node {index} has height {}, of which {} are final, {decided_before} were when \
                     faults ended; log of {}; rejections {:?}",
                    chain.height, chain.final_height, chain.log_length, view.rejections
                ));
            }
        }
        self.waiting(world)
    }

    /// A transaction that could be mined, and is not, although blocks come. A write that fails is
    /// included all the same, so that its sender's next ones are not held up.
    fn waiting(&self, world: &World) -> Option<String> {
        let core = world.relays.first()?.core.as_ref()?;
        let chain = core.replica().chain();
        let next_height = chain.height() + 1;
        let ready = core.replica().mempool().select(
            chain.state(),
            next_height,
            BLOCK_TRANSACTIONS_MAX,
            BLOCK_BODY_BYTES_MAX,
        );
        let first = ready.first().filter(|_| !self.may_stand_still(world))?;
        Some(format!(
            "transaction {} of {} that wait could stand in block {next_height}",
            first.id(),
            ready.len()
        ))
    }

    /// A relay that shows two views, or is proved to have signed two logs, settles nothing: nodes
    /// that have the proof stay away from it.
    fn may_stand_still(&self, world: &World) -> bool {
        self.relay == RelayStanding::Lying
            || self.relay == RelayStanding::SetBack && is_forked(world)
    }

    /// The relay's head, which all are to have.
    fn settled_relay(&self, world: &World) -> Result<BlockHash, Broken> {
        let core = world.relays.first().and_then(|sim| sim.core.as_ref());
        let core = core.ok_or_else(|| (LIVENESS, "the relay does not run".to_owned()))?;
        all_is_answered("the relay", core.unanswered())?;
        Ok(core.replica().chain().tip().hash)
    }

    /// Within a bound after the last fault all honest nodes and the relay have one head. Asked
    /// when nobody mines any more.
    pub(crate) fn check_end(&self, world: &World) -> Result<(), Broken> {
        self.finality.two_views_are_detectable(world)?;
        if self.relay == RelayStanding::SetBack && !is_forked(world) {
            self.finality.nobody_contradicts(world)?;
        }
        if self.may_stand_still(world) {
            return Ok(());
        }
        let head = self.settled_relay(world)?;
        for index in 0..world.nodes.len() {
            let Some(node) = world.honest(index) else {
                continue;
            };
            let view = node.view();
            let (chain, tip) = (&view.chain, view.chain.tip);
            if tip != head {
                let what = format!("node {index} is at {tip}, the relay at {head}");
                return Err((LIVENESS, what));
            }
            all_is_answered(&format!("node {index}"), node.unanswered())?;
            self.equivocators.are_known_to(index, &view.convicted)?;
            Finality::no_honest_member_is_convicted(world, &view.convicted)?;
            if chain.final_height + 2 < chain.height {
                let what = format!(
                    "node {index} has height {}, {} are final",
                    chain.height, chain.final_height
                );
                return Err((LIVENESS, what));
            }
            if let Some(replica) = node.replica()
                && self.relay == RelayStanding::Honest
            {
                self.transactions
                    .each_has_one_fate(replica, self.ledger.naive())?;
            }
        }
        Ok(())
    }
}

/// Nothing waits for ever: what was to be written, read or signed has been.
fn all_is_answered(who: &str, unanswered: usize) -> Result<(), Broken> {
    match unanswered {
        0 => Ok(()),
        _ => Err((
            BOUNDS,
            format!("{who} still waits for {unanswered} answers"),
        )),
    }
}

/// Whether the relay knows that it has signed two logs, and has stopped.
fn is_forked(world: &World) -> bool {
    let mut cores = world.relays.iter().filter_map(|relay| relay.core.as_ref());
    cores.any(|core| core.view().is_forked())
}

fn is_distrusting(connection: &Connection) -> bool {
    matches!(connection, Connection::Refused(error) if error.code == ErrorCode::Forked)
}

/// The violation of a run that did not settle in time.
pub(crate) fn not_settled(what: String) -> Broken {
    (LIVENESS, what)
}
