//! The look-up of a key: its present value, who wrote it, and what it was before.

use shared::hash::BlockHash;
use shared::node::interface::{Answer, Command, HistoryItem, Lookup};
use shared::state::KeyEntry;
use shared::transaction::{Key, Outcome};
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::icon::{Icon, sign};
use super::panel::panel;
use super::part::{drawn_by, keyed, part};
use super::person::Person;
use super::text::Ago;
use super::transaction::{outcome_name, outcome_tag};
use super::write::field_error;
use crate::page::hooks::{use_answer, use_locale};
use crate::page::locale::{Locale, say};

#[derive(PartialEq)]
pub(in crate::page) struct LookupPanel {
    pub(in crate::page) tip: BlockHash,
    /// The key last asked for, here or by pressing it elsewhere on the page.
    pub(in crate::page) asked: Option<Key>,
    pub(in crate::page) on_ask: Callback<Key>,
}

drawn_by!(LookupPanel, use_lookup_panel);

/// The field for a key, and what is known of the key last asked for, kept up to date.
#[hook]
fn use_lookup_panel(props: &LookupPanel) -> Html {
    let locale = use_locale();
    let field = use_node_ref();
    let error = use_state_eq(|| None::<String>);
    use_effect_with((field.clone(), props.asked.clone()), |(field, asked)| {
        if let (Some(field), Some(key)) = (field.cast::<HtmlInputElement>(), asked) {
            field.set_value(key.as_str());
        }
    });

    let onsubmit = {
        let (field, error, on_ask) = (field.clone(), error.setter(), props.on_ask.clone());
        let (empty, invalid) = (
            say!(locale, "error-empty-key"),
            say!(locale, "error-lookup-key"),
        );
        move |event: SubmitEvent| {
            event.prevent_default();
            let entered = field
                .cast::<HtmlInputElement>()
                .map(|field| field.value())
                .unwrap_or_default();
            let key = Key::new(entered);
            error.set(match &key {
                Ok(key) if key.as_str().is_empty() => Some(empty.clone()),
                Ok(_) => None,
                Err(_) => Some(invalid.clone()),
            });
            if let Some(key) = key.ok().filter(|key| !key.as_str().is_empty()) {
                on_ask.emit(key);
            }
        }
    };
    let content = html! {
        <>
            <form class="form lookup-form" {onsubmit} novalidate=true>
                <label class="field">
                    <span class="field-label">{ say!(locale, "key") }</span>
                    <input ref={field} type="text" autocomplete="off" autocapitalize="none" spellcheck="false"
                        aria-invalid={error.is_some().to_string()} aria-describedby="lookup-error" data-testid="lookup-key" />
                </label>
                <button type="submit" class="button" data-testid="lookup-submit">
                    { sign(Icon::Search) }{ say!(locale, "lookup-submit") }
                </button>
            </form>
            { field_error("lookup-error", (*error).clone()) }
            if let Some(key) = &props.asked {
                { keyed(key.as_str(), LookupResult { looked_up: key.clone(), tip: props.tip }) }
            }
        </>
    };
    panel("lookup", say!(locale, "lookup"), html! {}, content)
}

#[derive(PartialEq)]
struct LookupResult {
    looked_up: Key,
    tip: BlockHash,
}

drawn_by!(LookupResult, use_lookup_result);

#[hook]
fn use_lookup_result(props: &LookupResult) -> Html {
    let locale = use_locale();
    let key = props.looked_up.clone();
    let answer = use_answer(Command::Lookup { key }, props.tip);
    let Some(Answer::Lookup(Lookup { entry, history })) = answer.as_deref() else {
        return html! {};
    };
    html! {
        <div class="lookup-result" aria-live="polite">
            if let Some(entry) = entry {
                { present_value(&locale, entry) }
            } else {
                <p class="empty" data-testid="lookup-none">
                    { say!(locale, "lookup-none", key = props.looked_up.as_str()) }
                </p>
            }
            if !history.is_empty() {
                { history_table(&locale, history) }
            }
        </div>
    }
}

fn present_value(locale: &Locale, entry: &KeyEntry) -> Html {
    html! {
        <div class="present-value">
            <b class="ledger-key">{ entry.key.as_str().to_owned() }</b>
            <p class="value" data-testid="lookup-value" data-writer={entry.writer.to_string()} data-height={entry.height.to_string()} data-id={entry.written_by.to_string()}>{ entry.value.as_str().to_owned() }</p>
            <p class="hint">
                { say!(locale, "written-by") }{ " " }{ part(Person { key_of: entry.writer }) }{ " " }
                { say!(locale, "in-block", height = entry.height) }
            </p>
        </div>
    }
}

fn history_table(locale: &Locale, items: &[HistoryItem]) -> Html {
    html! {
        <table class="history" data-testid="lookup-history">
            <caption>{ say!(locale, "history") }</caption>
            <thead>
                <tr>
                    <th scope="col">{ say!(locale, "block") }</th>
                    <th scope="col">{ say!(locale, "value") }</th>
                    <th scope="col">{ say!(locale, "writer") }</th>
                </tr>
            </thead>
            <tbody>
                { for items.iter().map(|item| html! {
                    <tr key={item.id.to_string()} data-testid={format!("history-{}", item.id)}
                        data-height={item.height.to_string()} data-outcome={outcome_name(item.outcome)} data-value={item.value.as_str().to_owned()}>
                        <td>{ locale.number(item.height) }{ " " }<small>{ part(Ago { time_ms: item.timestamp_ms }) }</small></td>
                        <td class="ledger-value">{ item.value.as_str().to_owned() }</td>
                        <td>
                            { part(Person { key_of: item.writer }) }
                            if item.outcome != Outcome::Applied {
                                { outcome_tag(locale, item.outcome) }
                            }
                        </td>
                    </tr>
                }) }
            </tbody>
        </table>
    }
}
