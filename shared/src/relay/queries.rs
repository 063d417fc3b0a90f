//! What programs ask over REST: answered as a node answers its user, from the relay's replica.

use super::interface::{Effect, RequestId};
use super::{Loading, Relay};
use crate::command::{Answer, Command, CommandError};
use crate::replica::{NextStep, Surroundings};
use crate::store::Row;

impl Relay {
    pub(super) fn command(&mut self, id: RequestId, command: &Command) {
        let load = self.request();
        let numbers = self.numbers();
        let around = Surroundings {
            damaged: &[],
            log: self.logged,
            member_of: &|key| numbers.get(key).copied(),
        };
        let step = self
            .lookups
            .ask(id, command, &self.replica, &around, load)
            .unwrap_or(NextStep::Answer(
                id,
                Answer::Failed(CommandError::NotConnected),
            ));
        self.lookup_step(Some(step));
    }

    pub(super) fn lookup_rows(&mut self, load: RequestId, rows: &[Row]) {
        let next_load = self.request();
        let numbers = self.numbers();
        let around = Surroundings {
            damaged: &[],
            log: self.logged,
            member_of: &|key| numbers.get(key).copied(),
        };
        let step = self
            .lookups
            .loaded(load, rows, &self.replica, &around, next_load);
        self.lookup_step(step);
    }

    pub(super) fn lookup_step(&mut self, step: Option<NextStep>) {
        match step {
            Some(NextStep::Answer(id, answer)) => self.effects.push(Effect::Answer(id, answer)),
            Some(NextStep::Load(load, query)) => {
                self.after_load.insert(load, Loading::Lookup);
                self.effects.push(Effect::Load(load, query));
            }
            None => {}
        }
    }
}
