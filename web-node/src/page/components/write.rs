//! The form that writes a key: checked while one types, answered beside the field.

use shared::encoding::TextError;
use shared::hash::{BlockHash, TransactionId};
use shared::limits::{KEY_BYTES_MAX, VALUE_BYTES_MAX};
use shared::node::interface::{Answer, ChainView, Command, CommandError};
use shared::transaction::{Expect, Key, Value};
use web_sys::{HtmlInputElement, HtmlSelectElement, HtmlTextAreaElement};
use yew::prelude::*;

use super::command_error;
use super::icon::{Icon, sign};
use super::panel::panel;
use super::part::{drawn_by, part};
use super::submissions::{SUBMISSIONS_SHOWN, Submission, submission_list};
use super::transfer::TransferForm;
use crate::page::hooks::{use_answer, use_client, use_locale};
use crate::page::locale::{Locale, say};

#[derive(PartialEq)]
pub(in crate::page) struct WritePanel {
    pub(in crate::page) chain: ChainView,
}

drawn_by!(WritePanel, use_write_panel);

/// The form, and below it what became of one's own transactions.
#[hook]
fn use_write_panel(props: &WritePanel) -> Html {
    let locale = use_locale();
    let submissions = use_state(Vec::<Submission>::new);
    let on_submitted = {
        let submissions = submissions.clone();
        Callback::from(move |submission: Submission| {
            let before = submissions.iter().cloned();
            let newest_first = core::iter::once(submission).chain(before);
            submissions.set(newest_first.take(SUBMISSIONS_SHOWN).collect());
        })
    };
    let content = html! {
        <>
            { part(WriteForm { tip: props.chain.tip, on_submitted }) }
            { submission_list(&submissions, &props.chain) }
            { part(TransferForm { balance: props.chain.balance }) }
        </>
    };
    panel("write", say!(locale, "write"), html! {}, content)
}

/// What the user demands of the key before the write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Demand {
    Anything,
    Absent,
    /// Still last written by the transaction that is shown.
    Unchanged,
}

impl Demand {
    const ALL: [Self; 3] = [Self::Anything, Self::Absent, Self::Unchanged];

    fn name(self) -> &'static str {
        match self {
            Self::Anything => "anything",
            Self::Absent => "absent",
            Self::Unchanged => "unchanged",
        }
    }

    fn of_name(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|demand| demand.name() == name)
            .unwrap_or(Self::Anything)
    }

    fn label(self, locale: &Locale) -> String {
        match self {
            Self::Anything => say!(locale, "expect-anything"),
            Self::Absent => say!(locale, "expect-absent"),
            Self::Unchanged => say!(locale, "expect-unchanged"),
        }
    }
}

/// What stands in the form.
#[derive(Clone, Debug, PartialEq)]
struct Draft {
    key: String,
    value: String,
    demand: Demand,
    /// Whether the user has tried to submit it: an empty key is no error before.
    was_submitted: bool,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            key: String::new(),
            value: String::new(),
            demand: Demand::Anything,
            was_submitted: false,
        }
    }
}

impl Draft {
    fn checked_key(&self) -> Result<Key, TextError> {
        if self.key.is_empty() {
            return Err(TextError::Empty);
        }
        Key::new(self.key.clone())
    }

    fn checked_value(&self) -> Result<Value, TextError> {
        Value::new(self.value.clone())
    }

    fn key_error(&self, locale: &Locale) -> Option<String> {
        match self.checked_key() {
            Err(TextError::Empty) if !self.was_submitted => None,
            Err(error) => Some(text_error(locale, error)),
            Ok(_) => None,
        }
    }
}

fn text_error(locale: &Locale, error: TextError) -> String {
    match error {
        TextError::Empty => say!(locale, "error-empty-key"),
        TextError::TooLong { max, bytes } => {
            say!(locale, "error-too-long", max = max, bytes = bytes)
        }
        TextError::Nul(_) => say!(locale, "error-nul"),
    }
}

#[derive(PartialEq)]
struct WriteForm {
    tip: BlockHash,
    on_submitted: Callback<Submission>,
}

drawn_by!(WriteForm, use_write_form);

