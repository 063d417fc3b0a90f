//! What the user asks for.

use super::interface::{Answer, Command, CommandError, Effect, RequestId};
use super::session::State;
use super::{Loading, Node};
use crate::keys::PublicKey;
use crate::receipt::Receipt;
use crate::replica::{NextStep, Surroundings, query_rows};
use crate::store::{Row, Table};
use crate::transaction::Action;

impl Node {
    pub(super) fn command(&mut self, now_ms: u64, id: RequestId, command: Command) {
        match command {
            Command::Put { key, .. } if key.as_str().is_empty() => {
                self.fail(id, CommandError::EmptyKey);
            }
            Command::Put { key, value, expect } => {
                self.submit(id, Action::Put { key, value, expect });
            }
            Command::Transfer { to, amount } => self.submit(id, Action::Transfer { to, amount }),
            Command::StartMining { once } => {
                self.start_mining(now_ms, once);
                self.done(id);
            }
            Command::StopMining => {
                self.halt_mining();
                self.done(id);
            }
            Command::CheckConsistency => match self.request_check() {
                Ok(()) => self.done(id),
                Err(error) => self.fail(id, error),
            },
            Command::Tamper { height } => self.tamper(id, height),
            Command::Repair => self.request_repair(id),
            Command::StartAfresh => self.start_afresh(id),
            Command::UseInvitation(invitation) => {
                self.use_invitation(now_ms, invitation);
                self.done(id);
            }
            Command::Reconnect => {
                let is_away = matches!(
                    self.session.state,
                    State::Waiting { .. } | State::Refused(_) | State::Left
                );
                if is_away && !self.session.is_halted {
                    self.connect(now_ms);
                }
                self.done(id);
            }
            Command::Disconnect => {
                self.leave();
                self.done(id);
            }
            Command::VerifyReceipt { file } => {
                let verified = Receipt::from_file(&file).and_then(|receipt| receipt.verify());
                let answer = match verified {
                    Ok(verified) => Answer::VerifiedReceipt(Box::new(verified)),
                    Err(error) => Answer::Failed(error.into()),
                };
                self.answer(id, answer);
            }
            Command::Import(step) => self.import(now_ms, id, step),
            question @ (Command::Blocks { .. }
            | Command::Block { .. }
            | Command::Pending { .. }
            | Command::Receipt { .. }
            | Command::KeyProof { .. }
            | Command::Export { .. }
            | Command::Lookup { .. }) => self.ask_replica(id, &question),
        }
    }

    pub(super) fn lookup_rows(&mut self, load: RequestId, rows: &[Row]) {
        let next_load = self.request();
        let members = self.numbers();
        let step = self.ledger.as_mut().and_then(|ledger| {
            let around = Surroundings {
                damaged: &ledger.damaged,
                log: ledger.log.summary(),
                member_of: &|key| members.get(key).copied(),
            };
            ledger
                .lookups
                .loaded(load, rows, &ledger.replica, &around, next_load)
        });
        self.lookup_step(step);
    }

    pub(super) fn lookup_failed(&mut self, load: RequestId, reason: &str) {
        let step = self
            .ledger
            .as_mut()
            .and_then(|ledger| ledger.lookups.failed(load, reason));
        self.lookup_step(step);
    }

    fn ask_replica(&mut self, id: RequestId, question: &Command) {
        let load = self.request();
        let members = self.numbers();
        let Some(ledger) = &mut self.ledger else {
            return self.fail(id, CommandError::NoNetwork);
        };
        let around = Surroundings {
            damaged: &ledger.damaged,
            log: ledger.log.summary(),
            member_of: &|key| members.get(key).copied(),
        };
        let step = ledger
            .lookups
            .ask(id, question, &ledger.replica, &around, load);
        self.lookup_step(step);
    }

    fn lookup_step(&mut self, step: Option<NextStep>) {
        match step {
            Some(NextStep::Answer(id, answer)) => self.effects.push(Effect::Answer(id, answer)),
            Some(NextStep::Load(load, query)) => {
                self.after_load.insert(load, Loading::Lookup);
                self.effects.push(Effect::Load(load, query));
            }
            None => {}
        }
    }

    fn tamper(&mut self, id: RequestId, height: u64) {
        match &self.ledger {
            Some(ledger) if height > 0 && height <= ledger.replica.chain().height() => {
                let query = query_rows(Table::Bodies, [height]);
                self.load(query, Loading::Tamper(id, height));
            }
            Some(_) => self.fail(id, CommandError::NoBlock(height)),
            None => self.fail(id, CommandError::NoNetwork),
        }
    }

    fn numbers(&self) -> std::collections::HashMap<PublicKey, u64> {
        self.members
            .values()
            .map(|member| (member.key, member.id))
            .collect()
    }

    fn done(&mut self, id: RequestId) {
        self.effects.push(Effect::Answer(id, Answer::Done));
    }
}
