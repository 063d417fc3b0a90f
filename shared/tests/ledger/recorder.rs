//! A replica with its decision log and its store, in which a test decides who signs what.

use shared::chain::Checkpoint;
use shared::encoding::List;
use shared::finality::log::DecisionLog;
use shared::finality::{Ballot, Certificate, Decision, LogEntry, LogRecord, Roster, Step};
use shared::hash::TransactionId;
use shared::message::Certified;
use shared::network::NetworkParameters;
use shared::node::interface::{Answer, Command, CommandError};
use shared::receipt::{NoReceipt, Receipt};
use shared::replica::{Lookups, NextStep, Replica, Surroundings};
use shared::store::{MemoryStore, Rows, Table, Write, number_key};
use shared::transaction::SignedTransaction;

use crate::common::{LATE_MS, SPACING_MS, network, public, seal, secret};

/// The seed of the relay's key in [`network`].
const RELAY: u8 = 200;

pub(crate) struct Recorder {
    pub(crate) replica: Replica,
    pub(crate) log: DecisionLog,
    pub(crate) store: MemoryStore,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self::of(network())
    }

    pub(crate) fn of(network: NetworkParameters) -> Self {
        Self {
            log: DecisionLog::new(&network),
            replica: Replica::restore(network, &Rows::default(), None).unwrap(),
            store: MemoryStore::default(),
        }
    }

    /// A network in which these members vote.
    pub(crate) fn with_roster(members: &[u8]) -> Self {
        let mut recorder = Self::new();
        recorder.force(members);
        recorder
    }

    /// Mines a block of these transactions.
    pub(crate) fn mine(&mut self, transactions: &[SignedTransaction]) {
        for signed in transactions {
            let sender = signed.transaction.sender;
            let (_, writes) = self.replica.admit(signed.clone(), sender).unwrap();
            self.store.write(&writes);
        }
        let chain = self.replica.chain();
        let last_ms = chain.header(chain.height()).unwrap().header.timestamp_ms;
        let (header, body) = self.replica.template(public(3), last_ms + SPACING_MS);
        let sealed = seal(header);
        let hash = sealed.header.hash();
        self.replica.insert_header(&sealed, LATE_MS).unwrap();
        self.replica.insert_body(&hash, body).unwrap();
        self.advance();
        assert_eq!(self.replica.chain().tip().hash, hash);
    }

    pub(crate) fn advance(&mut self) {
        let update = self.replica.advance();
        self.store.write(&update.writes);
    }

    /// These members decide the tip and who votes next.
    pub(crate) fn decide(&mut self, signers: &[u8], next: &[u8]) {
        let tip = self.replica.chain().tip();
        let decision = Decision {
            network: self.log.network(),
            instance: self.log.next_instance(),
            height: tip.height,
            block: tip.hash,
            history_root: self.replica.chain().history().root(),
            forced_changes: self.log.forced_changes(),
            next_roster: roster(next),
        };
        let certificate = certificate(&decision, self.log.roster(), signers);
        let certified = Certified {
            decision,
            certificate,
        };
        let record = self.log.record_decided(certified, LATE_MS).unwrap();
        self.append(record);
        self.replica.decide(Checkpoint {
            height: tip.height,
            hash: tip.hash,
        });
        self.advance();
    }

    /// The relay replaces the roster.
    pub(crate) fn force(&mut self, members: &[u8]) {
        self.force_to(roster(members));
    }

    pub(crate) fn force_to(&mut self, roster: Roster) {
        let record = self.log.record_forced(roster, LATE_MS).unwrap();
        self.append(record);
    }

    fn append(&mut self, record: LogRecord) {
        let entry = signed(record);
        self.log.append(&entry).unwrap();
        let key = number_key(entry.record.index);
        self.store.write(&[Write::put(Table::Log, key, &entry)]);
    }

    /// The answer to a question.
    pub(crate) fn ask(&self, command: &Command) -> Answer {
        self.ask_with(&mut Lookups::default(), command)
    }

    /// The same, where a question may go on from the one before.
    pub(crate) fn ask_with(&self, lookups: &mut Lookups, command: &Command) -> Answer {
        let damaged = Vec::new();
        let around = Surroundings {
            damaged: &damaged,
            log: self.log.summary(),
            member_of: &|_| None,
        };
        let mut step = lookups.ask(0, command, &self.replica, &around, 0).unwrap();
        loop {
            match step {
                NextStep::Answer(_, answer) => return answer,
                NextStep::Load(load, query) => {
                    let rows = self.store.read(&query);
                    step = lookups
                        .loaded(load, &rows, &self.replica, &around, load + 1)
                        .unwrap();
                }
            }
        }
    }

    pub(crate) fn receipt(&self, id: &TransactionId) -> Result<Receipt, NoReceipt> {
        match self.ask(&Command::Receipt { id: *id }) {
            Answer::Receipt(file) => Ok(Receipt::from_file(&file).unwrap()),
            Answer::Failed(CommandError::NoReceipt(reason)) => Err(reason),
            other => panic!("no answer to this question: {other:?}"),
        }
    }
}

pub(crate) fn roster(members: &[u8]) -> Roster {
    Roster::of(members.iter().map(|member| public(*member)))
}

/// The relay's signature under a record.
pub(crate) fn signed(record: LogRecord) -> LogEntry {
    LogEntry {
        signature: secret(RELAY).sign(&record.statement()),
        record,
    }
}

pub(crate) fn certificate(decision: &Decision, roster: &Roster, signers: &[u8]) -> Certificate {
    let statement = Ballot {
        network: decision.network,
        roster: roster.hash(),
        instance: decision.instance,
        forced_changes: decision.forced_changes,
        round: 1,
        step: Step::Precommit,
        value: Some(decision.hash()),
    }
    .statement();
    let mut signatures: Vec<_> = signers
        .iter()
        .map(|signer| {
            let index = roster.index_of(&public(*signer)).unwrap();
            (
                u16::try_from(index).unwrap(),
                secret(*signer).sign(&statement),
            )
        })
        .collect();
    signatures.sort_by_key(|(index, _)| *index);
    Certificate {
        round: 1,
        signatures: List::new(signatures).unwrap(),
    }
}
