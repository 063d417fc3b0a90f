//! Promises on the log, on certificates, and on what honest members sign.

use std::collections::{BTreeMap, BTreeSet};

use shared::chain::Chain;
use shared::encoding::decode;
use shared::finality::evidence::{Conviction, EvidenceKind};
use shared::finality::log::DecisionLog;
use shared::finality::{Ballot, Certificate, Decision, LogEntry, LogEvent, Roster, Step, Vote};
use shared::hash::{BlockHash, Hash};
use shared::keys::PublicKey;
use shared::network::NetworkParameters;
use shared::store::{Table, number_key};

use super::{Broken, RelayStanding, Who};
use crate::world::World;

/// Where votes belong: roster, instance, forced changes.
type LogEnd = (Hash, u64, u64);

/// Which ballot: key, end of the log, round, step.
type Place = (PublicKey, LogEnd, u64, Step);

#[derive(Debug)]
pub(super) struct Finality {
    network: NetworkParameters,
    /// What each replica has ever held for final, also before it started again.
    finals: BTreeMap<(Who, u64), BlockHash>,
    /// What any has, while there is one log.
    agreed: BTreeMap<u64, BlockHash>,
    /// The log of each relay, as it became durable.
    logs: BTreeMap<usize, Vec<Logged>>,
    /// What honest members have voted.
    signed: BTreeMap<Place, Option<Hash>>,
    /// What each honest member has precommitted last at an end of the log.
    locked: BTreeMap<(PublicKey, LogEnd), (u64, Hash)>,
    rosters: BTreeMap<Hash, Roster>,
}

/// An entry, and how the log stands after it.
#[derive(Clone, Debug)]
struct Logged {
    hash: Hash,
    roster: Roster,
    instance: u64,
    last: (u64, BlockHash),
}

impl Finality {
    pub(super) fn new(network: &NetworkParameters) -> Self {
        Self {
            network: network.clone(),
            finals: BTreeMap::new(),
            agreed: BTreeMap::new(),
            logs: BTreeMap::new(),
            signed: BTreeMap::new(),
            locked: BTreeMap::new(),
            rosters: BTreeMap::new(),
        }
    }

    /// Final means logged: a certificate alone makes nothing final.
    pub(super) fn only_the_logged_is_final(
        &self,
        who: Who,
        chain: &Chain,
        log: &DecisionLog,
    ) -> Result<(), Broken> {
        let (held, logged) = (chain.final_height(), log.last().height);
        if held <= logged {
            return Ok(());
        }
        Err((
            "only what is logged is final",
            format!("{who:?} holds height {held} for final, its log decides up to {logged}"),
        ))
    }

    /// No two honest nodes finalise different blocks at one height. A final block is never left,
    /// also across restarts.
    pub(super) fn what_is_final_stays(
        &mut self,
        who: Who,
        chain: &Chain,
        relay: RelayStanding,
    ) -> Result<(), Broken> {
        let known = self.finals.range((who, 0)..=(who, u64::MAX));
        let highest = known.last().map_or(0, |((_, height), _)| *height);
        let last = match who {
            // What it has decided nobody hears of before the entry is durable.
            Who::Relay(relay) => chain.final_height().min(self.logged_height(relay)),
            Who::Node(_) => chain.final_height(),
        };
        for height in highest.min(last)..=last {
            let Some(hash) = chain.hash_at(height) else {
                let what = format!("{who:?} has no block at its final height {height}");
                return Err(("a final block is never left", what));
            };
            let own = *self.finals.entry((who, height)).or_insert(hash);
            if own != hash {
                let what = format!("{who:?} has {hash} at final height {height}, it had {own}");
                return Err(("a final block is never left", what));
            }
            if relay != RelayStanding::Honest {
                continue;
            }
            let agreed = *self.agreed.entry(height).or_insert(hash);
            if agreed != hash {
                let what = format!("{who:?} has {hash} at final height {height}, others {agreed}");
                return Err((
                    "no two honest nodes finalise different blocks at one height",
                    what,
                ));
            }
        }
        Ok(())
    }

