//! What needs the user's attention: one sentence that says what happened and what to do, and the
//! button that does it.

use shared::finality::evidence::{Conviction, Offence};
use shared::message::{ErrorCode, ErrorMessage};
use shared::node::interface::{Abstention, Command, Connection};
use yew::prelude::*;

use super::icon::{Icon, sign};
use super::part::{drawn_by, part};
use crate::page::client::Client;
use crate::page::hooks::{use_client, use_locale, use_now};
use crate::page::locale::{Locale, say};
use crate::page::session::Session;
use crate::ports::Fatal;

/// Failed attempts to connect after which it is worth a banner.
const ATTEMPTS_QUIET: u32 = 2;

#[derive(PartialEq)]
pub(in crate::page) struct Banners {
    fatal: Option<Fatal>,
    is_silent: bool,
    lacks_language: bool,
    abstention: Option<Abstention>,
    convicted: Vec<Conviction>,
    connection: Option<Connection>,
}

impl Banners {
    /// What of a session is worth a banner.
    pub(in crate::page) fn of(session: &Session) -> Self {
        let view = session.view.as_deref();
        Self {
            fatal: session.fatal.clone(),
            is_silent: session.is_silent,
            lacks_language: session.lacks_language,
            abstention: view.and_then(|view| view.abstention),
            convicted: view.map(|view| view.convicted.clone()).unwrap_or_default(),
            connection: view.map(|view| view.connection.clone()),
        }
    }
}

drawn_by!(Banners, use_banners);

/// All that is to be said at the moment.
#[hook]
fn use_banners(props: &Banners) -> Html {
    let locale = use_locale();
    let client = use_client();
    let fatal = props.fatal.as_ref().map(|fatal| of_fatal(&locale, fatal));
    let silent = props.is_silent.then(|| Notice {
        kind: "worker-silent",
        sentence: say!(locale, "banner-worker-silent"),
        detail: None,
        remedy: Remedy::Reload,
    });
    let abstention = props.abstention.map(|Abstention::OldStorage| Notice {
        kind: "abstention",
        sentence: say!(locale, "banner-old-storage"),
        detail: None,
        remedy: Remedy::Nothing,
    });
    let language = props.lacks_language.then(|| Notice {
        kind: "language",
        sentence: say!(locale, "banner-language"),
        detail: None,
        remedy: Remedy::Nothing,
    });
    let convicted = props.convicted.iter();
    let convicted = convicted.map(|conviction| of_conviction(&locale, conviction));
    let connection = props.connection.as_ref();
    let connection = connection.and_then(|connection| of_connection(&locale, connection));
    html! {
        <div class="banners" aria-live="assertive">
            { for [fatal, silent, abstention, language].into_iter().flatten().chain(convicted).map(|notice| banner(&locale, client.as_ref(), &notice, html! {})) }
            { for connection.map(|(notice, until_ms)| {
                let next_attempt = until_ms.map(|until_ms| part(NextAttempt { until_ms }));
                banner(&locale, client.as_ref(), &notice, next_attempt.unwrap_or_default())
            }) }
        </div>
    }
}

struct Notice {
    kind: &'static str,
    sentence: String,
    /// What the relay, browser or worker said itself.
    detail: Option<String>,
    remedy: Remedy,
}

#[derive(Clone, Copy)]
enum Remedy {
    Reload,
    /// Register again.
    Reconnect,
    /// Do not wait for the next attempt.
    ConnectNow,
    /// Forget the replica and fetch it anew.
    StartAfresh,
    /// There is nothing to do but to know.
    Nothing,
}

fn of_fatal(locale: &Locale, fatal: &Fatal) -> Notice {
    let (kind, sentence, detail, remedy) = match fatal {
        Fatal::Build { page, worker } => (
            "build",
            say!(locale, "banner-build"),
            Some(format!("{page} ≠ {worker}")),
            Remedy::Reload,
        ),
        Fatal::StorageFull => (
            "storage-full",
            say!(locale, "banner-storage-full"),
            None,
            Remedy::Reload,
        ),
        Fatal::Storage { reason } => (
            "storage",
            say!(locale, "banner-storage"),
            Some(reason.clone()),
            Remedy::Reload,
        ),
        Fatal::Key => ("key", say!(locale, "banner-key"), None, Remedy::Reload),
        Fatal::Miner { reason } => (
            "miner",
            say!(locale, "banner-miner"),
            Some(reason.clone()),
            Remedy::Reload,
        ),
        Fatal::Crashed { reason } => (
            "crashed",
            say!(locale, "banner-crashed"),
            Some(reason.clone()),
            Remedy::Reload,
        ),
    };
    Notice {
        kind,
        sentence,
        detail,
        remedy,
    }
}

