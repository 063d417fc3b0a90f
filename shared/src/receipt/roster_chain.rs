//! From a network's parameters to the roster of a decision, by some of the log's entries.
//!
//! Which entries may be left out, and why that is sound: `docs/adr/0013`.

use borsh::{BorshDeserialize, BorshSerialize};

use crate::finality::certificate::CertificateError;
use crate::finality::{Certificate, Decision, LogEntry, LogEvent, Roster, Step};
use crate::hash::{Hash, NetworkId};
use crate::keys::{PublicKey, SignatureError};
use crate::network::NetworkParameters;

/// A log entry in a receipt.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Link {
    /// Who signed the decision; nothing where that is the roster that the link before names, and
    /// for a forced change.
    pub roster: Option<Roster>,
    /// The entry.
    pub entry: LogEntry,
}

/// A log entry that does not follow from those before it in a receipt.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It belongs to another network.
    #[error("it belongs to network {0}, not to the receipt's")]
    Network(NetworkId),
    /// The relay's signature does not hold.
    #[error("it is not signed by the network's relay: {0}")]
    Relay(SignatureError),
    /// The first entry shown is not the log's first.
    #[error("the log's first roster was expected")]
    First,
    /// It does not stand above the entry before it.
    #[error("its index, instance and height must be above those of the entry shown before it")]
    Order,
    /// It follows directly on the entry before, and names another.
    #[error("it continues {came}, the entry shown before it is {expected}")]
    Previous {
        /// Hash of the record shown before.
        expected: Hash,
        /// What it names.
        came: Hash,
    },
    /// A roster is empty, unsorted or repeats a member.
    #[error("a roster has at least one member, ascending, each once: this one does not")]
    Roster,
    /// A forced change of another roster than the one shown before.
    #[error("it replaces roster {came}, the entry shown before it names {expected}")]
    OldRoster {
        /// Hash of the roster that the entry before names.
        expected: Hash,
        /// What it replaces.
        came: Hash,
    },
    /// A forced change where the network forbids them.
    #[error("this network's parameters forbid forced changes")]
    ForcedChange,
    /// The decision counts fewer forced changes than are shown.
    #[error("{shown} forced changes stand before it, it counts {came}")]
    ForcedChanges {
        /// Shown, or counted by a decision shown before.
        shown: u64,
        /// The decision's.
        came: u64,
    },
    /// Too few of those who signed are known.
    #[error(
        "at least a third of the {members} members of the roster shown before must have signed, {came} have"
    )]
    Strangers {
        /// Members of the roster that the entry before names.
        members: usize,
        /// How many of them signed.
        came: usize,
    },
    /// The certificate does not hold.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

/// What the entries shown so far establish.
#[derive(Clone, Debug)]
pub(super) struct RosterChain {
    network: NetworkId,
    relay: PublicKey,
    forced_changes_allowed: bool,
    /// Entries up to and including the last one shown.
    length: u64,
    head: Hash,
    instance: u64,
    height: u64,
    forced_changes: u64,
    /// The roster after the last entry shown: fewer than a third of it is faulty, it is assumed.
    trusted: Roster,
    /// Members of the roster that signed the last decision.
    members: u32,
}

impl RosterChain {
    pub(super) fn new(network: &NetworkParameters) -> Self {
        Self {
            network: network.id(),
            relay: network.relay,
            forced_changes_allowed: network.forced_changes_allowed,
            length: 0,
            head: Hash::ZERO,
            instance: 0,
            height: 0,
            forced_changes: 0,
            trusted: Roster::default(),
            members: 0,
        }
    }

