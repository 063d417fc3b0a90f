//! The way of votes and proposals out: written, signed, sent, and sent again.

use super::{Action, Statement, Voter};
use crate::finality::Proposal;
use crate::message::Message;

impl Voter {
    pub(super) fn persist(&mut self, actions: &mut Vec<Action>) {
        if self.unwritten.is_empty() {
            return;
        }
        let number = self.next_number();
        let unwritten = self.unwritten.drain(..);
        self.persisting
            .extend(unwritten.map(|statement| (number, statement)));
        actions.push(Action::Persist {
            number,
            state: Box::new(self.state.clone()),
        });
    }

    pub(super) fn sign(&mut self, statement: Statement, actions: &mut Vec<Action>) {
        let number = self.next_number();
        actions.push(Action::Sign {
            number,
            statement: match &statement {
                Statement::Ballot(ballot) => ballot.statement(),
                Statement::Proposal(proposed) => Proposal::statement_of(
                    &proposed.decision,
                    &self.log.roster_hash,
                    proposed.round,
                    proposed.valid.as_ref(),
                    &self.key,
                ),
            },
        });
        self.signing.insert(number, statement);
    }

    fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// Sends what was voted and proposed on this decision; after a restart it is signed again.
    pub(super) fn resend(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        if self.state.log_length != self.log.length {
            return actions;
        }
        let proposed = self.state.proposed.clone().map(Box::new);
        let proposed =
            proposed.filter(|proposed| self.leads() && self.term == Some(proposed.round));
        let mut ballots = [self.state.prevote, self.state.precommit];
        if self.abstains() {
            ballots = [None; 2];
        }
        let statements = proposed
            .map(Statement::Proposal)
            .into_iter()
            .chain(ballots.into_iter().flatten().map(Statement::Ballot));
        for statement in statements {
            if let Some(message) = self.sent(&statement) {
                actions.push(Action::Send(Box::new(message)));
            } else if !self.is_under_way(&statement) {
                self.sign(statement, &mut actions);
            }
        }
        if let Some(certified) = self.certified.clone().filter(|_| self.leads()) {
            actions.push(Action::Send(Box::new(Message::Certified(Box::new(
                certified,
            )))));
        }
        actions
    }

    fn sent(&self, statement: &Statement) -> Option<Message> {
        match statement {
            Statement::Ballot(ballot) => {
                let mut sent = self.sent_votes.iter();
                let vote = sent.find(|vote| vote.ballot == *ballot)?;
                Some(Message::Vote(*vote))
            }
            Statement::Proposal(proposed) => {
                let sent = self.sent_proposal.as_ref();
                let proposal = sent.filter(|sent| sent.round == proposed.round)?;
                Some(Message::Proposal(Box::new(proposal.clone())))
            }
        }
    }

    fn is_under_way(&self, statement: &Statement) -> bool {
        let persisting = self.persisting.iter().map(|(_, statement)| statement);
        persisting
            .chain(self.signing.values())
            .any(|under_way| under_way == statement)
    }
}
