//! What the page knows of its node: the latest of everything that the node worker sent.

use std::rc::Rc;

use shared::message::Member;
use shared::node::interface::View;
use yew::Reducible;

use crate::ports::{Environment, Fatal, FromNode};

/// The state of the page, replaced by each message of the node worker.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Session {
    /// What the node runs on, once it said so.
    pub(super) environment: Option<Rc<Environment>>,
    /// The node as it was last seen, without its members.
    pub(super) view: Option<Rc<View>>,
    /// The members. Apart from the view: they are many, and most views come with the same.
    pub(super) members: Rc<[Member]>,
    /// Why the node cannot go on, until it does.
    pub(super) fatal: Option<Fatal>,
    /// How often the node worker came back after a crash: answers from before are worth nothing.
    pub(super) restarts: u32,
    /// Whether the worker has kept silent for longer than a start should take.
    pub(super) is_silent: bool,
    /// Whether the texts of the language that was chosen last could not be had.
    pub(super) lacks_language: bool,
}

/// What changes a session.
pub(super) enum SessionAction {
    /// The node worker sent something.
    Received(FromNode),
    /// The node worker has not said anything for [`START_PATIENCE_MS`] after it was started.
    Silent,
    /// A language was chosen; whether its texts were to be had.
    LanguageChosen(bool),
}

/// A start takes less than this, in milliseconds, on every machine that was tried.
pub(super) const START_PATIENCE_MS: u32 = 15_000;

impl Reducible for Session {
    type Action = SessionAction;

    fn reduce(self: Rc<Self>, action: SessionAction) -> Rc<Self> {
        let mut next = (*self).clone();
        match action {
            SessionAction::Received(message) => {
                next.is_silent = false;
                next.receive(message);
            }
            SessionAction::Silent => next.is_silent = next.view.is_none() && next.fatal.is_none(),
            SessionAction::LanguageChosen(is_there) => next.lacks_language = !is_there,
        }
        Rc::new(next)
    }
}

impl Session {
    fn receive(&mut self, message: FromNode) {
        match message {
            FromNode::Environment(environment) => {
                if matches!(self.fatal, Some(Fatal::Crashed { .. })) {
                    self.fatal = None;
                    self.restarts = self.restarts.saturating_add(1);
                }
                self.environment = Some(Rc::new(environment));
            }
            FromNode::View(mut view) => {
                let is_mining = view.mining.hashes_per_second > 0;
                if is_mining && matches!(self.fatal, Some(Fatal::Miner { .. })) {
                    self.fatal = None;
                }
                let members = core::mem::take(&mut view.members);
                if *self.members != *members {
                    self.members = members.into();
                }
                self.view = Some(Rc::new(*view));
            }
            FromNode::Fatal(fatal) => self.fatal = Some(fatal),
            FromNode::Hello { .. } | FromNode::Answer(..) | FromNode::Key(_) => {}
        }
    }
}
