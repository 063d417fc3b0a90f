//! The status bar: who one is, who leads, and how far the chain is, final, and fetched.

use shared::keys::PublicKey;
use shared::message::{Leader, MemberId};
use shared::node::interface::{ChainView, Connection, View};
use yew::prelude::*;

use super::header::connection_state;
use super::icon::{Icon, sign};
use super::part::drawn_by;
use super::person::avatar;
use super::text;
use crate::page::hooks::use_locale;
use crate::page::locale::{Locale, say};

#[derive(PartialEq)]
pub(in crate::page) struct StatusBar {
    /// Key and number.
    own: Option<(PublicKey, Option<MemberId>)>,
    leader: Option<Leader>,
    connection: Option<Connection>,
    is_synced: bool,
    chain: ChainView,
}

impl StatusBar {
    /// What of a view stands in the bar.
    pub(in crate::page) fn of(view: Option<&View>) -> Self {
        Self {
            own: view.map(|view| (view.key, view.id)),
            leader: view.and_then(|view| view.leader),
            connection: view.map(|view| view.connection.clone()),
            is_synced: view.is_some_and(|view| view.is_synced),
            chain: view.map(|view| view.chain.clone()).unwrap_or_default(),
        }
    }
}

drawn_by!(StatusBar, use_status_bar);

/// The status bar; its places stay where they are while nothing is known yet.
#[hook]
fn use_status_bar(props: &StatusBar) -> Html {
    let locale = use_locale();
    let is_log_open = use_state(|| false);
    html! {
        <section class="status" aria-label={say!(locale, "status")}>
            { own_tile(&locale, props) }
            { leader_tile(&locale, props) }
            { height_tile(&locale, props) }
            { final_tile(&locale, &props.chain) }
            { log_tile(&locale, &props.chain, &is_log_open) }
        </section>
    }
}

fn tile(label: String, content: Html) -> Html {
    html! {
        <div class="tile">
            <span class="tile-label">{ label }</span>
            { content }
        </div>
    }
}

fn own_tile(locale: &Locale, props: &StatusBar) -> Html {
    let label = say!(locale, "own");
    let Some((key, id)) = props.own else {
        return tile(label, html! { <span class="tile-value">{ "–" }</span> });
    };
    let number = id.map_or_else(|| "–".to_owned(), |id| format!("#{id}"));
    let balance = props.chain.balance;
    let content = html! {
        <>
            <span class="tile-value">
                { avatar(&key) }
                <span data-testid="own-id" data-value={written(id)}>{ number }</span>
            </span>
            <span class="tile-note" title={key.to_string()} data-testid="own-key" data-key={key.to_string()}>
                <code>{ key.short() }</code>
                { " · " }
                <span data-testid="balance" data-value={balance.to_string()}>
                    { say!(locale, "balance", amount = balance) }
                </span>
            </span>
        </>
    };
    tile(label, content)
}

fn leader_tile(locale: &Locale, props: &StatusBar) -> Html {
    let leader = props.leader;
    let own_id = props.own.and_then(|(_, id)| id);
    let is_self = leader.is_some_and(|leader| Some(leader.id) == own_id);
    let id = leader.map(|leader| leader.id);
    let term = leader.map(|leader| leader.term);
    let content = html! {
        <>
            <span class="tile-value" data-testid="leader-id" data-value={written(id)} data-term={written(term)} data-self={is_self.to_string()}>
                if let Some(leader) = leader {
                    { avatar(&leader.key) }
                    { format!("#{}", leader.id) }
                    if is_self {
                        <span class="tag tag-you">{ say!(locale, "you") }</span>
                    }
                } else {
                    { "–" }
                }
            </span>
            <span class="tile-note">
                if let Some(term) = term {
                    { say!(locale, "leader-term", term = term) }
                } else {
                    { say!(locale, "leader-none") }
                }
            </span>
        </>
    };
    tile(say!(locale, "leader"), content)
}

/// How high the replica is, and how far behind. A node that is no member knows of nothing that it
/// could be behind: then it says why it is none.
fn height_tile(locale: &Locale, props: &StatusBar) -> Html {
    let chain = &props.chain;
    let best = chain.best_header_height.max(chain.height);
    let (state, note) = match &props.connection {
        Some(Connection::Joined) if props.is_synced => ("synced", say!(locale, "synced")),
        Some(Connection::Joined) if chain.height < best => {
            let note = say!(locale, "syncing", height = chain.height, best = best);
            ("syncing", note)
        }
        Some(Connection::Joined) => ("syncing", say!(locale, "presence-syncing")),
        connection => connection_state(locale, connection.as_ref()),
    };
    let content = html! {
        <>
            <span class="tile-value" data-testid="height" data-value={chain.height.to_string()} data-tip={chain.tip.to_string()}>
                { locale.number(chain.height) }
            </span>
            <span class="tile-note" data-testid="sync-progress" data-state={state} data-value={chain.height.to_string()} data-max={best.to_string()}>
                if chain.height < best {
                    <progress value={chain.height.to_string()} max={best.to_string()} aria-label={say!(locale, "syncing-label")} />
                }
                { note }
            </span>
        </>
    };
    tile(say!(locale, "height"), content)
}

fn final_tile(locale: &Locale, chain: &ChainView) -> Html {
    let (signers, of) = chain.final_by.unzip();
    let content = html! {
        <>
            <span class="tile-value" data-testid="final-height" data-value={chain.final_height.to_string()} data-signers={written(signers)} data-of={written(of)}>
                { locale.number(chain.final_height) }
            </span>
            <span class="tile-note">
                if let Some((signers, of)) = chain.final_by {
                    { say!(locale, "final-by", signers = signers, of = of) }
                } else {
                    { say!(locale, "final-none") }
                }
                if chain.forced_changes > 0 {
                    <span class="tag tag-warn" title={say!(locale, "forced-changes-why")}>
                        { say!(locale, "forced-changes", count = chain.forced_changes) }
                    </span>
                }
            </span>
        </>
    };
    tile(say!(locale, "final"), content)
}

/// The fingerprint of the decision log, and all of it with a word on its use when it is opened.
fn log_tile(locale: &Locale, chain: &ChainView, is_open: &UseStateHandle<bool>) -> Html {
    let toggle = {
        let is_open = is_open.clone();
        move |_: MouseEvent| is_open.set(!*is_open)
    };
    let head = chain.log_head.to_string();
    let content = html! {
        <>
            <button type="button" class="tile-button" onclick={toggle} aria-expanded={is_open.to_string()} title={say!(locale, "log-why")} data-testid="log-fingerprint" data-value={head.clone()} data-length={chain.log_length.to_string()}>
                <span class="tile-value">{ text::short(&head) }</span>
                { sign(Icon::Chevron) }
            </button>
            <span class="tile-note">{ say!(locale, "log-length", count = chain.log_length) }</span>
            if **is_open {
                <div class="tile-more">
                    { text::full(&head) }
                    <p>{ say!(locale, "log-why") }</p>
                </div>
            }
        </>
    };
    tile(say!(locale, "log"), content)
}

/// A number that may not be known yet, for tests.
fn written<T: ToString>(number: Option<T>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}
