//! A chain file joins the replica: it is verified as a whole first, and only then taken in, by the
//! way that a relay's log and blocks take.

use super::interface::{Answer, CommandError, FileFault, ImportStep, RequestId};
use super::session::State;
use super::{Followup, Ledger, NETWORK_ROW, Node, finality};
use crate::block::Block;
use crate::chain_file::{ChainFileError, Item, Reader, VerifiedChain, Verifier};
use crate::finality::LogEntry;
use crate::finality::log::Appended;
use crate::limits::BODIES_PER_REQUEST_MAX;
use crate::network::NetworkParameters;
use crate::store::{Table, Write, number_key};

/// An import that is under way.
#[derive(Debug)]
pub(super) enum Import {
    /// The file is read for the first time; nothing is written.
    Verifying(Box<Verifier>),
    /// It was, and holds what it says.
    Verified(Box<VerifiedChain>),
    /// It is read once more, and taken in.
    Writing(Box<VerifiedChain>, Box<Reader>),
}

impl Node {
    pub(super) fn import(&mut self, now_ms: u64, command: RequestId, step: ImportStep) {
        match self.import_step(now_ms, step) {
            Ok(Some(verified)) if self.import.is_none() => {
                // Batches are written in order: behind this one, all is durable.
                let answer = Answer::ChainFile(verified);
                self.write(Vec::new(), vec![Followup::Answer(command, answer)]);
            }
            Ok(Some(verified)) => self.answer(command, Answer::ChainFile(verified)),
            Ok(None) => self.answer(command, Answer::Done),
            Err(error) => {
                self.import = None;
                self.fail(command, error);
            }
        }
    }

    fn import_step(
        &mut self,
        now_ms: u64,
        step: ImportStep,
    ) -> Result<Option<Box<VerifiedChain>>, CommandError> {
        let is_damaged = self.ledger.is_none() && matches!(self.session.state, State::Refused(_));
        if self.session.is_halted || is_damaged {
            let reason = "what is stored is damaged: start afresh first";
            return Err(CommandError::Storage(reason.to_owned()));
        }
        match (step, self.import.take()) {
            (ImportStep::Verify, _) => {
                let own = self.ledger.as_ref();
                let expected = own.map(|ledger| ledger.replica.chain().network_id());
                let verifier = Verifier::new(expected);
                self.import = Some(Import::Verifying(Box::new(verifier)));
            }
            (ImportStep::Bytes(bytes), Some(Import::Verifying(mut verifier))) => {
                let network_time_ms = self.network_time_ms(now_ms);
                verifier.feed(&bytes, network_time_ms)?;
                self.import = Some(Import::Verifying(verifier));
            }
            (ImportStep::End, Some(Import::Verifying(verifier))) => {
                let verified = Box::new(verifier.finish()?);
                self.import = Some(Import::Verified(verified.clone()));
                return Ok(Some(verified));
            }
            (ImportStep::Write, Some(Import::Verified(verified))) => {
                self.import = Some(Import::Writing(verified, Box::default()));
            }
            (ImportStep::Bytes(bytes), Some(Import::Writing(verified, mut reader))) => {
                reader.feed(&bytes);
                self.take_in(now_ms, &verified, &mut reader)?;
                self.import = Some(Import::Writing(verified, reader));
            }
            (ImportStep::End, Some(Import::Writing(verified, reader))) => {
                reader.finish()?;
                return Ok(Some(verified));
            }
            _ => return Err(CommandError::NotBegun),
        }
        Ok(None)
    }

    /// Verifies anew what is read: it may be another file than before.
    fn take_in(
        &mut self,
        now_ms: u64,
        verified: &VerifiedChain,
        reader: &mut Reader,
    ) -> Result<(), CommandError> {
        let mut waiting = 0;
        while let Some(item) = reader.next_item()? {
            match item {
                Item::Network(network) => self.take_network(verified, *network)?,
                Item::Entry(entry) => self.take_entry(&entry)?,
                Item::Block(block) => {
                    self.take_block(now_ms, *block)?;
                    waiting += 1;
                    if waiting == BODIES_PER_REQUEST_MAX {
                        self.advance(now_ms);
                        waiting = 0;
                    }
                }
            }
        }
        self.view_changed = true;
        self.advance(now_ms);
        self.log_appended();
        Ok(())
    }

    fn take_network(
        &mut self,
        verified: &VerifiedChain,
        network: NetworkParameters,
    ) -> Result<(), CommandError> {
        crate::chain_file::check_network(Some(verified.network), &network)?;
        if let Some(ledger) = &self.ledger {
            let own = ledger.replica.chain().network_id();
            return Ok(crate::chain_file::check_network(Some(own), &network)?);
        }
        let row = Write::put(Table::Meta, NETWORK_ROW, &network);
        let votes = self.kept_votes.remove(&verified.network);
        let ledger =
            Ledger::new(self.key, network, votes).map_err(|reason| CommandError::File {
                fault: FileFault::Invalid,
                reason,
            })?;
        self.ledger = Some(ledger);
        self.write(vec![row], Vec::new());
        Ok(())
    }

    fn take_entry(&mut self, entry: &LogEntry) -> Result<(), CommandError> {
        let ledger = self.ledger.as_mut().ok_or(CommandError::NoNetwork)?;
        let appended = ledger.log.append(entry).map_err(ChainFileError::from)?;
        if appended != Appended::Held {
            if let Some(decided) = finality::checkpoint(&ledger.log) {
                ledger.replica.decide(decided);
            }
            let key = number_key(entry.record.index);
            self.write(vec![Write::put(Table::Log, key, entry)], Vec::new());
        }
        Ok(())
    }

    fn take_block(&mut self, now_ms: u64, block: Block) -> Result<(), CommandError> {
        let network_time_ms = self.network_time_ms(now_ms);
        let ledger = self.ledger.as_mut().ok_or(CommandError::NoNetwork)?;
        let (height, hash) = (block.sealed.header.height, block.sealed.header.hash());
        ledger
            .replica
            .insert_header(&block.sealed, network_time_ms)
            .map_err(|error| ChainFileError::Header { height, error })?;
        ledger
            .replica
            .insert_body(&hash, block.body)
            .map_err(|error| ChainFileError::Body { height, error })?;
        Ok(())
    }
}
