//! What became of one's own transactions: pending, then in a block, and what they did there.

use shared::hash::{BlockHash, TransactionId};
use shared::node::interface::{Answer, ChainView, Command, HistoryItem};
use shared::transaction::{Key, Value};
use yew::prelude::*;

use super::part::{drawn_by, keyed, part};
use super::receipt::ReceiptButton;
use super::text;
use super::transaction::{LedgerKey, outcome_name, outcome_tag};
use crate::page::hooks::{use_answer, use_locale};
use crate::page::locale::say;

/// Own transactions that are followed.
pub(super) const SUBMISSIONS_SHOWN: usize = 5;

/// A transaction that this page submitted.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Submission {
    pub(super) id: TransactionId,
    pub(super) key: Key,
    pub(super) value: Value,
}

/// The last submissions, newest first.
pub(super) fn submission_list(submissions: &[Submission], chain: &ChainView) -> Html {
    let (tip, height, final_height) = (chain.tip, chain.height, chain.final_height);
    html! {
        <ul class="rows submissions" aria-live="polite">
            { for submissions.iter().map(|submission| html! {
                { keyed(&submission.id.to_string(), SubmissionRow { submission: submission.clone(), tip, height, final_height }) }
            }) }
        </ul>
    }
}

#[derive(PartialEq)]
struct SubmissionRow {
    submission: Submission,
    tip: BlockHash,
    height: u64,
    final_height: u64,
}

drawn_by!(SubmissionRow, use_submission_row);

/// Looked up again with each new tip, since a reorganisation may take it out of its block.
#[hook]
fn use_submission_row(props: &SubmissionRow) -> Html {
    let locale = use_locale();
    let Submission { id, key, value } = &props.submission;
    let answer = use_answer(
        Command::Lookup { key: key.clone() },
        (props.tip, props.height),
    );
    let included = included(answer.as_deref(), id);
    html! {
        <li class="row"
            data-testid={format!("submission-{id}")}
            data-state={if included.is_some() { "mined" } else { "pending" }}
            data-height={included.map(|item| item.height.to_string())}
            data-outcome={included.map(|item| outcome_name(item.outcome))}
        >
            <span class="action">
                { part(LedgerKey { of: key.clone() }) }
                <span class="arrow" aria-hidden="true">{ "=" }</span>
                <span class="ledger-value">{ value.as_str().to_owned() }</span>
            </span>
            <span class="row-end">
                if let Some(item) = included {
                    <span>{ say!(locale, "submission-mined", height = item.height) }</span>
                    { outcome_tag(&locale, item.outcome) }
                    if item.height <= props.final_height {
                        { part(ReceiptButton { of: *id }) }
                    }
                } else {
                    <span class="tag tag-warn">{ say!(locale, "submission-pending") }</span>
                }
                { text::short(id) }
            </span>
        </li>
    }
}

fn included<'a>(answer: Option<&'a Answer>, id: &TransactionId) -> Option<&'a HistoryItem> {
    match answer {
        Some(Answer::Lookup(lookup)) => lookup.history.iter().find(|item| item.id == *id),
        _ => None,
    }
}
