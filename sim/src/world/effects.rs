//! Carries out what nodes and relays want done.

use shared::block::SealedHeader;
use shared::chain::Chain;
use shared::encoding::decode;
use shared::finality::evidence::Evidence;
use shared::finality::voter::VoteState;
use shared::finality::{Ballot, LogEntry};
use shared::hash::Tag;
use shared::message::{Admission, ErrorCode, ErrorMessage, Message};
use shared::node::interface as node;
use shared::relay::interface as relay;
use shared::store::Table;

use super::miners::exponential_ms;
use super::{Action, Concerned, Observation, World};

/// The numbers of a block and of a vote in the protocol.
const BLOCK: u8 = 12;
const VOTE: u8 = 18;
/// How long a batch takes to become durable; batches do so in order.
const FLUSH_MS: u64 = 20;

impl World {
    pub(super) fn node_effects(&mut self, index: usize, effects: Vec<node::Effect>) {
        for effect in effects {
            self.node_effect(index, effect);
        }
    }

    fn node_effect(&mut self, index: usize, effect: node::Effect) {
        let now_ms = self.now_ms;
        let Some(sim) = self.nodes.get_mut(index) else {
            return;
        };
        let life = sim.life;
        match effect {
            node::Effect::Connect => self.connect(index),
            node::Effect::Disconnect => self.disconnect(index),
            node::Effect::Send(frame) => {
                let frames = match &mut sim.liar {
                    Some(liar) => liar.outgoing(frame, &sim.secret, now_ms),
                    None => vec![frame],
                };
                for frame in frames {
                    self.send_up(index, frame);
                }
            }
            node::Effect::Write(id, writes) => {
                if sim.is_disk_full {
                    let reason = "the disk is full".to_owned();
                    return self.tell_node(index, 5, node::Event::WriteFailed(id, reason));
                }
                sim.disk.write(id, writes);
                self.schedule(FLUSH_MS, Action::NodeFlush(index, life, id));
            }
            node::Effect::Clear(id) => {
                sim.disk.clear();
                sim.tampered.clear();
                sim.is_disk_full = false;
                self.tell_node(index, 5, node::Event::Written(id));
            }
            node::Effect::Load(id, query) => {
                let rows = sim.disk.read(&query);
                let delay_ms = sim.rng.u64(0..10);
                self.tell_node(index, delay_ms, node::Event::Loaded(id, rows));
            }
            node::Effect::Sign(id, statement) => {
                let signature = sim.secret.sign(&statement);
                let delay_ms = sim.rng.u64(0..5);
                self.tell_node(index, delay_ms, node::Event::Signed(id, signature));
                self.observe_signature(index, &statement);
            }
            node::Effect::Mine(work) => {
                sim.work = Some(work.work);
                let hashes = Chain::expected_hashes(work.header.bits);
                let delay_ms = exponential_ms(sim.rng.f64(), hashes / sim.hashes_per_second);
                self.schedule(delay_ms, Action::Found(index, life, work));
            }
            node::Effect::StopMining => sim.work = None,
            node::Effect::WakeAt(at_ms) => {
                let ahead_ms = sim.clock_ahead_ms;
                let delay_ms = at_ms
                    .saturating_add_signed(-ahead_ms)
                    .saturating_sub(now_ms);
                sim.wake += 1;
                let wake = sim.wake;
                self.schedule(delay_ms, Action::NodeWake(index, life, wake));
            }
            node::Effect::Answer(command, answer) => self.answered(index, command, answer),
            node::Effect::ViewChanged => {}
        }
    }

    fn answered(&mut self, node: usize, command: u64, answer: node::Answer) {
        if let Some(id) = self.receipts.remove(&command) {
            self.observed
                .push(Observation::Receipt { node, id, answer });
        }
    }

    pub(super) fn relay_effects(&mut self, relay: usize, effects: Vec<relay::Effect>) {
        for effect in effects {
            self.relay_effect(relay, effect);
        }
    }

    fn relay_effect(&mut self, relay: usize, effect: relay::Effect) {
        let now_ms = self.now_ms;
        let Some(sim) = self.relays.get_mut(relay) else {
            return;
        };
        let life = sim.life;
        match effect {
            relay::Effect::Send {
                connections, frame, ..
            } => {
                self.observe_vote(&frame);
                for connection in connections {
                    self.observe_error(connection, &frame);
                    self.down(connection, &frame);
                }
            }
            relay::Effect::Close { connection, .. } => self.close_from_relay(relay, connection),
            relay::Effect::Write(id, writes) => {
                sim.disk.write(id, writes);
                self.schedule(FLUSH_MS, Action::RelayFlush(relay, life, id));
            }
            relay::Effect::Load(id, query) => {
                // What is read may be passed on: it is durable by the time it is answered.
                let rows = sim.disk.read(&query);
                self.tell_relay(relay, FLUSH_MS, relay::Event::Loaded(id, rows));
            }
            relay::Effect::WakeAt(at_ms) => {
                let ahead_ms = sim.clock_ahead_ms;
                sim.wake += 1;
                let wake = sim.wake;
                let delay_ms = at_ms
                    .saturating_add_signed(-ahead_ms)
                    .saturating_sub(now_ms);
                self.schedule(delay_ms, Action::RelayWake(relay, life, wake));
            }
            relay::Effect::Report(report) => self.reported(relay, &report),
            relay::Effect::Admitted(id, admission) => self.admitted(id, &admission),
            relay::Effect::Administered(id, done) => self.administered(id, &done),
            relay::Effect::Answer(..) => {}
        }
    }