/// What is to be said of the connection, and when the next attempt is.
fn of_connection(locale: &Locale, connection: &Connection) -> Option<(Notice, Option<u64>)> {
    match connection {
        Connection::Waiting { until_ms, attempts } if *attempts >= ATTEMPTS_QUIET => {
            let notice = Notice {
                kind: "relay-unreachable",
                sentence: say!(locale, "banner-relay-unreachable"),
                detail: None,
                remedy: Remedy::ConnectNow,
            };
            Some((notice, Some(*until_ms)))
        }
        Connection::Refused(error) => Some((of_refusal(locale, error), None)),
        Connection::Left => {
            let notice = Notice {
                kind: "left",
                sentence: say!(locale, "banner-left"),
                detail: None,
                remedy: Remedy::Reconnect,
            };
            Some((notice, None))
        }
        Connection::Waiting { .. }
        | Connection::Connecting
        | Connection::Registering
        | Connection::Joined => None,
    }
}

/// Who is proved to have signed what contradicts itself, and what it was.
fn of_conviction(locale: &Locale, conviction: &Conviction) -> Notice {
    let key = conviction.key.to_string();
    let sentence = match conviction.offence {
        Offence::Votes { instance, .. } => say!(locale, "convicted-votes", instance = instance),
        Offence::Proposals { instance, .. } => {
            say!(locale, "convicted-proposals", instance = instance)
        }
        Offence::Log { .. } => say!(locale, "convicted-log"),
        Offence::Blocks { .. } => say!(locale, "convicted-blocks"),
    };
    Notice {
        kind: "convicted",
        sentence,
        detail: Some(key),
        remedy: Remedy::Nothing,
    }
}

fn of_refusal(locale: &Locale, error: &ErrorMessage) -> Notice {
    let (kind, sentence, remedy) = match error.code {
        ErrorCode::Superseded => (
            "superseded",
            say!(locale, "banner-superseded"),
            Remedy::Reconnect,
        ),
        ErrorCode::Version => ("version", say!(locale, "banner-version"), Remedy::Reload),
        ErrorCode::Unavailable => (
            "damaged",
            say!(locale, "banner-damaged"),
            Remedy::StartAfresh,
        ),
        ErrorCode::Forked => ("forked", say!(locale, "banner-forked"), Remedy::StartAfresh),
        ErrorCode::Invitation => (
            "invitation",
            say!(locale, "banner-invitation"),
            Remedy::Reconnect,
        ),
        ErrorCode::Network => ("refused", say!(locale, "banner-network"), Remedy::Reconnect),
        _ => ("refused", say!(locale, "banner-refused"), Remedy::Reconnect),
    };
    let explanation = error.explanation.as_str();
    Notice {
        kind,
        sentence,
        detail: (!explanation.is_empty()).then(|| explanation.to_owned()),
        remedy,
    }
}

fn banner(locale: &Locale, client: Option<&Client>, notice: &Notice, addition: Html) -> Html {
    let Notice {
        kind,
        sentence,
        detail,
        remedy,
    } = notice;
    html! {
        <div class="banner" data-testid="banner" data-kind={*kind}>
            { sign(Icon::Alert) }
            <div class="banner-text">
                <p>{ sentence.clone() }{ " " }{ addition }</p>
                if let Some(detail) = detail {
                    <p class="banner-detail">{ detail.clone() }</p>
                }
            </div>
            { remedy_button(locale, client.cloned(), *remedy) }
        </div>
    }
}

fn remedy_button(locale: &Locale, client: Option<Client>, remedy: Remedy) -> Html {
    let (testid, label) = match remedy {
        Remedy::Reload => ("reload", say!(locale, "reload")),
        Remedy::Reconnect => ("reconnect", say!(locale, "reconnect")),
        Remedy::ConnectNow => ("reconnect", say!(locale, "connect-now")),
        Remedy::StartAfresh => ("start-afresh", say!(locale, "start-afresh")),
        Remedy::Nothing => return html! {},
    };
    let onclick = move |_: MouseEvent| match (remedy, &client) {
        (Remedy::Reload, _) => {
            if let Some(window) = web_sys::window() {
                let _ = window.location().reload();
            }
        }
        (Remedy::Reconnect, Some(client)) => client.tell(Command::Reconnect),
        (Remedy::ConnectNow, Some(client)) => client.connect_now(),
        (Remedy::StartAfresh, Some(client)) => client.tell(Command::StartAfresh),
        _ => {}
    };
    html! {
        <button type="button" class="button" data-testid={testid} {onclick}>{ label }</button>
    }
}

#[derive(PartialEq)]
struct NextAttempt {
    /// Milliseconds since 1970 UTC.
    until_ms: u64,
}

drawn_by!(NextAttempt, use_next_attempt);

/// Counts down to the next attempt; not read out each second.
#[hook]
fn use_next_attempt(props: &NextAttempt) -> Html {
    let locale = use_locale();
    let now = use_now();
    let seconds = props.until_ms.saturating_sub(now.0).div_ceil(1000);
    html! {
        <span aria-live="off">{ say!(locale, "banner-next-attempt", count = seconds) }</span>
    }
}