    /// The last decision that is durable in a relay's log.
    fn logged_height(&self, relay: usize) -> u64 {
        let last = self.logs.get(&relay).and_then(|entries| entries.last());
        last.map_or(0, |logged| logged.last.0)
    }

    /// Logs of an honest relay's nodes are prefixes of one another: of what became durable there.
    pub(super) fn logs_are_prefixes(
        &self,
        world: &World,
        who: Who,
        log: &DecisionLog,
        relay: RelayStanding,
    ) -> Result<(), Broken> {
        let Who::Node(index) = who else {
            return Ok(());
        };
        let view = world.nodes.get(index).map_or(0, |sim| sim.relay);
        let entries = self.logs.get(&view).map_or(&[][..], Vec::as_slice);
        let Some(last) = log.length().checked_sub(1) else {
            return Ok(());
        };
        let held = usize::try_from(last)
            .ok()
            .and_then(|last| entries.get(last));
        if relay != RelayStanding::Honest || held.is_some_and(|held| held.hash == log.head()) {
            return Ok(());
        }
        Err((
            "logs are prefixes of one another",
            format!(
                "node {index}'s log of {} entries ends in {}, the relay's has {held:?} there",
                log.length(),
                log.head()
            ),
        ))
    }

    /// Every entry continues the log, and every certificate verifies against its roster.
    pub(super) fn logged(
        &mut self,
        relay: usize,
        entry: &LogEntry,
        standing: RelayStanding,
    ) -> Result<(), Broken> {
        let entries = self.logs.entry(relay).or_default();
        let record = &entry.record;
        let hash = record.hash();
        let index = usize::try_from(record.index).unwrap_or(usize::MAX);
        if let Some(held) = entries.get(index) {
            if held.hash == hash || standing != RelayStanding::Honest {
                return Ok(());
            }
            let what = format!("the relay logged a second entry {index}");
            return Err(("logs are prefixes of one another", what));
        }
        let before = entries
            .last()
            .cloned()
            .unwrap_or_else(|| Logged::nothing(&self.network));
        let broken = |what: String| ("every log entry continues the log", what);
        if index != entries.len() || record.previous != before.hash {
            let what = format!("entry {index} came after {} entries", entries.len());
            return Err(broken(what));
        }
        let after = match &record.event {
            LogEvent::Decided {
                decision,
                certificate,
            } => {
                let is_next = decision.instance == before.instance + 1
                    && decision.height > before.last.0
                    && decision.network == self.network.id();
                if !is_next {
                    return Err(broken(format!("{decision:?} came after {before:?}")));
                }
                certificate_holds(decision, certificate, &before.roster)?;
                Logged {
                    hash,
                    roster: decision.next_roster.clone(),
                    instance: decision.instance,
                    last: (decision.height, decision.block),
                }
            }
            LogEvent::Forced {
                new_roster,
                base_height,
                base,
                ..
            } => {
                if (*base_height, *base) != before.last {
                    let what = format!(
                        "a forced change stands on {base} at {base_height}, the last decision is {:?}",
                        before.last
                    );
                    return Err(("a forced change keeps the last decision", what));
                }
                if index > 0 && !self.network.forced_changes_allowed {
                    return Err((
                        "where forced changes are forbidden only the first roster is forced",
                        format!("entry {index} forces {} members", new_roster.members.len()),
                    ));
                }
                // It releases locks, of those who know of it.
                self.locked.clear();
                Logged {
                    hash,
                    roster: new_roster.clone(),
                    ..before
                }
            }
        };
        self.rosters
            .insert(after.roster.hash(), after.roster.clone());
        entries.push(after);
        Ok(())
    }

    /// What an honest node signs is durable first. Where nothing else knows more of its key's votes,
    /// what it signs is what it votes, whether or not anybody comes to see it.
    pub(super) fn signs(
        &mut self,
        world: &World,
        node: usize,
        ballot: &Ballot,
        is_durable: bool,
    ) -> Result<(), Broken> {
        if !is_durable {
            return Err((
                "what is signed is durable first",
                format!("node {node} signs {ballot:?}, which a crash would make it forget"),
            ));
        }
        match world.nodes.get(node) {
            Some(sim) if !sim.has_older_self => self.votes(world, sim.key, ballot),
            _ => Ok(()),
        }
    }

