//! What needs the user's attention: one sentence that says what happened and what to do, and the
//! button that does it.

use shared::message::{ErrorCode, ErrorMessage};
use shared::node::interface::{Command, Connection};
use yew::prelude::*;

use super::icon::{Icon, sign};
use crate::page::client::Client;
use crate::page::hooks::{use_client, use_locale, use_now};
use crate::page::locale::{Locale, say};
use crate::page::session::Session;
use crate::ports::Fatal;

/// Failed attempts to connect after which it is worth a banner.
const ATTEMPTS_QUIET: u32 = 2;

#[derive(Properties, PartialEq)]
pub(in crate::page) struct BannersProps {
    pub(in crate::page) session: Session,
}

/// All that is to be said at the moment.
#[function_component]
pub(in crate::page) fn Banners(props: &BannersProps) -> Html {
    let locale = use_locale();
    let client = use_client();
    let session = &props.session;
    let fatal = session.fatal.as_ref().map(|fatal| of_fatal(&locale, fatal));
    let silent = session.is_silent.then(|| Notice {
        kind: "worker-silent",
        sentence: say!(locale, "banner-worker-silent"),
        detail: None,
        remedy: Remedy::Reload,
    });
    let connection = session
        .view
        .as_ref()
        .and_then(|view| of_connection(&locale, &view.connection));
    html! {
        <div class="banners" aria-live="assertive">
            { for [fatal, silent].into_iter().flatten().map(|notice| banner(&locale, client.as_ref(), &notice, html! {})) }
            { for connection.map(|(notice, until_ms)| {
                let next_attempt = until_ms.map(|until_ms| html! { <NextAttempt {until_ms} /> });
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

fn of_refusal(locale: &Locale, error: &ErrorMessage) -> Notice {
    let (kind, sentence, remedy) = match error.code {
        ErrorCode::Superseded => (
            "superseded",
            say!(locale, "banner-superseded"),
            Remedy::Reconnect,
        ),
        ErrorCode::Version => ("version", say!(locale, "banner-version"), Remedy::Reload),
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
    };
    let onclick = move |_: MouseEvent| match (remedy, &client) {
        (Remedy::Reload, _) => {
            if let Some(window) = web_sys::window() {
                let _ = window.location().reload();
            }
        }
        (Remedy::Reconnect, Some(client)) => client.tell(Command::Reconnect),
        (Remedy::ConnectNow, Some(client)) => client.connect_now(),
        _ => {}
    };
    html! {
        <button type="button" class="button" data-testid={testid} {onclick}>{ label }</button>
    }
}

#[derive(Properties, PartialEq)]
struct NextAttemptProps {
    /// Milliseconds since 1970 UTC.
    until_ms: u64,
}

/// Counts down to the next attempt; not read out each second.
#[function_component]
fn NextAttempt(props: &NextAttemptProps) -> Html {
    let locale = use_locale();
    let now = use_now();
    let seconds = props.until_ms.saturating_sub(now.0).div_ceil(1000);
    html! {
        <span aria-live="off">{ say!(locale, "banner-next-attempt", count = seconds) }</span>
    }
}
