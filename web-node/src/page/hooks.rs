//! What components share: contexts, the clock, and questions to the node that stay answered.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::callback::Interval;
use shared::node::interface::{Answer, Command};
use shared::transaction::Key;
use yew::prelude::*;

use super::client::Client;
use super::directory::Directory;
use super::locale::Locale;

/// The time in milliseconds since 1970 UTC by the relay's clock, renewed every second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Now(pub(super) u64);

/// What every part of the page may need, in one context: each kind of context costs two
/// kilobytes of program.
#[derive(Clone, PartialEq)]
pub(super) struct Surroundings {
    /// The present language.
    pub(super) locale: Locale,
    /// The way to the node worker.
    pub(super) client: Client,
    /// Who is who.
    pub(super) directory: Rc<Directory>,
    /// Looks up a key that stands somewhere on the page.
    pub(super) look_up: Callback<Key>,
}

/// The present language.
#[hook]
pub(super) fn use_locale() -> Locale {
    use_context::<Surroundings>()
        .map(|surroundings| surroundings.locale)
        .unwrap_or_default()
}

/// The way to the node worker.
#[hook]
pub(super) fn use_client() -> Option<Client> {
    use_context::<Surroundings>().map(|surroundings| surroundings.client)
}

/// Who is who.
#[hook]
pub(super) fn use_directory() -> Rc<Directory> {
    use_context::<Surroundings>()
        .map(|surroundings| surroundings.directory)
        .unwrap_or_default()
}

/// The way to look a key up that stands somewhere on the page.
#[hook]
pub(super) fn use_look_up() -> Callback<Key> {
    use_context::<Surroundings>().map_or_else(Callback::noop, |surroundings| surroundings.look_up)
}

/// The time; whoever uses it is drawn every second.
#[hook]
pub(super) fn use_now() -> Now {
    use_context::<Now>().unwrap_or(Now(0))
}

/// This computer's clock in milliseconds since 1970 UTC, every second.
#[hook]
pub(super) fn use_clock_ms() -> u64 {
    let clock = use_state(read_clock_ms);
    let setter = clock.setter();
    use_effect_with((), move |()| {
        let tick = Interval::new(1000, move || setter.set(read_clock_ms()));
        move || drop(tick)
    });
    *clock
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a positive number of milliseconds below 2^53"
)]
fn read_clock_ms() -> u64 {
    js_sys::Date::now() as u64
}

/// The answer to a question, asked again whenever the question or `version` changes. The answer
/// before stays until the next one is there; at most one question is on its way.
#[hook]
pub(super) fn use_answer<V: PartialEq + 'static>(
    command: Command,
    version: V,
) -> Option<Rc<Answer>> {
    let client = use_client();
    let answer = use_state(|| None);
    let query = use_memo((), |()| RefCell::new(Query::default()));
    let setter = answer.setter();
    use_effect_with((client, command, version), move |(client, command, _)| {
        if let Some(client) = client {
            query.borrow_mut().wanted = Some(command.clone());
            Query::pump(&query, client.clone(), setter);
        }
    });
    (*answer).clone()
}

#[derive(Default)]
struct Query {
    wanted: Option<Command>,
    /// Of which start of the worker an answer is awaited.
    underway: Option<u32>,
}

impl Query {
    fn pump(query: &Rc<RefCell<Self>>, client: Client, answer: UseStateSetter<Option<Rc<Answer>>>) {
        let start = client.restarts();
        let Some(command) = query.borrow_mut().next(start) else {
            return;
        };
        let again = (query.clone(), client.clone());
        client.ask(command, move |reply| {
            let (query, client) = again;
            query.borrow_mut().finish(start);
            if let Some(reply) = reply {
                answer.set(Some(Rc::new(reply)));
                Self::pump(&query, client, answer);
            }
        });
    }

    fn next(&mut self, start: u32) -> Option<Command> {
        if self.underway == Some(start) {
            return None;
        }
        let wanted = self.wanted.take();
        self.underway = wanted.is_some().then_some(start);
        wanted
    }

    fn finish(&mut self, start: u32) {
        if self.underway == Some(start) {
            self.underway = None;
        }
    }
}

/// Something asked of the node once, by a button: what came of it, and whether it is underway.
#[derive(Clone, PartialEq)]
pub(super) struct Request {
    /// Whether the answer is awaited.
    pub(super) is_underway: bool,
    /// The last answer.
    pub(super) answer: Option<Rc<Answer>>,
    /// Asks.
    pub(super) send: Callback<Command>,
}

/// A request to the node that a button makes.
#[hook]
pub(super) fn use_request() -> Request {
    let client = use_client();
    let state = use_state(|| (false, None));
    let setter = state.setter();
    let send = use_callback((client, setter), |command, (client, setter)| {
        let Some(client) = client else { return };
        setter.set((true, None));
        let setter = setter.clone();
        client.ask(command, move |answer| {
            setter.set((false, answer.map(Rc::new)))
        });
    });
    let (is_underway, answer) = (*state).clone();
    Request {
        is_underway,
        answer,
        send,
    }
}