    pub(super) fn network(&self) -> NetworkId {
        self.network
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn head(&self) -> Hash {
        self.head
    }

    pub(super) fn members(&self) -> u32 {
        self.members
    }

    /// Accepts an entry that follows from those before; an error changes nothing.
    pub(super) fn follow(&mut self, link: &Link) -> Result<(), LinkError> {
        let record = &link.entry.record;
        if record.network != self.network {
            return Err(LinkError::Network(record.network));
        }
        if self.length == 0 && record.index != 0 {
            return Err(LinkError::First);
        }
        if record.index < self.length {
            return Err(LinkError::Order);
        }
        if record.index == self.length && record.previous != self.head {
            return Err(LinkError::Previous {
                expected: self.head,
                came: record.previous,
            });
        }
        match (&record.event, &link.roster) {
            (
                LogEvent::Decided {
                    decision,
                    certificate,
                },
                roster,
            ) => {
                let roster = roster.as_ref().unwrap_or(&self.trusted);
                self.check_decision(decision, certificate, roster)?;
            }
            (
                LogEvent::Forced {
                    instance,
                    old_roster,
                    new_roster,
                    base_height,
                    ..
                },
                None,
            ) => {
                if *instance <= self.instance || *base_height < self.height {
                    return Err(LinkError::Order);
                }
                self.check_forced(*old_roster, new_roster)?;
            }
            (LogEvent::Forced { .. }, Some(_)) => return Err(LinkError::Roster),
        }
        self.relay
            .verify(&record.statement(), &link.entry.signature)
            .map_err(LinkError::Relay)?;
        self.advance(link);
        Ok(())
    }

    /// The entry that shows the same decision or change to whoever holds this chain.
    pub(super) fn link(&self, entry: LogEntry, roster: Roster) -> Link {
        let is_needed = matches!(entry.record.event, LogEvent::Decided { .. });
        Link {
            roster: (is_needed && roster != self.trusted).then_some(roster),
            entry,
        }
    }

    fn check_decision(
        &self,
        decision: &Decision,
        certificate: &Certificate,
        roster: &Roster,
    ) -> Result<(), LinkError> {
        if decision.network != self.network {
            return Err(LinkError::Network(decision.network));
        }
        if decision.instance <= self.instance || decision.height <= self.height {
            return Err(LinkError::Order);
        }
        if decision.forced_changes < self.forced_changes {
            return Err(LinkError::ForcedChanges {
                shown: self.forced_changes,
                came: decision.forced_changes,
            });
        }
        if !roster.is_well_formed() || !decision.next_roster.is_well_formed() {
            return Err(LinkError::Roster);
        }
        let members = self.trusted.members.len();
        let came = certificate
            .signatures
            .iter()
            .filter_map(|(index, _)| roster.members.get(usize::from(*index)))
            .filter(|signer| self.trusted.index_of(signer).is_some())
            .count();
        // Checked first, since it costs nothing: signers are listed once, or the next check fails.
        if came == 0 || came * 3 < members {
            return Err(LinkError::Strangers { members, came });
        }
        Ok(certificate.verify(decision, roster, Step::Precommit)?)
    }

    fn check_forced(&self, old_roster: Hash, new_roster: &Roster) -> Result<(), LinkError> {
        let expected = self.trusted.hash();
        if old_roster != expected {
            return Err(LinkError::OldRoster {
                expected,
                came: old_roster,
            });
        }
        if self.length > 0 && !self.forced_changes_allowed {
            return Err(LinkError::ForcedChange);
        }
        if !new_roster.is_well_formed() {
            return Err(LinkError::Roster);
        }
        Ok(())
    }

    fn advance(&mut self, link: &Link) {
        let record = &link.entry.record;
        match &record.event {
            LogEvent::Decided { decision, .. } => {
                let roster = link.roster.as_ref().unwrap_or(&self.trusted);
                self.members = u32::try_from(roster.members.len()).unwrap_or(u32::MAX);
                self.instance = decision.instance;
                self.height = decision.height;
                self.forced_changes = decision.forced_changes;
                self.trusted = decision.next_roster.clone();
            }
            LogEvent::Forced { new_roster, .. } => {
                let is_counted = u64::from(self.length > 0);
                self.forced_changes = self.forced_changes.saturating_add(is_counted);
                self.trusted = new_roster.clone();
            }
        }
        self.head = record.hash();
        self.length = record.index.saturating_add(1);
    }
}
