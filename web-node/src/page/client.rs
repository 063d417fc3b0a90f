//! The way to the node worker: commands go out under a number, answers find whoever asked.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_channel::oneshot;
use shared::node::interface::{Answer, Command};

use crate::node_handle::NodeHandle;
use crate::ports::{Fatal, FromNode, KeyError, MinerSettings, ToNode};

/// Unanswered commands at once. A page asks for a handful; beyond this the node hangs.
const UNANSWERED_MAX: usize = 256;

/// What an asker gets: the answer, or nothing where the worker crashed before it gave one.
type Asker = Box<dyn FnOnce(Option<Answer>)>;

/// Who waits for the answer to which command. A handful, so a map would only be more to load.
type Askers = Vec<(u64, Asker)>;

/// Sends commands to the node worker. Cheap to clone; equal where it is the same worker start.
#[derive(Clone)]
pub(super) struct Client {
    handle: NodeHandle,
    askers: Rc<RefCell<Askers>>,
    key_asker: Rc<RefCell<Option<KeyAsker>>>,
    restarts: u32,
}

/// Who waits for another key: one at a time.
type KeyAsker = oneshot::Sender<Result<Option<Vec<u8>>, KeyError>>;

impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.askers, &other.askers) && self.restarts == other.restarts
    }
}

impl Client {
    /// Starts the node worker; `on_message` gets everything that is not an answer.
    pub(super) fn start(on_message: impl Fn(FromNode) + 'static) -> Self {
        let askers: Rc<RefCell<Askers>> = Rc::default();
        let waiting = askers.clone();
        let key_asker: Rc<RefCell<Option<KeyAsker>>> = Rc::default();
        let waiting_for_key = key_asker.clone();
        let is_down = Cell::new(false);
        let handle = NodeHandle::spawn(move |message| match message {
            FromNode::Answer(number, answer) => {
                if let Some(asker) = take(&waiting, number) {
                    asker(Some(answer));
                }
            }
            FromNode::Key(changed) => {
                if let Some(asker) = waiting_for_key.take() {
                    // Whoever has lost interest has dropped the other end.
                    let _ = asker.send(changed);
                }
            }
            FromNode::Fatal(Fatal::Crashed { .. }) => {
                waiting_for_key.take();
                is_down.set(true);
                give_up(&waiting);
                on_message(message);
            }
            FromNode::Environment(_) if is_down.take() => {
                give_up(&waiting);
                on_message(message);
            }
            other => on_message(other),
        });
        Self {
            handle,
            askers,
            key_asker,
            restarts: 0,
        }
    }

    /// The same client after that many restarts of the worker, so that those who depend on it
    /// ask again.
    pub(super) fn after_restarts(&self, restarts: u32) -> Self {
        Self {
            restarts,
            ..self.clone()
        }
    }

    /// Asks the node for something; `asker` gets the answer.
    pub(super) fn ask(&self, command: Command, asker: impl FnOnce(Option<Answer>) + 'static) {
        if self.askers.borrow().len() >= UNANSWERED_MAX {
            asker(None);
            return;
        }
        let number = self.handle.command(command);
        self.askers.borrow_mut().push((number, Box::new(asker)));
    }

    /// Asks the node for something. Nothing comes where the worker crashed before it answered.
    pub(super) async fn answer(&self, command: Command) -> Option<Answer> {
        let (sender, receiver) = oneshot::channel();
        self.ask(command, move |answer| {
            // Whoever has lost interest has dropped the other end.
            let _ = sender.send(answer);
        });
        receiver.await.ok()?
    }

    /// Tells the node something whose answer nobody waits for.
    pub(super) fn tell(&self, command: Command) {
        self.handle.command(command);
    }

    /// How often the worker was started again.
    pub(super) fn restarts(&self) -> u32 {
        self.restarts
    }

    /// Sets how to mine.
    pub(super) fn set_miners(&self, settings: MinerSettings) {
        self.handle.send(&ToNode::Miners(settings));
    }

    /// Asks for another key, by [`ToNode::NewKey`] or [`ToNode::RestoreKey`]. Nothing comes where
    /// the worker crashed.
    pub(super) async fn change_key(
        &self,
        wanted: &ToNode,
    ) -> Option<Result<Option<Vec<u8>>, KeyError>> {
        let (sender, receiver) = oneshot::channel();
        self.key_asker.replace(Some(sender));
        self.handle.send(wanted);
        receiver.await.ok()
    }

    /// Ends the wait between two attempts to connect.
    pub(super) fn connect_now(&self) {
        self.handle.send(&ToNode::Woken);
    }
}

fn take(askers: &RefCell<Askers>, number: u64) -> Option<Asker> {
    let mut askers = askers.borrow_mut();
    let place = askers.iter().position(|(waiting, _)| *waiting == number)?;
    Some(askers.swap_remove(place).1)
}

/// What was asked of a worker that crashed is not answered any more.
fn give_up(askers: &RefCell<Askers>) {
    let lost = core::mem::take(&mut *askers.borrow_mut());
    lost.into_iter().for_each(|(_, asker)| asker(None));
}
