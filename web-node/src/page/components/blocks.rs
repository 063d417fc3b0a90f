//! The chain, newest block first, one page at a time: only what is seen is asked of the node.

use shared::hash::BlockHash;
use shared::node::interface::{Answer, Command};
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::block_card::BlockCard;
use super::panel::panel;
use super::part::{drawn_by, keyed};
use crate::page::hooks::{use_answer, use_locale};
use crate::page::locale::{Locale, say};

/// Blocks on one page.
const PAGE_BLOCKS: u32 = 10;

#[derive(PartialEq)]
pub(in crate::page) struct Blocks {
    pub(in crate::page) height: u64,
    pub(in crate::page) tip: BlockHash,
    pub(in crate::page) final_height: u64,
    pub(in crate::page) damaged: Vec<u64>,
    /// Whether the node knows its network; before that there is not even a genesis block.
    pub(in crate::page) is_ready: bool,
}

drawn_by!(Blocks, use_blocks);

/// One page of the chain. Without a height to start from it follows the tip.
#[hook]
fn use_blocks(props: &Blocks) -> Html {
    let locale = use_locale();
    let from = use_state_eq(|| None);
    let edits = use_state(|| 0_u32);
    let goto_field = use_node_ref();

    let version = (
        props.tip,
        props.final_height,
        props.damaged.clone(),
        props.is_ready,
        *edits,
    );
    let command = Command::Blocks {
        from: from.unwrap_or(u64::MAX),
        count: PAGE_BLOCKS,
    };
    let answer = use_answer(command, version.clone());
    let blocks = match answer.as_deref() {
        Some(Answer::Blocks(blocks)) => blocks.as_slice(),
        _ => &[],
    };

    let on_edited = use_callback((*edits, edits.setter()), |(), (edits, setter)| {
        setter.set(edits.wrapping_add(1));
    });
    let on_goto = use_callback(from.setter(), |height, setter| setter.set(height));
    let content = html! {
        <>
            if blocks.is_empty() {
                <p class="empty">{ say!(locale, "blocks-none") }</p>
            }
            <ol class="chain" data-testid="blocks" reversed=true>
                { for blocks.iter().map(|summary| keyed(
                    &summary.header.height.to_string(),
                    BlockCard {
                        summary: summary.clone(),
                        is_damaged: summary.is_damaged || props.damaged.contains(&summary.header.height),
                        on_goto: on_goto.clone(),
                        on_edited: on_edited.clone(),
                        edits: *edits,
                    },
                )) }
            </ol>
            { pager(&locale, *from, props.height, &on_goto) }
        </>
    };
    let aside = goto(&locale, goto_field, &on_goto);
    panel("blocks", say!(locale, "blocks"), aside, content)
}

/// A field for a height to jump to.
fn goto(locale: &Locale, field: NodeRef, on_goto: &Callback<Option<u64>>) -> Html {
    let entered = field.clone();
    let onsubmit = on_goto.reform(move |event: SubmitEvent| {
        event.prevent_default();
        entered
            .cast::<HtmlInputElement>()
            .and_then(|field| field.value().trim().parse().ok())
    });
    html! {
        <form class="goto" {onsubmit}>
            <input ref={field} class="goto-height" type="number" min="0" inputmode="numeric" aria-label={say!(locale, "goto-height")} placeholder={say!(locale, "goto-placeholder")} data-testid="blocks-goto" />
            <button type="submit" class="button" data-testid="blocks-goto-submit">{ say!(locale, "goto") }</button>
        </form>
    }
}

fn pager(locale: &Locale, from: Option<u64>, height: u64, on_goto: &Callback<Option<u64>>) -> Html {
    let count = u64::from(PAGE_BLOCKS);
    let top = from.unwrap_or(height).min(height);
    let bottom = (top + 1).saturating_sub(count);
    let newer = Some(top + count).filter(|&next| next < height);

    let to_newer = on_goto.reform(move |_: MouseEvent| newer);
    let to_older = on_goto.reform(move |_: MouseEvent| Some(bottom.saturating_sub(1)));
    let to_latest = on_goto.reform(|_: MouseEvent| None);
    html! {
        <div class="pager">
            <button type="button" class="button" data-testid="blocks-newer" onclick={to_newer} disabled={from.is_none() || top == height}>
                { say!(locale, "newer") }
            </button>
            <span class="pager-range">
                { say!(locale, "blocks-range", top = top, bottom = bottom) }
            </span>
            <button type="button" class="button" data-testid="blocks-older" onclick={to_older} disabled={bottom == 0}>
                { say!(locale, "older") }
            </button>
            if from.is_some() {
                <button type="button" class="button" data-testid="blocks-latest" onclick={to_latest}>
                    { say!(locale, "latest") }
                </button>
            }
        </div>
    }
}
