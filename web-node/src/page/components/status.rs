//! The status bar: who one is, who leads, and how far the chain is, final, and fetched.

use std::rc::Rc;

use shared::message::{Leader, MemberId};
use shared::node::interface::{ChainView, View};
use yew::prelude::*;

use super::icon::{Icon, Sign};
use super::person::Avatar;
use super::text::HashText;
use crate::page::hooks::use_locale;
use crate::page::locale::say;

#[derive(Properties, PartialEq)]
pub(in crate::page) struct StatusBarProps {
    pub(in crate::page) view: Option<Rc<View>>,
}

/// The status bar; its places stay where they are while nothing is known yet.
#[function_component]
pub(in crate::page) fn StatusBar(props: &StatusBarProps) -> Html {
    let locale = use_locale();
    let view = props.view.as_deref();
    let chain = view.map(|view| view.chain.clone()).unwrap_or_default();
    html! {
        <section class="status" aria-label={say!(locale, "status")}>
            <OwnTile view={props.view.clone()} />
            <LeaderTile leader={view.and_then(|view| view.leader)} own_id={view.and_then(|view| view.id)} />
            <HeightTile chain={chain.clone()} />
            <FinalTile chain={chain.clone()} />
            <LogTile {chain} />
        </section>
    }
}

#[derive(Properties, PartialEq)]
struct TileProps {
    label: AttrValue,
    children: Html,
}

#[function_component]
fn Tile(props: &TileProps) -> Html {
    html! {
        <div class="tile">
            <span class="tile-label">{ &props.label }</span>
            { props.children.clone() }
        </div>
    }
}

#[derive(Properties, PartialEq)]
struct OwnTileProps {
    view: Option<Rc<View>>,
}

#[function_component]
fn OwnTile(props: &OwnTileProps) -> Html {
    let locale = use_locale();
    let Some(view) = props.view.as_deref() else {
        return html! { <Tile label={say!(locale, "own")}><span class="tile-value">{ "–" }</span></Tile> };
    };
    let id = view
        .id
        .map_or_else(|| "–".to_owned(), |id| format!("#{id}"));
    html! {
        <Tile label={say!(locale, "own")}>
            <span class="tile-value">
                <Avatar key_of={view.key} />
                <span data-testid="own-id" data-value={written(view.id)}>{ id }</span>
            </span>
            <span class="tile-note" title={view.key.to_string()} data-testid="own-key" data-key={view.key.to_string()}>
                <code>{ view.key.short() }</code>
                { " · " }
                <span data-testid="balance" data-value={view.chain.balance.to_string()}>
                    { say!(locale, "balance", amount = view.chain.balance) }
                </span>
            </span>
        </Tile>
    }
}

#[derive(Properties, PartialEq)]
struct LeaderTileProps {
    leader: Option<Leader>,
    own_id: Option<MemberId>,
}

#[function_component]
fn LeaderTile(props: &LeaderTileProps) -> Html {
    let locale = use_locale();
    let is_self = props
        .leader
        .is_some_and(|leader| Some(leader.id) == props.own_id);
    let id = props.leader.map(|leader| leader.id);
    let term = props.leader.map(|leader| leader.term);
    html! {
        <Tile label={say!(locale, "leader")}>
            <span class="tile-value" data-testid="leader-id" data-value={written(id)} data-term={written(term)} data-self={is_self.to_string()}>
                if let Some(leader) = props.leader {
                    <Avatar key_of={leader.key} />
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
        </Tile>
    }
}

#[derive(Properties, PartialEq)]
struct ChainTileProps {
    chain: ChainView,
}

#[function_component]
fn HeightTile(props: &ChainTileProps) -> Html {
    let locale = use_locale();
    let chain = &props.chain;
    let best = chain.best_header_height.max(chain.height);
    let is_synced = chain.height == best;
    html! {
        <Tile label={say!(locale, "height")}>
            <span class="tile-value" data-testid="height" data-value={chain.height.to_string()} data-tip={chain.tip.to_string()}>
                { locale.number(chain.height) }
            </span>
            <span class="tile-note" data-testid="sync-progress" data-state={if is_synced { "synced" } else { "syncing" }} data-value={chain.height.to_string()} data-max={best.to_string()}>
                if is_synced {
                    { say!(locale, "synced") }
                } else {
                    <progress value={chain.height.to_string()} max={best.to_string()} aria-label={say!(locale, "syncing-label")} />
                    { say!(locale, "syncing", height = chain.height, best = best) }
                }
            </span>
        </Tile>
    }
}

#[function_component]
fn FinalTile(props: &ChainTileProps) -> Html {
    let locale = use_locale();
    let chain = &props.chain;
    let (signers, of) = chain.final_by.unzip();
    html! {
        <Tile label={say!(locale, "final")}>
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
        </Tile>
    }
}

#[function_component]
fn LogTile(props: &ChainTileProps) -> Html {
    let locale = use_locale();
    let is_full = use_state(|| false);
    let chain = &props.chain;
    let toggle = {
        let is_full = is_full.clone();
        move |_: MouseEvent| is_full.set(!*is_full)
    };
    let head = chain.log_head.to_string();
    html! {
        <Tile label={say!(locale, "log")}>
            <button type="button" class="tile-button" onclick={toggle} aria-expanded={is_full.to_string()} title={say!(locale, "log-why")} data-testid="log-fingerprint" data-value={head.clone()} data-length={chain.log_length.to_string()}>
                <span class="tile-value"><HashText hash={head.clone()} /></span>
                <Sign icon={Icon::Chevron} />
            </button>
            <span class="tile-note">{ say!(locale, "log-length", count = chain.log_length) }</span>
            if *is_full {
                <div class="tile-more">
                    <HashText hash={head} is_full=true />
                    <p>{ say!(locale, "log-why") }</p>
                </div>
            }
        </Tile>
    }
}

/// A number that may not be known yet, for tests.
fn written<T: ToString>(number: Option<T>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}
