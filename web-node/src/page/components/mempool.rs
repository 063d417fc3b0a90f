//! Pending transactions, in the order in which the next block would include them.

use shared::hash::BlockHash;
use shared::node::interface::{Answer, Command, PendingTransaction};
use yew::prelude::*;

use super::pager::use_pager;
use super::panel::panel;
use super::part::{drawn_by, part};
use super::person::Person;
use super::transaction::{action_text, put_parts};
use crate::page::directory::Directory;
use crate::page::hooks::{use_answer, use_directory, use_locale};
use crate::page::locale::{Locale, say};

/// Pending transactions on one page.
const PAGE_TRANSACTIONS: usize = 8;

#[derive(PartialEq)]
pub(in crate::page) struct Mempool {
    pub(in crate::page) pending: u32,
    /// Of these, own ones that the relay has not stored yet.
    pub(in crate::page) unacknowledged: u32,
    pub(in crate::page) tip: BlockHash,
}

drawn_by!(Mempool, use_mempool);

/// One page of the mempool.
#[hook]
fn use_mempool(props: &Mempool) -> Html {
    let locale = use_locale();
    let directory = use_directory();
    let (shown, pager) = use_pager("mempool", props.pending as usize, PAGE_TRANSACTIONS);
    let command = Command::Pending {
        skip: u32::try_from(shown.start).unwrap_or(u32::MAX),
        count: u32::try_from(PAGE_TRANSACTIONS).unwrap_or(u32::MAX),
    };
    let answer = use_answer(command, (props.pending, props.unacknowledged, props.tip));
    let transactions = match answer.as_deref() {
        Some(Answer::Pending(transactions)) => transactions.as_slice(),
        _ => &[],
    };

    let content = html! {
        <>
            if transactions.is_empty() {
                <p class="empty">{ say!(locale, "mempool-empty") }</p>
            }
            <ul class="rows" data-testid="mempool">
                { for transactions.iter().map(|pending| pending_row(&locale, &directory, pending)) }
            </ul>
            { pager }
        </>
    };
    let aside = html! {
        <span class="count" data-testid="pending-count" data-value={props.pending.to_string()} data-unacknowledged={props.unacknowledged.to_string()}>
            { locale.number(props.pending.into()) }
        </span>
    };
    panel("mempool", say!(locale, "mempool"), aside, content)
}

fn pending_row(locale: &Locale, directory: &Directory, pending: &PendingTransaction) -> Html {
    let transaction = &pending.signed.transaction;
    let (key, value) = put_parts(&transaction.action);
    let is_own = directory.is_own(&transaction.sender);
    html! {
        <li key={pending.id.to_string()} class="row"
            data-testid={format!("pending-{}", pending.id)}
            data-sender={pending.sender.map(|id| id.to_string())}
            data-sender-key={transaction.sender.to_string()}
            data-key={key}
            data-value={value}
            data-acknowledged={pending.is_acknowledged.to_string()}
        >
            { part(Person { key_of: transaction.sender }) }
            { action_text(locale, &transaction.action) }
            if is_own {
                <span class="row-end">
                    if pending.is_acknowledged {
                        <span class="tag tag-good" title={say!(locale, "acknowledged-why")}>{ say!(locale, "acknowledged") }</span>
                    } else {
                        <span class="tag tag-warn" title={say!(locale, "unacknowledged-why")}>{ say!(locale, "unacknowledged") }</span>
                    }
                </span>
            }
        </li>
    }
}