#[hook]
fn use_write_form(props: &WriteForm) -> Html {
    let locale = use_locale();
    let client = use_client();
    let draft = use_state(Draft::default);
    let error = use_state(|| None::<CommandError>);
    let key_field = use_node_ref();
    let last_write = use_last_write(&draft, props.tip);

    let change = |edit: fn(&mut Draft, String)| {
        let draft = draft.clone();
        move |text: String| {
            let mut next = (*draft).clone();
            edit(&mut next, text);
            draft.set(next);
        }
    };
    let on_key = change(|draft, text| draft.key = text);
    let on_value = change(|draft, text| draft.value = text);
    let on_demand = change(|draft, text| draft.demand = Demand::of_name(&text));

    let submit = {
        let (draft, error, key_field) = (draft.clone(), error.setter(), key_field.clone());
        let on_submitted = props.on_submitted.clone();
        let last_write = last_write.clone();
        Callback::from(move |()| {
            let expect = match draft.demand {
                Demand::Anything => Some(Expect::Anything),
                Demand::Absent => Some(Expect::Absent),
                Demand::Unchanged => last_write.as_ref().map(|seen| Expect::WrittenBy(seen.by)),
            };
            let (Ok(key), Ok(value), Some(expect), Some(client)) =
                (draft.checked_key(), draft.checked_value(), expect, &client)
            else {
                draft.set(Draft {
                    was_submitted: true,
                    ..(*draft).clone()
                });
                if draft.checked_key().is_err() {
                    focus(&key_field);
                }
                return;
            };
            let (draft, error, key_field) = (draft.setter(), error.clone(), key_field.clone());
            let on_submitted = on_submitted.clone();
            let command = Command::Put {
                key: key.clone(),
                value: value.clone(),
                expect,
            };
            client.ask(command, move |answer| match answer {
                Some(Answer::Submitted(id)) => {
                    on_submitted.emit(Submission { id, key, value });
                    error.set(None);
                    draft.set(Draft::default());
                    focus(&key_field);
                }
                Some(Answer::Failed(reason)) => error.set(Some(reason)),
                _ => {}
            });
        })
    };
    let onsubmit = submit.reform(|event: SubmitEvent| event.prevent_default());
    let on_keydown = {
        let submit = submit.clone();
        move |event: KeyboardEvent| {
            if event.key() == "Enter" && (event.ctrl_key() || event.meta_key()) {
                event.prevent_default();
                submit.emit(());
            }
        }
    };

    let key_error = draft.key_error(&locale);
    let value_error = draft.checked_value().err().map(|e| text_error(&locale, e));
    let has_key = draft.checked_key().is_ok();
    html! {
        <form class="form" {onsubmit} novalidate=true>
            <label class="field">
                <span class="field-label">
                    { say!(locale, "key") }
                    { byte_count(&locale, draft.key.len(), KEY_BYTES_MAX) }
                </span>
                <input ref={key_field} type="text" autocomplete="off" autocapitalize="none" spellcheck="false" data-testid="tx-key"
                    value={draft.key.clone()}
                    aria-invalid={key_error.is_some().to_string()}
                    aria-describedby="tx-error-key"
                    oninput={move |event: InputEvent| on_key(event.target_dyn_into::<HtmlInputElement>().map(|field| field.value()).unwrap_or_default())} />
            </label>
            { field_error("tx-error-key", key_error) }
            <label class="field">
                <span class="field-label">
                    { say!(locale, "value") }
                    { byte_count(&locale, draft.value.len(), VALUE_BYTES_MAX) }
                </span>
                <textarea rows="3" data-testid="tx-value"
                    value={draft.value.clone()}
                    aria-invalid={value_error.is_some().to_string()}
                    aria-describedby="tx-error-value"
                    onkeydown={on_keydown}
                    oninput={move |event: InputEvent| on_value(event.target_dyn_into::<HtmlTextAreaElement>().map(|field| field.value()).unwrap_or_default())} />
            </label>
            { field_error("tx-error-value", value_error) }
            <label class="field">
                <span class="field-label">{ say!(locale, "expect") }</span>
                <select data-testid="tx-expect" onchange={move |event: Event| on_demand(event.target_dyn_into::<HtmlSelectElement>().map(|select| select.value()).unwrap_or_default())}>
                    { for Demand::ALL.into_iter().map(|demand| html! {
                        <option value={demand.name()} selected={demand == draft.demand}>{ demand.label(&locale) }</option>
                    }) }
                </select>
            </label>
            if draft.demand == Demand::Unchanged && has_key {
                <p class="hint">
                    if let Some(seen) = &last_write {
                        { say!(locale, "expect-unchanged-seen", value = seen.value.as_str(), height = seen.height) }
                    } else {
                        { say!(locale, "expect-unchanged-none") }
                    }
                </p>
            }
            if let Some(error) = &*error {
                <p class="field-error" role="alert" data-testid="tx-error">{ command_error::sentence(&locale, error) }</p>
            }
            <button type="submit" class="button button-primary button-wide" data-testid="tx-submit">
                { sign(Icon::Pen) }{ say!(locale, "submit") }
            </button>
        </form>
    }
}

/// The last write of a key that the user has seen.
#[derive(Clone, PartialEq)]
struct LastWrite {
    by: TransactionId,
    value: Value,
    height: u64,
}

/// The last write of the draft's key, where the user makes it a condition.
#[hook]
fn use_last_write(draft: &Draft, tip: BlockHash) -> Option<LastWrite> {
    let is_needed = draft.demand == Demand::Unchanged;
    let key = draft.checked_key().ok().filter(|_| is_needed);
    let answer = use_answer(
        Command::Lookup {
            key: key.clone().unwrap_or_default(),
        },
        tip,
    );
    let entry = match answer.as_deref() {
        Some(Answer::Lookup(lookup)) => lookup.entry.as_ref(),
        _ => None,
    };
    entry
        .filter(|entry| Some(&entry.key) == key.as_ref())
        .map(|entry| LastWrite {
            by: entry.written_by,
            value: entry.value.clone(),
            height: entry.height,
        })
}

fn focus(field: &NodeRef) {
    if let Some(field) = field.cast::<HtmlInputElement>() {
        let _ = field.focus();
    }
}

/// How much of a limit is used, from half of it on.
fn byte_count(locale: &Locale, bytes: usize, max: usize) -> Html {
    if bytes * 2 < max {
        return html! {};
    }
    html! {
        <span class={classes!("byte-count", (bytes > max).then_some("bad"))}>
            { say!(locale, "byte-count", bytes = bytes, max = max) }
        </span>
    }
}

/// What is wrong with a field, below it.
pub(super) fn field_error(id: &'static str, error: Option<String>) -> Html {
    match error {
        Some(error) => html! {
            <p class="field-error" {id} role="alert" data-testid={id}>{ error }</p>
        },
        None => html! {},
    }
}
