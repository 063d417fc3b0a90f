//! What a transaction does and did, in words.

use shared::transaction::{Action, Expect, Key, Outcome};
use yew::prelude::*;

use super::part::{drawn_by, part};
use super::person::Person;
use crate::page::hooks::{use_locale, use_look_up};
use crate::page::locale::{Locale, say};

/// What a transaction does. Keys and values are strangers' text: text nodes, never markup.
pub(super) fn action_text(locale: &Locale, action: &Action) -> Html {
    match action {
        Action::Put { key, value, expect } => html! {
            <span class="action">
                { part(LedgerKey { of: key.clone() }) }
                <span class="arrow" aria-hidden="true">{ "=" }</span>
                <span class="ledger-value">{ value.as_str().to_owned() }</span>
                if let Some(condition) = condition(locale, expect) {
                    <span class="tag">{ condition }</span>
                }
            </span>
        },
        Action::Transfer { to, amount } => html! {
            <span class="action">
                { say!(locale, "transfer-of", amount = *amount) }
                <span class="arrow" aria-hidden="true">{ "→" }</span>
                { part(Person { key_of: *to }) }
            </span>
        },
    }
}

#[derive(PartialEq)]
pub(super) struct LedgerKey {
    pub(super) of: Key,
}

drawn_by!(LedgerKey, use_ledger_key);

/// A key of the ledger; pressing it looks it up.
#[hook]
fn use_ledger_key(props: &LedgerKey) -> Html {
    let locale = use_locale();
    let look_up = use_look_up();
    let key = props.of.clone();
    let onclick = look_up.reform(move |_: MouseEvent| key.clone());
    html! {
        <button type="button" class="ledger-key" title={say!(locale, "lookup-this")} {onclick}>
            { props.of.as_str().to_owned() }
        </button>
    }
}

/// The key and value of a put, for tests.
pub(super) fn put_parts(action: &Action) -> (Option<String>, Option<String>) {
    match action {
        Action::Put { key, value, .. } => (
            Some(key.as_str().to_owned()),
            Some(value.as_str().to_owned()),
        ),
        Action::Transfer { .. } => (None, None),
    }
}

fn condition(locale: &Locale, expect: &Expect) -> Option<String> {
    match expect {
        Expect::Anything => None,
        Expect::Absent => Some(say!(locale, "condition-absent")),
        Expect::WrittenBy(_) => Some(say!(locale, "condition-unchanged")),
    }
}

/// What an included transaction did.
pub(super) fn outcome_tag(locale: &Locale, outcome: Outcome) -> Html {
    let (class, text) = match outcome {
        Outcome::Applied => ("tag-good", say!(locale, "outcome-applied")),
        Outcome::ExpectFailed => ("tag-warn", say!(locale, "outcome-expect-failed")),
        Outcome::BalanceTooSmall => ("tag-warn", say!(locale, "outcome-balance-too-small")),
        Outcome::QuotaExceeded => ("tag-warn", say!(locale, "outcome-quota-exceeded")),
    };
    html! { <span class={classes!("tag", class)}>{ text }</span> }
}

/// The name of an outcome for tests and styles.
pub(super) fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Applied => "applied",
        Outcome::ExpectFailed => "expect-failed",
        Outcome::BalanceTooSmall => "balance-too-small",
        Outcome::QuotaExceeded => "quota-exceeded",
    }
}
