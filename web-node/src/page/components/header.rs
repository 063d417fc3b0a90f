//! The head of the page: whose network this is, whether one is connected, language and theme.

use std::rc::Rc;

use shared::node::interface::{Connection, NetworkView};
use web_sys::HtmlSelectElement;
use yew::prelude::*;

use super::icon::{Icon, sign};
use super::networks::NetworksDialog;
use super::part::{drawn_by, part};
use super::share_dialog::ShareDialog;
use crate::page::hooks::use_locale;
use crate::page::locale::{Language, Locale, say};
use crate::page::preferences::Theme;

#[derive(PartialEq)]
pub(in crate::page) struct Header {
    pub(in crate::page) network: Option<Rc<NetworkView>>,
    pub(in crate::page) connection: Option<Connection>,
    pub(in crate::page) theme: Theme,
    pub(in crate::page) on_theme: Callback<Theme>,
    pub(in crate::page) on_language: Callback<HtmlSelectElement>,
}

drawn_by!(Header, use_header);

/// A dialog that opens from here.
#[derive(Clone, Copy, PartialEq)]
enum Opened {
    Share,
    Networks,
}

/// The head of the page.
#[hook]
fn use_header(props: &Header) -> Html {
    let locale = use_locale();
    let opened = use_state_eq(|| None::<Opened>);
    let open = |dialog: Opened| {
        let opened = opened.setter();
        move |_: MouseEvent| opened.set(Some(dialog))
    };
    let close = use_callback(opened.setter(), |(), setter| setter.set(None));
    let name = match &props.network {
        Some(network) => network.name.clone(),
        None => say!(locale, "networks"),
    };
    html! {
        <header class="header">
            <div class="brand">
                { logo() }
                <h1>{ "Tabchain" }</h1>
                <button type="button" class="network-name" title={say!(locale, "networks")} aria-haspopup="dialog" onclick={open(Opened::Networks)} data-testid="network-name">
                    <span>{ name }</span>{ sign(Icon::Chevron) }
                </button>
            </div>
            { connection_tag(&locale, props.connection.as_ref()) }
            <div class="header-tools">
                <button type="button" class="button" data-testid="share" onclick={open(Opened::Share)}>
                    { sign(Icon::Share) }
                    <span>{ say!(locale, "share") }</span>
                </button>
                { language_select(&locale, &props.on_language) }
                { theme_button(&locale, props.theme, &props.on_theme) }
            </div>
            { match *opened {
                Some(Opened::Share) => part(ShareDialog { on_close: close }),
                Some(Opened::Networks) => part(NetworksDialog {
                    own: props.network.as_ref().map(|network| network.id),
                    on_close: close,
                }),
                None => html! {},
            } }
        </header>
    }
}

fn logo() -> Html {
    html! {
        <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
            <path class="logo-back" d="M3 9a3 3 0 0 1 3-3h5l2 3h7a3 3 0 0 1 3 3v7a3 3 0 0 1-3 3H6a3 3 0 0 1-3-3Z" />
            <path class="logo-front" d="M11 15a3 3 0 0 1 3-3h5l2 3h5a3 3 0 0 1 3 3v6a3 3 0 0 1-3 3H14a3 3 0 0 1-3-3Z" />
        </svg>
    }
}

fn connection_tag(locale: &Locale, connection: Option<&Connection>) -> Html {
    let (state, text) = connection_state(locale, connection);
    html! {
        <div class={classes!("connection", format!("connection-{state}"))} role="status" data-testid="connection-state" data-state={state}>
            <span class="dot" aria-hidden="true"></span>
            { text }
        </div>
    }
}

/// A name of the connection's state, and the words for it.
pub(super) fn connection_state(
    locale: &Locale,
    connection: Option<&Connection>,
) -> (&'static str, String) {
    match connection {
        None => ("starting", say!(locale, "connection-starting")),
        Some(Connection::Connecting) => ("connecting", say!(locale, "connection-connecting")),
        Some(Connection::Waiting { .. }) => ("waiting", say!(locale, "connection-waiting")),
        Some(Connection::Registering) => ("registering", say!(locale, "connection-registering")),
        Some(Connection::Joined) => ("joined", say!(locale, "connection-joined")),
        Some(Connection::Refused(_)) => ("refused", say!(locale, "connection-refused")),
        Some(Connection::Left) => ("left", say!(locale, "connection-left")),
    }
}

fn language_select(locale: &Locale, on_language: &Callback<HtmlSelectElement>) -> Html {
    let on_language = on_language.clone();
    let on_change = move |event: Event| {
        if let Some(select) = event.target_dyn_into::<HtmlSelectElement>() {
            on_language.emit(select);
        }
    };
    html! {
        <select class="select" aria-label={say!(locale, "language")} data-testid="language" onchange={on_change}>
            { for Language::ALL.into_iter().map(|language| html! {
                <option value={language.tag()} lang={language.tag()} selected={language == locale.language()}>
                    { language.name() }
                </option>
            }) }
        </select>
    }
}

fn theme_button(locale: &Locale, theme: Theme, on_theme: &Callback<Theme>) -> Html {
    let (icon, label) = match theme {
        Theme::Light => (Icon::Moon, say!(locale, "theme-to-dark")),
        Theme::Dark => (Icon::Sun, say!(locale, "theme-to-light")),
    };
    let other = theme.opposite();
    let onclick = on_theme.reform(move |_| other);
    html! {
        <button type="button" class="button button-icon" data-testid="theme" data-value={theme.name()} title={label.clone()} aria-label={label} {onclick}>
            { sign(icon) }
        </button>
    }
}
