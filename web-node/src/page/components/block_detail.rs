//! An opened block: its header field by field, its transactions, and the means to edit it.

use shared::difficulty::Target;
use shared::hash::{Hash, TransactionId};
use shared::node::interface::{Answer, BlockDetail, BlockSummary, Command};
use shared::transaction::{Outcome, SignedTransaction};
use yew::prelude::*;

use super::command_error;
use super::icon::{Icon, sign};
use super::person::Person;
use super::text::{full_hash, hash_text};
use super::transaction::{ActionText, OutcomeTag, outcome_name, put_parts};
use crate::page::hooks::{use_answer, use_client, use_locale};
use crate::page::locale::say;

#[derive(Properties, PartialEq)]
pub(super) struct BlockDetailViewProps {
    pub(super) summary: BlockSummary,
    pub(super) is_damaged: bool,
    pub(super) on_goto: Callback<Option<u64>>,
    pub(super) on_edited: Callback<()>,
    pub(super) edits: u32,
}

/// An opened block, as it is stored.
#[function_component]
pub(super) fn BlockDetailView(props: &BlockDetailViewProps) -> Html {
    let locale = use_locale();
    let height = props.summary.header.height;
    let version = (props.summary.clone(), props.is_damaged, props.edits);
    let answer = use_answer(Command::Block { height }, version);
    let detail = match answer.as_deref() {
        Some(Answer::Block(Some(detail))) => Some(detail.as_ref()),
        _ => None,
    };
    let stored_root = detail.map(|detail| detail.tx_root);
    html! {
        <div data-testid={format!("block-detail-{height}")} data-tx-root={props.summary.header.tx_root.to_string()} data-stored-root={stored_root.map(|root| root.to_string())}>
            if let Some(error) = command_error::of_answer(&locale, answer.as_deref()) {
                <p class="field-error" role="alert">{ error }</p>
            }
            <HeaderFields summary={props.summary.clone()} {stored_root} on_goto={props.on_goto.clone()} />
            <TransactionList transactions={detail.map(transactions).unwrap_or_default()} />
            if height > 0 {
                <TamperButton {height} on_edited={props.on_edited.clone()} />
            }
        </div>
    }
}

type Included = (TransactionId, SignedTransaction, Outcome);

fn transactions(detail: &BlockDetail) -> Vec<Included> {
    detail.transactions.clone()
}

#[derive(Properties, PartialEq)]
struct HeaderFieldsProps {
    summary: BlockSummary,
    /// Root over the stored transactions, once they are read.
    stored_root: Option<Hash>,
    on_goto: Callback<Option<u64>>,
}

#[function_component]
fn HeaderFields(props: &HeaderFieldsProps) -> Html {
    let locale = use_locale();
    let header = &props.summary.header;
    let edited_root = props.stored_root.filter(|root| *root != header.tx_root);
    let expected_hashes =
        Target::from_compact(header.bits).map_or(0.0, |target| target.work().to_f64());
    let height = header.height;
    let to_previous = props
        .on_goto
        .reform(move |_: MouseEvent| Some(height.saturating_sub(1)));
    html! {
        <dl class="fields">
            <dt>{ say!(locale, "field-hash") }</dt>
            <dd>{ full_hash(&props.summary.hash.to_string()) }</dd>

            <dt>{ say!(locale, "field-previous") }</dt>
            <dd>
                if height > 0 {
                    <button type="button" class="link" onclick={to_previous} title={say!(locale, "previous-goto")}>
                        { full_hash(&header.previous.to_string()) }
                    </button>
                } else {
                    { full_hash(&header.previous.to_string()) }
                }
            </dd>

            <dt title={say!(locale, "field-tx-root-why")}>{ say!(locale, "field-tx-root") }</dt>
            <dd class={classes!(edited_root.is_some().then_some("bad"))}>
                { full_hash(&header.tx_root.to_string()) }
                if let Some(root) = edited_root {
                    <p class="mismatch">
                        { sign(Icon::Alert) }
                        { say!(locale, "root-mismatch") }
                        { " " }
                        { full_hash(&root.to_string()) }
                    </p>
                }
            </dd>

            <dt title={say!(locale, "field-state-root-why")}>{ say!(locale, "field-state-root") }</dt>
            <dd>{ full_hash(&header.state_root.to_string()) }</dd>

            <dt>{ say!(locale, "field-time") }</dt>
            <dd>{ locale.date_time(header.timestamp_ms) }</dd>

            <dt>{ say!(locale, "field-producer") }</dt>
            <dd><Person key_of={header.producer} /></dd>

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

#[derive(Properties, PartialEq)]
struct TransactionListProps {
    transactions: Vec<Included>,
}

#[function_component]
fn TransactionList(props: &TransactionListProps) -> Html {
    let locale = use_locale();
    if props.transactions.is_empty() {
        return html! { <p class="empty">{ say!(locale, "block-without-transactions") }</p> };
    }
    html! {
        <ul class="rows">
            { for props.transactions.iter().map(|(id, signed, outcome)| {
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
                        <Person key_of={transaction.sender} />
                        <ActionText action={transaction.action.clone()} />
                        <span class="row-end">
                            <OutcomeTag outcome={*outcome} />
                            { hash_text(&id.to_string()) }
                        </span>
                    </li>
                }
            }) }
        </ul>
    }
}

#[derive(Properties, PartialEq)]
struct TamperButtonProps {
    height: u64,
    on_edited: Callback<()>,
}

/// Edits the stored block behind the node's back, so that a class sees it being found out.
#[function_component]
fn TamperButton(props: &TamperButtonProps) -> Html {
    let locale = use_locale();
    let client = use_client();
    let error = use_state(|| None);
    let height = props.height;
    let onclick = {
        let (on_edited, error) = (props.on_edited.clone(), error.setter());
        move |_: MouseEvent| {
            let Some(client) = &client else { return };
            let (on_edited, error) = (on_edited.clone(), error.clone());
            client.ask(Command::Tamper { height }, move |answer| {
                error.set(answer.filter(|answer| matches!(answer, Answer::Failed(_))));
                on_edited.emit(());
            });
        }
    };
    html! {
        <div class="tamper">
            <button type="button" class="button button-danger" data-testid={format!("tamper-{height}")} {onclick}>
                { say!(locale, "tamper") }
            </button>
            <span class="hint">{ say!(locale, "tamper-why") }</span>
            if let Some(error) = command_error::of_answer(&locale, error.as_ref()) {
                <p class="field-error" role="alert">{ error }</p>
            }
        </div>
    }
}
