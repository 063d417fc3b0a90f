//! The decision log of one network, as each node and the relay verify and follow it.
//!
//! All entries are rows of [`crate::store::Table::Log`], from which peers that ask are served. In
//! memory are what the next entry must continue, and the newest entries: where the relay shows
//! another one in the place of one of these, the two are evidence at once.

use std::collections::VecDeque;

use super::certificate::CertificateError;
use super::evidence::Evidence;
use super::{Certificate, Decision, LogEntry, LogEvent, LogRecord, Roster, Step};
use crate::hash::{BlockHash, Hash, NetworkId};
use crate::held::Held;
use crate::keys::{PublicKey, SignatureError};
use crate::limits::LOG_TAIL_ENTRIES_MAX;
use crate::message::Certified;
use crate::network::NetworkParameters;

/// The verified log of one network.
#[derive(Clone, Debug)]
pub struct DecisionLog {
    network: NetworkId,
    relay: PublicKey,
    forced_changes_allowed: bool,
    length: u64,
    head: Hash,
    roster: Roster,
    roster_hash: Hash,
    last: LastDecision,
    forced_changes: u64,
    tail: VecDeque<(Hash, LogEntry)>,
}

/// The last decision; where there is none, genesis as instance 0, signed by nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastDecision {
    /// Its number, from 1; 0 for genesis.
    pub instance: u64,
    /// Height of the block.
    pub height: u64,
    /// The block.
    pub block: BlockHash,
    /// Root of the history tree over the blocks 0 to `height`; nothing for genesis.
    pub history_root: Option<Hash>,
    /// How many members signed.
    pub signers: u32,
    /// Of how many.
    pub members: u32,
}

/// How far a log has come: what is shown of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogSummary {
    /// Number of entries.
    pub length: u64,
    /// Hash of the last record, zero where there is none: the log's fingerprint.
    pub head: Hash,
    /// The last decision.
    pub last: LastDecision,
    /// How often the relay replaced a roster after the first.
    pub forced_changes: u64,
}

/// What an entry has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// A block and all before it are final.
    Decided {
        /// Height of the block.
        height: u64,
        /// The block.
        block: BlockHash,
        /// Root of the history tree over the blocks 0 to `height`.
        history_root: Hash,
    },
    /// The relay replaced the roster.
    Forced {
        /// Who votes from now on.
        roster: Roster,
    },
    /// Nothing: the log holds an entry at this index already, and, where that is one of the
    /// newest, the very same.
    Held,
}

/// An entry that does not continue the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// It belongs to another network.
    #[error("a log entry of network {expected} was expected, one of {came} came")]
    Network {
        /// This network.
        expected: NetworkId,
        /// The entry's.
        came: NetworkId,
    },
    /// Entries before it are lacking: ask for them.
    #[error("log entry {expected} was expected next, {came} came: the ones between are lacking")]
    Gap {
        /// The next index.
        expected: u64,
        /// The entry's.
        came: u64,
    },
    /// The relay's signature does not hold.
    #[error("log entry {index} is not signed by the relay: {error}")]
    Relay {
        /// The entry's index.
        index: u64,
        /// Why not.
        error: SignatureError,
    },
    /// The relay signed two different entries at one index. Both together prove it to anyone.
    #[error("the relay signed two entries at index {index}: {ours} is held, {} came", theirs.record.hash())]
    Equivocation {
        /// The index.
        index: u64,
        /// Hash of the record that this log holds there.
        ours: Hash,
        /// The other entry.
        theirs: Box<LogEntry>,
    },
    /// The relay signed an entry that continues another log. With the entry held before it, it
    /// proves that to anyone.
    #[error("log entry {index} continues {}, this log's head is {ours}", theirs.record.previous)]
    Fork {
        /// The index of the entry that came.
        index: u64,
        /// Hash of the last record that this log holds.
        ours: Hash,
        /// The entry that came.
        theirs: Box<LogEntry>,
    },
    /// It has another instance's number.
    #[error("decision {expected} is next, {came} came")]
    Instance {
        /// The next instance.
        expected: u64,
        /// The entry's.
        came: u64,
    },
    /// It decides nothing new.
    #[error("height {last} is decided: a decision of a greater height was expected, {came} came")]
    Height {
        /// Height of the last decision.
        last: u64,
        /// The entry's.
        came: u64,
    },
    /// It counts other forced changes than the log holds.
    #[error("the log holds {expected} forced changes, the decision counts {came}")]
    ForcedChanges {
        /// In the log.
        expected: u64,
        /// The decision's.
        came: u64,
    },
    /// The roster that it names is empty, unsorted or repeats a member.
    #[error("a roster has at least one member, ascending, each once: this one does not")]
    Roster,
    /// The first entry must be a roster.
    #[error("the first log entry names the first roster, a decision came")]
    NoRoster,
    /// The certificate does not hold.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A forced change of another roster than the present one.
    #[error("the present roster is {expected}, a change of {came} came")]
    OldRoster {
        /// Hash of the present roster.
        expected: Hash,
        /// The entry's.
        came: Hash,
    },
    /// A forced change that drops or invents a decision.
    #[error(
        "the last decision is block {expected} at {expected_height}, a change after {came} at {came_height} came"
    )]
    Base {
        /// Height of the last decision.
        expected_height: u64,
        /// Its block.
        expected: BlockHash,
        /// The entry's height.
        came_height: u64,
        /// The entry's block.
        came: BlockHash,
    },
    /// A forced change where the network forbids them.
    #[error("this network's parameters forbid forced changes, one came")]
    ForcedChange,
}

