//! Receipts verified, and the chain as a file: what one can do with the records beside the node.

use std::rc::Rc;

use shared::chain_file::VerifiedChain;
use shared::hash::NetworkId;
use shared::node::interface::{Answer, Command};
use shared::receipt::VerifiedReceipt;
use wasm_bindgen_futures::spawn_local;
use web_sys::Blob;
use yew::prelude::*;

use super::command_error;
use super::icon::{Icon, sign};
use super::key_backup::KeyBackup;
use super::panel::panel;
use super::part::{drawn_by, part};
use super::receipt;
use super::text;
use crate::page::chain_file::{self, Unfinished};
use crate::page::client::Client;
use crate::page::files;
use crate::page::hooks::{use_client, use_locale};
use crate::page::locale::{Locale, say};

/// No receipt is longer; a file that is, is none, and is not read.
const RECEIPT_BYTES_MAX: f64 = shared::limits::RECEIPT_BYTES_MAX as f64;

#[derive(PartialEq)]
pub(in crate::page) struct Records {
    /// The network that this tab is in, once it is known.
    pub(in crate::page) network: Option<NetworkId>,
}

drawn_by!(Records, use_records);

/// What came of what was last asked for.
#[derive(Clone, PartialEq)]
enum Outcome {
    Nothing,
    /// This much is done, in percent.
    Working(u32),
    Receipt(Rc<VerifiedReceipt>),
    /// The chain was offered as a file of so many bytes.
    Exported(u64),
    /// A chain file joined the replica.
    Imported(Rc<VerifiedChain>),
    Failed(Unfinished),
}

impl Outcome {
    fn name(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Working(_) => "working",
            Self::Receipt(_) => "receipt",
            Self::Exported(_) => "exported",
            Self::Imported(_) => "imported",
            Self::Failed(_) => "failed",
        }
    }
}

/// Verifies receipts, exports and imports the chain.
#[hook]
fn use_records(props: &Records) -> Html {
    let locale = use_locale();
    let client = use_client();
    let outcome = use_state(|| Outcome::Nothing);
    let begin = use_callback(
        (client, outcome.setter()),
        |task: Task, (client, outcome)| {
            if let Some(client) = client.clone() {
                let outcome = outcome.clone();
                outcome.set(Outcome::Working(0));
                spawn_local(async move { outcome.set(task.run(&client, &outcome).await) });
            }
        },
    );
    let is_working = matches!(*outcome, Outcome::Working(_));
    let export = begin.reform(|_: MouseEvent| Task::Export);
    let content = html! {
        <>
            <div class="buttons">
                { file_button(say!(locale, "receipt-verify"), "receipt-file", is_working, &begin, Task::Verify) }
                <button type="button" class="button" data-testid="chain-export" onclick={export} disabled={is_working}>
                    { say!(locale, "chain-export") }
                </button>
                { file_button(say!(locale, "chain-import"), "chain-file", is_working, &begin, Task::Import) }
            </div>
            <div role="status" data-testid="records-outcome" data-state={outcome.name()}>
                { report(&locale, &outcome, props.network) }
            </div>
            { part(KeyBackup) }
        </>
    };
    panel("records", say!(locale, "records"), html! {}, content)
}

/// What a button begins.
enum Task {
    Verify(Blob),
    Export,
    Import(Blob),
}

impl Task {
    async fn run(self, client: &Client, progress: &UseStateSetter<Outcome>) -> Outcome {
        let done = match self {
            Self::Verify(file) => verify(client, &file).await,
            Self::Export => chain_file::export(client, "chain.tabchain")
                .await
                .map(Outcome::Exported),
            Self::Import(file) => {
                let on_progress = |percent| progress.set(Outcome::Working(percent));
                let chain = chain_file::import(client, &file, on_progress).await;
                chain.map(|chain| Outcome::Imported(Rc::from(chain)))
            }
        };
        done.unwrap_or_else(Outcome::Failed)
    }
}

async fn verify(client: &Client, file: &Blob) -> Result<Outcome, Unfinished> {
    // One byte more than there may be: the node then says that it is too long.
    let read = files::read(file, 0.0, file.size().min(RECEIPT_BYTES_MAX + 1.0)).await;
    let file = read.map_err(Unfinished::Browser)?;
    match client.answer(Command::VerifyReceipt { file }).await {
        Some(Answer::VerifiedReceipt(receipt)) => Ok(Outcome::Receipt(Rc::from(receipt))),
        other => Err(chain_file::unfinished(other)),
    }
}

/// A button that asks for a file: the label of a field that is there for keyboard and screen
/// reader, and not to be seen.
fn file_button(
    label: String,
    testid: &'static str,
    is_disabled: bool,
    begin: &Callback<Task>,
    task: fn(Blob) -> Task,
) -> Html {
    let begin = begin.clone();
    let onchange = move |event: Event| {
        if let Some(file) = files::chosen(&event) {
            begin.emit(task(file));
        }
    };
    html! {
        <label class={classes!("button", "button-file", is_disabled.then_some("disabled"))}>
            <input type="file" data-testid={testid} disabled={is_disabled} {onchange} />
            { label }
        </label>
    }
}

fn report(locale: &Locale, outcome: &Outcome, own: Option<NetworkId>) -> Html {
    match outcome {
        Outcome::Nothing => html! { <p class="hint">{ say!(locale, "records-why") }</p> },
        Outcome::Working(percent) => html! {
            <progress value={percent.to_string()} max="100" aria-label={say!(locale, "records-working")} />
        },
        Outcome::Receipt(verified) => receipt::proof(locale, verified, own),
        Outcome::Exported(bytes) => said(Ok(say!(locale, "chain-exported", bytes = *bytes))),
        Outcome::Imported(chain) => imported(locale, chain),
        Outcome::Failed(reason) => said(Err(sentence(locale, reason))),
    }
}

fn imported(locale: &Locale, chain: &VerifiedChain) -> Html {
    let facts = [
        (say!(locale, "network-id"), text::full(chain.network)),
        (say!(locale, "height"), locale.number(chain.height).into()),
        (
            say!(locale, "final"),
            locale.number(chain.final_height).into(),
        ),
        (
            say!(locale, "chain-transactions"),
            locale.number(chain.transactions).into(),
        ),
        (say!(locale, "log"), text::full(chain.log_head)),
    ];
    html! {
        <>
            { said(Ok(say!(locale, "chain-imported", name = &chain.name))) }
            { text::facts(facts) }
        </>
    }
}

fn said(sentence: Result<String, String>) -> Html {
    let (class, icon, sentence) = match sentence {
        Ok(sentence) => ("report-good", Icon::Check, sentence),
        Err(sentence) => ("report-bad", Icon::Alert, sentence),
    };
    html! {
        <p class={classes!("report", class)}><span class="report-verdict">{ sign(icon) }{ sentence }</span></p>
    }
}

fn sentence(locale: &Locale, reason: &Unfinished) -> String {
    match reason {
        Unfinished::Refused(error) => command_error::sentence(locale, error),
        Unfinished::Browser(reason) => say!(locale, "error-browser", reason = reason),
        Unfinished::Lost => say!(locale, "error-lost"),
    }
}