    /// Of copies of a key, and of one that was restored from a backup, counts what the relay passed
    /// on: a vote that nobody has seen binds nobody (docs/adr/0040).
    pub(super) fn passed_on(&mut self, world: &World, vote: &Vote) -> Result<(), Broken> {
        if world.liars().contains(&vote.voter) {
            return Ok(());
        }
        self.votes(world, vote.voter, &vote.ballot)
    }

    /// No honest node equivocates, also across crash and restore; none breaks a lock but for more
    /// than two thirds of later prevotes.
    fn votes(&mut self, world: &World, key: PublicKey, ballot: &Ballot) -> Result<(), Broken> {
        let Ballot {
            roster,
            instance,
            forced_changes,
            round,
            step,
            value,
            ..
        } = *ballot;
        let log_end = (roster, instance, forced_changes);
        let place = (key, log_end, round, step);
        let first = *self.signed.entry(place).or_insert(value);
        if first != value {
            return Err((
                "no honest node equivocates",
                format!("{key} votes {ballot:?}, and has voted {first:?} there"),
            ));
        }
        let Some(value) = value else {
            return Ok(());
        };
        let lock = (key, log_end);
        match (step, self.locked.get(&lock).copied()) {
            (Step::Prevote, Some((locked_in, locked))) if locked_in < round && locked != value => {
                let is_released =
                    (locked_in..round).any(|round| self.has_quorum(world, log_end, round, value));
                if !is_released {
                    return Err((
                        "no honest node breaks its lock",
                        format!("{key}, locked on {locked} in round {locked_in}, votes {ballot:?}"),
                    ));
                }
            }
            (Step::Precommit, known) if known.is_none_or(|(locked_in, _)| locked_in <= round) => {
                self.locked.insert(lock, (round, value));
            }
            _ => {}
        }
        Ok(())
    }

    /// No honest node is convicted. A relay may be: one that was set back, or shows two views.
    pub(super) fn no_honest_member_is_convicted(
        world: &World,
        convicted: &[Conviction],
    ) -> Result<(), Broken> {
        let liars = world.liars();
        let mut members = convicted
            .iter()
            .filter(|conviction| conviction.offence.kind() != EvidenceKind::Log);
        match members.find(|conviction| !liars.contains(&conviction.key)) {
            Some(conviction) => Err((
                "no honest node is accused",
                format!("there is proof against an honest member: {conviction:?}"),
            )),
            None => Ok(()),
        }
    }

    /// The log of a relay that was set back is what its store has.
    pub(super) fn truncate(&mut self, world: &World, relay: usize) {
        let Some(sim) = world.relays.get(relay) else {
            return;
        };
        let entries = self.logs.entry(relay).or_default();
        let stored = (0..)
            .zip(entries.iter())
            .take_while(|(index, _)| sim.disk.durable(Table::Log, &number_key(*index)).is_some());
        let kept = stored.count();
        entries.truncate(kept);
        let height = entries.last().map_or(0, |entry| entry.last.0);
        let who = Who::Relay(relay);
        self.finals
            .retain(|(held_by, at), _| *held_by != who || *at <= height);
    }

    /// A relay that was set back and has not stopped has got back what it had logged.
    pub(super) fn nobody_contradicts(&self, world: &World) -> Result<(), Broken> {
        for (one, other) in pairs_of_honest(world) {
            if self.contradict(one, other) {
                return Err((
                    "a relay that was set back recovers its log, or stops",
                    format!(
                        "nodes {one} and {other} hold different blocks for final, and it goes on"
                    ),
                ));
            }
        }
        Ok(())
    }

    /// The second view begins with what the first has.
    pub(super) fn split(&mut self) {
        let first = self.logs.get(&0).cloned().unwrap_or_default();
        self.logs.insert(1, first);
    }