impl DecisionLog {
    /// The empty log of a network.
    #[must_use]
    pub fn new(network: &NetworkParameters) -> Self {
        let roster = Roster::default();
        Self {
            network: network.id(),
            relay: network.relay,
            forced_changes_allowed: network.forced_changes_allowed,
            length: 0,
            head: Hash::ZERO,
            roster_hash: roster.hash(),
            roster,
            last: LastDecision {
                instance: 0,
                height: 0,
                block: network.genesis().hash(),
                history_root: None,
                signers: 0,
                members: 0,
            },
            forced_changes: 0,
            tail: VecDeque::new(),
        }
    }

    /// The log of stored entries, in order. Members' signatures were verified before they were
    /// stored and are not verified again; the chain of hashes is, and with it that nothing was
    /// edited below the newest entries, whose signatures by the relay are verified too.
    pub fn restore(
        network: &NetworkParameters,
        entries: impl IntoIterator<Item = LogEntry>,
    ) -> Result<Self, LogError> {
        let mut log = Self::new(network);
        for entry in entries {
            log.check_place(&entry.record)?;
            log.check_link(&entry)?;
            log.check_event(&entry.record.event)?;
            log.push(entry);
        }
        log.tail
            .iter()
            .try_for_each(|(_, entry)| log.check_signature(entry))?;
        Ok(log)
    }

    /// Appends an entry after verifying it in full.
    pub fn append(&mut self, entry: &LogEntry) -> Result<Appended, LogError> {
        self.check_place(&entry.record)?;
        self.check_signature(entry)?;
        if entry.record.index < self.length {
            return self.compare(entry);
        }
        self.check_link(entry)?;
        self.check_event(&entry.record.event)?;
        if let LogEvent::Decided {
            decision,
            certificate,
        } = &entry.record.event
        {
            certificate.verify(decision, &self.roster, Step::Precommit)?;
        }
        Ok(self.push(entry.clone()))
    }

    /// What the relay signs and appends for a decision, after verifying it.
    pub fn record_decided(&self, certified: Certified, now_ms: u64) -> Result<LogRecord, LogError> {
        let Certified {
            decision,
            certificate,
        } = certified;
        if decision.network != self.network {
            return Err(LogError::Network {
                expected: self.network,
                came: decision.network,
            });
        }
        self.check_decision(&decision, &certificate)?;
        certificate.verify(&decision, &self.roster, Step::Precommit)?;
        Ok(self.record(
            LogEvent::Decided {
                decision,
                certificate,
            },
            now_ms,
        ))
    }