    pub(super) fn flush_relay(&mut self, relay: usize, life: u64, id: u64) -> Option<Concerned> {
        let sim = self.relays.get_mut(relay)?;
        if sim.life != life {
            return None;
        }
        for write in sim.disk.flush(id)? {
            let Some(value) = write.value else {
                continue;
            };
            if write.table == Table::Evidence
                && let Ok(evidence) = decode::<Evidence>("evidence", &value)
            {
                let (key, _) = evidence.accused(&self.network.relay);
                self.observed.push(Observation::Convicted { key });
            }
            if write.table == Table::Log
                && let Ok(entry) = decode::<LogEntry>("log entry", &value)
            {
                let entry = Box::new(entry);
                self.observed.push(Observation::Logged { relay, entry });
            }
        }
        self.relay_event(relay, relay::Event::Written(id))
    }

    fn reported(&mut self, relay: usize, report: &relay::Report) {
        match report {
            relay::Report::Block { .. } => self.met.note("blocks"),
            relay::Report::Decided { .. } => self.met.note("decisions"),
            relay::Report::Forced { .. } => self.met.note("forced changes"),
            relay::Report::Joined(member) => {
                let key = member.key;
                self.observed.push(Observation::Joined { key });
            }
            relay::Report::Left { evicted: true, .. } => {
                self.met.note("evictions");
                let started_ms = self.relays.get(relay).map_or(0, |sim| sim.started_ms);
                let up_ms = self.now_ms - started_ms;
                self.observed.push(Observation::Evicted { up_ms });
            }
            _ => {}
        }
        self.trace(|| format!("relay {relay}: {report:?}"));
    }

    fn admitted(&mut self, id: u64, admission: &Admission) {
        let Some(place) = self.submissions.iter().position(|(asked, _)| *asked == id) else {
            return;
        };
        let (_, admitted) = self.submissions.swap_remove(place);
        if *admission == Admission::Pending {
            self.observed.push(admitted);
        }
    }

    fn observe_signature(&mut self, index: usize, statement: &[u8]) {
        let Some(ballot) = statement.strip_prefix(Tag::VOTE.bytes()) else {
            return;
        };
        let (Some(sim), Ok(ballot)) = (self.nodes.get(index), decode::<Ballot>("ballot", ballot))
        else {
            return;
        };
        if sim.liar.is_some() {
            return;
        }
        let row = sim.disk.durable(Table::Votes, &self.network.id().0);
        let state = row.and_then(|row| decode::<VoteState>("votes", row).ok());
        let is_durable =
            state.is_some_and(|state| [state.prevote, state.precommit].contains(&Some(ballot)));
        self.observed.push(Observation::Signs {
            node: index,
            ballot,
            is_durable,
        });
    }

    /// What the relay has to judge: a liar's vote for the decision that is due, and a second block
    /// for a slot.
    pub(super) fn observe_received(&mut self, relay: usize, event: &relay::Event) {
        let relay::Event::Frame { connection, frame } = event else {
            return;
        };
        let core = self.relays.get(relay).and_then(|sim| sim.core.as_ref());
        let Some(core) = core.filter(|core| core.has_joined(*connection)) else {
            return;
        };
        let log = core.log();
        if frame.get(1) == Some(&VOTE)
            && let Ok(Message::Vote(vote)) = Message::from_frame(frame)
            && vote.ballot.instance == log.next_instance()
            && vote.ballot.roster == log.roster_hash()
            && log.roster().index_of(&vote.voter).is_some()
            && self.liars().contains(&vote.voter)
            && vote.verify().is_ok()
        {
            let (log_length, vote) = (log.length(), Box::new(vote));
            self.observed.push(Observation::Received {
                relay,
                log_length,
                vote,
            });
        }
        let chain = core.replica().chain();
        if frame.get(1) == Some(&BLOCK)
            && chain.network().stake().is_some()
            && let Ok(Message::Block(announcement)) = Message::from_frame(frame)
            && announcement
                .sealed
                .verify_signature(&chain.network_id())
                .is_ok()
        {
            let header = &announcement.sealed.header;
            let known = chain.produced_at(&header.producer, header.timestamp_ms);
            if known.is_some_and(|known| known != header.hash()) {
                let key = header.producer;
                self.met.note("second blocks for a slot");
                self.observed.push(Observation::SecondBlock { relay, key });
            }
        }
    }

    fn observe_vote(&mut self, frame: &[u8]) {
        if frame.get(1) == Some(&VOTE)
            && let Ok(Message::Vote(vote)) = Message::from_frame(frame)
        {
            let vote = Box::new(vote);
            self.observed.push(Observation::PassedOn { vote });
        }
    }

    pub(super) fn observe_report(&mut self, frame: &[u8]) {
        const CHECK_REPORT: u8 = 25;
        if frame.get(1) == Some(&CHECK_REPORT)
            && let Ok(Message::CheckReport(report)) = Message::from_frame(frame)
        {
            self.observed.push(Observation::Checked { report });
        }
    }

    /// That a relay refuses what an honest node has sent.
    fn observe_error(&mut self, connection: u64, frame: &[u8]) {
        const ERROR: u8 = 4;
        if frame.get(1) != Some(&ERROR) {
            return;
        }
        let Some(index) = self.node_of(connection) else {
            return;
        };
        let is_honest = self.honest(index).is_some();
        if let Ok(Message::Error(ErrorMessage { code, explanation })) = Message::from_frame(frame)
            && is_honest
            && code == ErrorCode::Invalid
        {
            let why = explanation.as_str().to_owned();
            self.observed
                .push(Observation::Accused { node: index, why });
        }
    }

    /// A header that meets its target, as a miner would find it.
    pub(crate) fn mined(mut sealed: SealedHeader) -> SealedHeader {
        sealed.header.nonce = super::miners::search(sealed.header.clone());
        sealed
    }
}