    /// Honest nodes that hold different blocks for final hold logs that show it.
    pub(super) fn two_views_are_detectable(&self, world: &World) -> Result<(), Broken> {
        for (one, other) in pairs_of_honest(world) {
            if self.contradict(one, other) && !fingerprints_differ(world, one, other) {
                return Err((
                    "fingerprints of the logs show that a relay has two views",
                    format!("nodes {one} and {other} hold different blocks for final"),
                ));
            }
        }
        Ok(())
    }

    /// Whether two nodes hold different blocks for final at one height.
    pub(super) fn contradict(&self, one: usize, other: usize) -> bool {
        let (one, other) = (Who::Node(one), Who::Node(other));
        self.finals
            .range((one, 0)..=(one, u64::MAX))
            .any(|((_, height), hash)| {
                let theirs = self.finals.get(&(other, *height));
                theirs.is_some_and(|theirs| theirs != hash)
            })
    }

    /// Whether more than two thirds of a roster may have prevoted a value: honest members as they
    /// signed, liars always.
    fn has_quorum(&self, world: &World, log_end: LogEnd, round: u64, value: Hash) -> bool {
        let Some(members) = self.rosters.get(&log_end.0).map(|roster| &roster.members) else {
            return true;
        };
        let liars = world.liars();
        let prevoted = |member: &&PublicKey| {
            let place = (**member, log_end, round, Step::Prevote);
            liars.contains(*member) || self.signed.get(&place) == Some(&Some(value))
        };
        members.iter().filter(prevoted).count() * 3 > members.len() * 2
    }
}

impl Logged {
    fn nothing(network: &NetworkParameters) -> Self {
        Self {
            hash: Hash::ZERO,
            roster: Roster::default(),
            instance: 0,
            last: (0, network.genesis().hash()),
        }
    }
}

/// More than two thirds of the roster, each once, have signed a precommit for this decision.
fn certificate_holds(
    decision: &Decision,
    certificate: &Certificate,
    roster: &Roster,
) -> Result<(), Broken> {
    let statement = Ballot {
        network: decision.network,
        roster: roster.hash(),
        instance: decision.instance,
        forced_changes: decision.forced_changes,
        round: certificate.round,
        step: Step::Precommit,
        value: Some(decision.hash()),
    }
    .statement();
    let signers: BTreeSet<_> = certificate
        .signatures
        .iter()
        .filter(|(index, signature)| {
            let member = roster.members.get(usize::from(*index));
            member.is_some_and(|member| member.verify(&statement, signature).is_ok())
        })
        .map(|(index, _)| *index)
        .collect();
    let holds = signers.len() * 3 > roster.members.len() * 2
        && signers.len() == certificate.signatures.len();
    if holds {
        return Ok(());
    }
    Err((
        "every certificate verifies against its roster",
        format!(
            "decision {} at height {} has {} signatures, {} of them by different members of the \
             {} that vote",
            decision.instance,
            decision.height,
            certificate.signatures.len(),
            signers.len(),
            roster.members.len()
        ),
    ))
}

fn pairs_of_honest(world: &World) -> impl Iterator<Item = (usize, usize)> {
    let is_honest = |index: &usize| world.honest(*index).is_some();
    let all = 0..world.nodes.len();
    all.clone().filter(is_honest).flat_map(move |one| {
        let others = all.clone().skip(one + 1).filter(is_honest);
        others.map(move |other| (one, other))
    })
}

fn fingerprints_differ(world: &World, one: usize, other: usize) -> bool {
    let fingerprints = |index: usize| -> Vec<Hash> {
        let Some(sim) = world.nodes.get(index) else {
            return Vec::new();
        };
        let rows = (0..).map_while(|index| sim.disk.row(Table::Log, &number_key(index)));
        rows.filter_map(|row| decode::<LogEntry>("log entry", row).ok())
            .map(|entry| entry.record.hash())
            .collect()
    };
    let (one, other) = (fingerprints(one), fingerprints(other));
    one.iter().zip(&other).any(|(one, other)| one != other)
}
