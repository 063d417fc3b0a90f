//! A block in the chain: one line that says the most, and all of it when it is opened.

use shared::node::interface::BlockSummary;
use yew::prelude::*;

use super::block_detail::BlockDetailView;
use super::icon::{Icon, sign};
use super::part::{drawn_by, part};
use super::person::Person;
use super::text::{self, Ago};
use crate::page::hooks::use_locale;
use crate::page::locale::{Locale, say};

#[derive(PartialEq)]
pub(super) struct BlockCard {
    pub(super) summary: BlockSummary,
    pub(super) is_damaged: bool,
    /// Shows the page of the chain that begins at a height.
    pub(super) on_goto: Callback<Option<u64>>,
    /// Called when the stored block was edited.
    pub(super) on_edited: Callback<()>,
    /// How often stored blocks were edited: another count means to look again.
    pub(super) edits: u32,
}

drawn_by!(BlockCard, use_block_card);

/// A block.
#[hook]
fn use_block_card(props: &BlockCard) -> Html {
    let locale = use_locale();
    let is_open = use_state(|| false);
    let summary = &props.summary;
    let header = &summary.header;
    let height = header.height;
    let detail_id = format!("block-detail-{height}");
    let toggle = {
        let is_open = is_open.clone();
        move |_: MouseEvent| is_open.set(!*is_open)
    };
    let standing = Standing::of(summary, props.is_damaged);
    html! {
        <li class={classes!("block", standing.class(), is_open.then_some("open"))}
            data-testid={format!("block-{height}")}
            data-height={height.to_string()}
            data-hash={summary.hash.to_string()}
            data-previous={header.previous.to_string()}
            data-final={summary.is_final.to_string()}
            data-damaged={props.is_damaged.to_string()}
            data-transactions={summary.transactions.to_string()}
            data-producer={header.producer.to_string()}
        >
            <button type="button" class="block-head" onclick={toggle} aria-expanded={is_open.to_string()} aria-controls={detail_id.clone()} data-testid={format!("block-toggle-{height}")}>
                <span class="block-height">{ locale.number(height) }</span>
                <span class="block-main">
                    <span class="block-line">
                        { text::short(summary.hash) }
                        { badge(&locale, standing) }
                    </span>
                    <span class="block-line block-minor">
                        if height == 0 {
                            { say!(locale, "genesis") }
                        } else {
                            <span class="block-link" title={say!(locale, "previous-why")}>
                                { sign(Icon::Link) }
                                { text::short(header.previous) }
                            </span>
                        }
                    </span>
                </span>
                <span class="block-side">
                    if height > 0 {
                        { part(Person { key_of: header.producer }) }
                    }
                    <span class="block-minor">
                        { say!(locale, "transactions", count = summary.transactions) }
                        { " · " }
                        { part(Ago { time_ms: header.timestamp_ms }) }
                    </span>
                </span>
                { sign(Icon::Chevron) }
            </button>
            <div id={detail_id.clone()} class="block-detail" hidden={!*is_open}>
                if *is_open {
                    { part(BlockDetailView {
                        summary: summary.clone(),
                        is_damaged: props.is_damaged,
                        on_goto: props.on_goto.clone(),
                        on_edited: props.on_edited.clone(),
                        edits: props.edits,
                    }) }
                }
            </div>
        </li>
    }
}

/// What is the most important thing to know of a block.
#[derive(Clone, Copy)]
enum Standing {
    Damaged,
    Final,
    Undecided,
}

impl Standing {
    fn of(summary: &BlockSummary, is_damaged: bool) -> Self {
        match (is_damaged, summary.is_final) {
            (true, _) => Self::Damaged,
            (false, true) => Self::Final,
            (false, false) => Self::Undecided,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::Final => "final",
            Self::Undecided => "undecided",
        }
    }
}

fn badge(locale: &Locale, standing: Standing) -> Html {
    let (class, icon, text) = match standing {
        Standing::Damaged => ("tag-bad", Some(Icon::Alert), say!(locale, "badge-damaged")),
        Standing::Final => ("tag-good", Some(Icon::Check), say!(locale, "badge-final")),
        Standing::Undecided => ("tag-warn", None, say!(locale, "badge-undecided")),
    };
    html! {
        <span class={classes!("tag", class)}>
            if let Some(icon) = icon {
                { sign(icon) }
            }
            { text }
        </span>
    }
}
