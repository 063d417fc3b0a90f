//! The form that moves balance to another key.

use shared::keys::PublicKey;
use shared::node::interface::{Answer, Command};
use yew::prelude::*;

use super::command_error;
use super::form::{Entered, field};
use super::part::drawn_by;
use crate::page::directory::Directory;
use crate::page::hooks::{use_client, use_directory, use_locale};
use crate::page::locale::say;

#[derive(PartialEq)]
pub(super) struct TransferForm {
    /// What the node's own key has.
    pub(super) balance: u64,
}

drawn_by!(TransferForm, use_transfer_form);

/// What came of the last transfer.
#[derive(Clone, PartialEq)]
enum Outcome {
    Nothing,
    Sent,
    Refused(String),
}

/// The form, folded away.
#[hook]
fn use_transfer_form(props: &TransferForm) -> Html {
    let locale = use_locale();
    let client = use_client();
    let directory = use_directory();
    let outcome = use_state(|| Outcome::Nothing);
    let onsubmit = {
        let (locale, directory, outcome) = (locale.clone(), directory.clone(), outcome.setter());
        move |event: SubmitEvent| {
            let entered = Entered::into(&event);
            let to = recipient(&entered.text("transfer-to"), &directory);
            let amount = entered.text("transfer-amount").parse::<u64>();
            let (Some(to), Some(client)) = (to, &client) else {
                outcome.set(Outcome::Refused(say!(locale, "error-recipient")));
                return;
            };
            let Some(amount) = amount.ok().filter(|amount| *amount > 0) else {
                outcome.set(Outcome::Refused(say!(locale, "error-amount")));
                return;
            };
            let (locale, outcome) = (locale.clone(), outcome.clone());
            client.ask(Command::Transfer { to, amount }, move |answer| {
                let refused = command_error::of_answer(&locale, answer.as_ref());
                outcome.set(match (answer, refused) {
                    (_, Some(reason)) => Outcome::Refused(reason),
                    (Some(Answer::Submitted(_)), _) => Outcome::Sent,
                    _ => Outcome::Nothing,
                });
            });
        }
    };
    html! {
        <details class="settings">
            <summary data-testid="transfer">{ say!(locale, "transfer") }</summary>
            <form class="form" {onsubmit} novalidate=true>
                { field("transfer-to", "text", say!(locale, "transfer-to"), "#2") }
                { field("transfer-amount", "number", say!(locale, "transfer-amount", amount = props.balance), "") }
                { match &*outcome {
                    Outcome::Nothing => html! {},
                    Outcome::Sent => html! { <p class="hint" role="status" data-testid="transfer-sent">{ say!(locale, "transfer-sent") }</p> },
                    Outcome::Refused(reason) => html! { <p class="field-error" role="alert" data-testid="transfer-error">{ reason.clone() }</p> },
                } }
                <button type="submit" class="button" data-testid="transfer-submit">{ say!(locale, "submit") }</button>
            </form>
        </details>
    }
}

/// Whom a text names: a member by its number, as `#2`, or anyone by their key.
fn recipient(text: &str, directory: &Directory) -> Option<PublicKey> {
    match text.strip_prefix('#') {
        Some(number) => directory.key(number.parse().ok()?),
        None => text.parse().ok(),
    }
}