    /// What the relay signs and appends to replace the roster: the first one, or one of which
    /// too many have vanished.
    pub fn record_forced(&self, new_roster: Roster, now_ms: u64) -> Result<LogRecord, LogError> {
        let event = LogEvent::Forced {
            instance: self.next_instance(),
            old_roster: self.roster_hash,
            new_roster,
            base_height: self.last.height,
            base: self.last.block,
        };
        self.check_event(&event)?;
        Ok(self.record(event, now_ms))
    }

    /// How far it has come.
    #[must_use]
    pub fn summary(&self) -> LogSummary {
        LogSummary {
            length: self.length,
            head: self.head,
            last: self.last,
            forced_changes: self.forced_changes,
        }
    }

    /// Number of entries; the index of the next.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Hash of the last record, zero where there is none: the log's fingerprint.
    #[must_use]
    pub fn head(&self) -> Hash {
        self.head
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> NetworkId {
        self.network
    }

    /// Who votes on the next decision; nobody while the log is empty.
    #[must_use]
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The roster's hash.
    #[must_use]
    pub fn roster_hash(&self) -> Hash {
        self.roster_hash
    }

    /// The number of the next decision.
    #[must_use]
    pub fn next_instance(&self) -> u64 {
        self.last.instance.saturating_add(1)
    }

    /// The last decision, or genesis.
    #[must_use]
    pub fn last(&self) -> &LastDecision {
        &self.last
    }

    /// How often the relay replaced a roster after the first.
    #[must_use]
    pub fn forced_changes(&self) -> u64 {
        self.forced_changes
    }

    /// Whether the relay may replace rosters after the first.
    #[must_use]
    pub fn forced_changes_allowed(&self) -> bool {
        self.forced_changes_allowed
    }

    /// An entry that is in memory: one of the newest.
    #[must_use]
    pub fn entry(&self, index: u64) -> Option<&LogEntry> {
        let place = usize::try_from(index.checked_sub(self.tail_start())?).ok()?;
        self.tail.get(place).map(|(_, entry)| entry)
    }

    /// The last entry.
    #[must_use]
    pub fn last_entry(&self) -> Option<&LogEntry> {
        self.tail.back().map(|(_, entry)| entry)
    }

    /// The proof that the relay has signed two logs, where that is why an entry was refused.
    #[must_use]
    pub fn contradiction(&self, error: &LogError) -> Option<Evidence> {
        let (own, theirs) = match error {
            LogError::Equivocation { index, theirs, .. } => (*index, theirs),
            LogError::Fork { index, theirs, .. } => (index.checked_sub(1)?, theirs),
            _ => return None,
        };
        let both = (self.entry(own)?.clone(), LogEntry::clone(theirs));
        Some(Evidence::Log(Box::new(both)))
    }

    /// What is kept of it in memory.
    pub(crate) fn held(&self) -> Held {
        Held::new(
            "log entries in memory",
            self.tail.len(),
            LOG_TAIL_ENTRIES_MAX,
        )
    }

    fn record(&self, event: LogEvent, now_ms: u64) -> LogRecord {
        LogRecord {
            network: self.network,
            index: self.length,
            previous: self.head,
            timestamp_ms: now_ms,
            event,
        }
    }

    fn check_place(&self, record: &LogRecord) -> Result<(), LogError> {
        if record.network != self.network {
            return Err(LogError::Network {
                expected: self.network,
                came: record.network,
            });
        }
        if record.index > self.length {
            return Err(LogError::Gap {
                expected: self.length,
                came: record.index,
            });
        }
        Ok(())
    }

    fn check_signature(&self, entry: &LogEntry) -> Result<(), LogError> {
        self.relay
            .verify(&entry.record.statement(), &entry.signature)
            .map_err(|error| LogError::Relay {
                index: entry.record.index,
                error,
            })
    }

    fn compare(&self, entry: &LogEntry) -> Result<Appended, LogError> {
        let index = entry.record.index;
        let held = index
            .checked_sub(self.tail_start())
            .and_then(|place| self.tail.get(usize::try_from(place).ok()?));
        match held {
            Some(&(ours, _)) if ours != entry.record.hash() => Err(LogError::Equivocation {
                index,
                ours,
                theirs: Box::new(entry.clone()),
            }),
            _ => Ok(Appended::Held),
        }
    }

    fn check_link(&self, entry: &LogEntry) -> Result<(), LogError> {
        if entry.record.previous != self.head {
            return Err(LogError::Fork {
                index: entry.record.index,
                ours: self.head,
                theirs: Box::new(entry.clone()),
            });
        }
        Ok(())
    }

    fn check_event(&self, event: &LogEvent) -> Result<(), LogError> {
        match event {
            LogEvent::Decided {
                decision,
                certificate,
            } => self.check_decision(decision, certificate),
            LogEvent::Forced {
                instance,
                old_roster,
                new_roster,
                base_height,
                base,
            } => {
                self.check_instance(*instance)?;
                if *old_roster != self.roster_hash {
                    return Err(LogError::OldRoster {
                        expected: self.roster_hash,
                        came: *old_roster,
                    });
                }
                if (*base_height, *base) != (self.last.height, self.last.block) {
                    return Err(LogError::Base {
                        expected_height: self.last.height,
                        expected: self.last.block,
                        came_height: *base_height,
                        came: *base,
                    });
                }
                if !new_roster.is_well_formed() {
                    return Err(LogError::Roster);
                }
                if self.length > 0 && !self.forced_changes_allowed {
                    return Err(LogError::ForcedChange);
                }
                Ok(())
            }
        }
    }

    fn check_decision(
        &self,
        decision: &Decision,
        certificate: &Certificate,
    ) -> Result<(), LogError> {
        if self.length == 0 {
            return Err(LogError::NoRoster);
        }
        if decision.network != self.network {
            return Err(LogError::Network {
                expected: self.network,
                came: decision.network,
            });
        }
        self.check_instance(decision.instance)?;
        if decision.height <= self.last.height {
            return Err(LogError::Height {
                last: self.last.height,
                came: decision.height,
            });
        }
        if decision.forced_changes != self.forced_changes {
            return Err(LogError::ForcedChanges {
                expected: self.forced_changes,
                came: decision.forced_changes,
            });
        }
        if decision.next_roster != self.roster && !decision.next_roster.is_well_formed() {
            return Err(LogError::Roster);
        }
        Ok(certificate.check_signers(&self.roster)?)
    }

    fn check_instance(&self, came: u64) -> Result<(), LogError> {
        let expected = self.next_instance();
        if came == expected {
            Ok(())
        } else {
            Err(LogError::Instance { expected, came })
        }
    }

    fn push(&mut self, entry: LogEntry) -> Appended {
        let (appended, roster) = match &entry.record.event {
            LogEvent::Decided {
                decision,
                certificate,
            } => {
                self.last = LastDecision {
                    instance: decision.instance,
                    height: decision.height,
                    block: decision.block,
                    history_root: Some(decision.history_root),
                    signers: u32::try_from(certificate.signatures.len()).unwrap_or(u32::MAX),
                    members: u32::try_from(self.roster.members.len()).unwrap_or(u32::MAX),
                };
                let decided = Appended::Decided {
                    height: decision.height,
                    block: decision.block,
                    history_root: decision.history_root,
                };
                (decided, &decision.next_roster)
            }
            LogEvent::Forced { new_roster, .. } => {
                self.forced_changes += u64::from(self.length > 0);
                let forced = Appended::Forced {
                    roster: new_roster.clone(),
                };
                (forced, new_roster)
            }
        };
        // Most decisions keep it.
        if self.roster != *roster {
            self.roster = roster.clone();
            self.roster_hash = roster.hash();
        }
        self.head = entry.record.hash();
        self.length = self.length.saturating_add(1);
        self.tail.push_back((self.head, entry));
        if self.tail.len() > LOG_TAIL_ENTRIES_MAX {
            self.tail.pop_front();
        }
        appended
    }

    fn tail_start(&self) -> u64 {
        let kept = u64::try_from(self.tail.len()).unwrap_or(u64::MAX);
        self.length.saturating_sub(kept)
    }
}
