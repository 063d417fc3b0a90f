//! An opened block: its header field by field, its transactions, and the means to edit it.

use std::ops::Range;

use shared::difficulty::Target;
use shared::hash::Hash;
use shared::node::interface::{Answer, BlockDetail, BlockSummary, Command};
use yew::prelude::*;

use super::command_error;
use super::icon::{Icon, sign};
use super::pager::use_pager;
use super::part::{drawn_by, part};
use super::person::Person;
use super::receipt::ReceiptButton;
use super::text;
use super::transaction::{action_text, outcome_name, outcome_tag, put_parts};
use crate::page::hooks::{Request, use_answer, use_locale, use_request};
use crate::page::locale::{Locale, say};

/// Transactions on one page.
const PAGE_TRANSACTIONS: usize = 20;

#[derive(PartialEq)]
pub(super) struct BlockDetailView {
    pub(super) summary: BlockSummary,
    pub(super) is_damaged: bool,
    pub(super) on_goto: Callback<Option<u64>>,
    pub(super) on_edited: Callback<()>,
    pub(super) edits: u32,
}

drawn_by!(BlockDetailView, use_block_detail_view);

/// An opened block, as it is stored.
#[hook]
fn use_block_detail_view(props: &BlockDetailView) -> Html {
    let locale = use_locale();
    let height = props.summary.header.height;
    let version = (props.summary.clone(), props.is_damaged, props.edits);
    let answer = use_answer(Command::Block { height }, version);
    let detail = match answer.as_deref() {
        Some(Answer::Block(Some(detail))) => Some(detail.as_ref()),
        _ => None,
    };
    let stored_root = detail.map(|detail| detail.tx_root);
    let count = detail.map_or(0, |detail| detail.transactions.len());
    let name = format!("block-{height}-entries");
    let (shown, pager) = use_pager(&name, count, PAGE_TRANSACTIONS);

    let tamper = use_request();
    use_effect_with(
        (tamper.answer.clone(), props.on_edited.clone()),
        |(answer, on_edited)| {
            if matches!(answer.as_deref(), Some(Answer::Done)) {
                on_edited.emit(());
            }
        },
    );
    html! {
        <div data-testid={format!("block-detail-{height}")} data-tx-root={props.summary.header.tx_root.to_string()} data-stored-root={stored_root.map(|root| root.to_string())}>
            if let Some(error) = command_error::of_answer(&locale, answer.as_deref()) {
                <p class="field-error" role="alert">{ error }</p>
            }
            { header_fields(&locale, &props.summary, stored_root, &props.on_goto) }
            { transaction_list(&locale, detail, shown) }
            { pager }
            if height > 0 {
                { tamper_button(&locale, height, &tamper) }
            }
        </div>
    }
}

/// The header's fields, and the root over the stored transactions where it is another one.
fn header_fields(
    locale: &Locale,
    summary: &BlockSummary,
    stored_root: Option<Hash>,
    on_goto: &Callback<Option<u64>>,
) -> Html {
    let header = &summary.header;
    let edited_root = stored_root.filter(|root| *root != header.tx_root);
    let expected_hashes =
        Target::from_compact(header.bits).map_or(0.0, |target| target.work().to_f64());
    let height = header.height;
    let to_previous = on_goto.reform(move |_: MouseEvent| Some(height.saturating_sub(1)));
    html! {
        <dl class="fields">
            <dt>{ say!(locale, "field-hash") }</dt>
            <dd>{ text::full(summary.hash) }</dd>

            <dt>{ say!(locale, "field-previous") }</dt>
            <dd>
                if height > 0 {
                    <button type="button" class="link" onclick={to_previous} title={say!(locale, "previous-goto")}>
                        { text::full(header.previous) }
                    </button>
                } else {
                    { text::full(header.previous) }
                }
            </dd>

            <dt title={say!(locale, "field-tx-root-why")}>{ say!(locale, "field-tx-root") }</dt>
            <dd class={classes!(edited_root.is_some().then_some("bad"))}>
                { text::full(header.tx_root) }
                if let Some(root) = edited_root {
                    <p class="mismatch">
                        { sign(Icon::Alert) }
                        { say!(locale, "root-mismatch") }
                        { " " }
                        { text::full(root) }
                    </p>
                }
            </dd>

            <dt title={say!(locale, "field-state-root-why")}>{ say!(locale, "field-state-root") }</dt>
            <dd>{ text::full(header.state_root) }</dd>

            <dt>{ say!(locale, "field-time") }</dt>
            <dd>{ locale.date_time(header.timestamp_ms) }</dd>

            <dt>{ say!(locale, "field-producer") }</dt>
            <dd>{ part(Person { key_of: header.producer }) }</dd>

            <dt>{ say!(locale, "field-difficulty") }</dt>
            <dd>
                <code>{ format!("{:#010x}", header.bits) }</code>
                { " · " }
                { say!(locale, "difficulty-one-in", count = locale.prefixed(expected_hashes)) }
            </dd>

            <dt>{ say!(locale, "field-nonce") }</dt>
            <dd><code>{ header.nonce.to_string() }</code></dd>
        </dl>
    }
}

fn transaction_list(locale: &Locale, detail: Option<&BlockDetail>, shown: Range<usize>) -> Html {
    let is_final = detail.is_some_and(|detail| detail.summary.is_final);
    let transactions = detail.and_then(|detail| detail.transactions.get(shown));
    let transactions = transactions.unwrap_or_default();
    if transactions.is_empty() {
        return html! { <p class="empty">{ say!(locale, "block-without-transactions") }</p> };
    }
    html! {
        <ul class="rows">
            { for transactions.iter().map(|(id, signed, outcome)| {
                let transaction = &signed.transaction;
                let (key, value) = put_parts(&transaction.action);
                html! {
                    <li key={id.to_string()} class="row"
                        data-testid={format!("block-tx-{id}")}
                        data-outcome={outcome_name(*outcome)}
                        data-key={key}
                        data-value={value}
                        data-sender-key={transaction.sender.to_string()}
                    >
                        { part(Person { key_of: transaction.sender }) }
                        { action_text(locale, &transaction.action) }
                        <span class="row-end">
                            { outcome_tag(locale, *outcome) }
                            { text::short(id) }
                            if is_final {
                                { part(ReceiptButton { of: *id }) }
                            }
                        </span>
                    </li>
                }
            }) }
        </ul>
    }
}

/// Edits the stored block behind the node's back, so that a class sees it being found out.
fn tamper_button(locale: &Locale, height: u64, tamper: &Request) -> Html {
    let onclick = tamper
        .send
        .reform(move |_: MouseEvent| Command::Tamper { height });
    html! {
        <div class="tamper">
            <button type="button" class="button button-danger" data-testid={format!("tamper-{height}")} {onclick}>
                { say!(locale, "tamper") }
            </button>
            <span class="hint">{ say!(locale, "tamper-why") }</span>
            if let Some(error) = command_error::of_answer(locale, tamper.answer.as_deref()) {
                <p class="field-error" role="alert">{ error }</p>
            }
        </div>
    }
}
