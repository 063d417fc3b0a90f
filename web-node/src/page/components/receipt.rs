//! Receipts: the button that makes one, and what one proves.

use js_sys::{Array, Uint8Array};
use shared::hash::{NetworkId, TransactionId};
use shared::node::interface::{Answer, Command};
use shared::receipt::VerifiedReceipt;
use yew::prelude::*;

use super::command_error;
use super::icon::{Icon, sign};
use super::part::{drawn_by, part};
use super::person::Person;
use super::text;
use super::transaction::{action_text, outcome_tag};
use crate::page::files;
use crate::page::hooks::{use_client, use_locale};
use crate::page::locale::{Locale, say};

#[derive(PartialEq)]
pub(super) struct ReceiptButton {
    /// A transaction in a final block.
    pub(super) of: TransactionId,
}

drawn_by!(ReceiptButton, use_receipt_button);

/// Makes the receipt of a transaction and offers it as a file, or says why there is none.
#[hook]
fn use_receipt_button(props: &ReceiptButton) -> Html {
    let locale = use_locale();
    let client = use_client();
    let error = use_state(|| None::<String>);
    let id = props.of;
    let onclick = {
        let (locale, error) = (locale.clone(), error.setter());
        move |_: MouseEvent| {
            let Some(client) = &client else { return };
            let (locale, error) = (locale.clone(), error.clone());
            client.ask(Command::Receipt { id }, move |answer| {
                error.set(match answer {
                    Some(Answer::Receipt(bytes)) => {
                        let parts = Array::of1(&Uint8Array::from(bytes.as_slice()));
                        files::offer(&file_name(&id), &parts).err()
                    }
                    answer => command_error::of_answer(&locale, answer.as_ref()),
                });
            });
        }
    };
    html! {
        <>
            <button type="button" class="link" title={say!(locale, "receipt-why")} data-testid={format!("receipt-{id}")} {onclick}>
                { say!(locale, "receipt") }
            </button>
            if let Some(error) = &*error {
                <span class="bad" role="alert">{ error.clone() }</span>
            }
        </>
    }
}

/// `receipt-0123456789ab.tabchain`
fn file_name(id: &TransactionId) -> String {
    const DIGITS: usize = 12;
    let id = id.to_string();
    format!("receipt-{}.tabchain", id.get(..DIGITS).unwrap_or(&id))
}

/// What a receipt proves, and whether it is of the network that this tab is in.
pub(super) fn proof(locale: &Locale, receipt: &VerifiedReceipt, own: Option<NetworkId>) -> Html {
    let is_foreign = own != Some(receipt.network);
    let (class, icon) = if is_foreign {
        ("report-warn", Icon::Alert)
    } else {
        ("report-good", Icon::Check)
    };
    let verdict = if is_foreign {
        say!(locale, "receipt-foreign", name = &receipt.name)
    } else {
        say!(locale, "receipt-proves", height = receipt.height)
    };
    let transaction = &receipt.transaction.transaction;
    let finality = say!(
        locale,
        "receipt-final-by",
        signers = receipt.signers,
        of = receipt.members,
        height = receipt.decided_height
    );
    let forced = receipt.forced_changes;
    let facts = [
        (
            say!(locale, "writer"),
            part(Person {
                key_of: transaction.sender,
            }),
        ),
        (
            say!(locale, "receipt-transaction"),
            html! { <>{ action_text(locale, &transaction.action) }{ outcome_tag(locale, receipt.outcome) }</> },
        ),
        (
            say!(locale, "field-time"),
            locale.date_time(receipt.timestamp_ms).into(),
        ),
        (
            say!(locale, "final"),
            html! {
                <>
                    { finality }
                    if forced > 0 {
                        { " " }
                        <span class="tag tag-warn">{ say!(locale, "forced-changes", count = forced) }</span>
                    }
                </>
            },
        ),
        (say!(locale, "network-id"), text::full(receipt.network)),
        (say!(locale, "log"), text::full(receipt.log_head)),
    ];
    html! {
        <div class={classes!("report", class)} data-testid="receipt-proof" data-foreign={is_foreign.to_string()} data-height={receipt.height.to_string()}>
            <p class="report-verdict">{ sign(icon) }{ verdict }</p>
            { text::facts(facts) }
            <p class="hint">{ say!(locale, "receipt-limits") }</p>
        </div>
    }
}
