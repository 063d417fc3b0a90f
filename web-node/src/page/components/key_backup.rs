//! The key in a file: a new one made with its backup, or one taken back.

use js_sys::{Array, Uint8Array};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::form::{Entered, field};
use super::part::drawn_by;
use crate::page::client::Client;
use crate::page::files;
use crate::page::hooks::{use_client, use_locale};
use crate::page::locale::{Locale, say};
use crate::ports::{KeyError, ToNode};

/// A shorter passphrase is found by trying.
const PASSPHRASE_CHARACTERS_MIN: usize = 12;
/// No backup is longer; a file that is, is none, and is not read.
const FILE_BYTES_MAX: f64 = 1024.0;

/// What came of the last attempt.
#[derive(Clone, PartialEq)]
enum Outcome {
    Nothing,
    Working,
    /// The node begins with the other key when the page is loaded again.
    Changed,
    Refused(String),
}

/// A new key with its backup, or one restored.
#[derive(PartialEq)]
pub(super) struct KeyBackup;

drawn_by!(KeyBackup, use_key_backup);

/// The form, folded away.
#[hook]
fn use_key_backup(_part: &KeyBackup) -> Html {
    let locale = use_locale();
    let client = use_client();
    let outcome = use_state(|| Outcome::Nothing);
    let onsubmit = {
        let (locale, outcome) = (locale.clone(), outcome.setter());
        move |event: SubmitEvent| {
            let (entered, client) = (Entered::into(&event), client.clone());
            let (locale, outcome) = (locale.clone(), outcome.clone());
            outcome.set(Outcome::Working);
            spawn_local(async move {
                let changed = match client {
                    Some(client) => change_key(&locale, &client, &entered).await,
                    None => Err(say!(locale, "error-lost")),
                };
                outcome.set(changed.map_or_else(Outcome::Refused, |()| Outcome::Changed));
            });
        }
    };
    let reload = |_: MouseEvent| {
        if let Some(window) = web_sys::window() {
            let _ = window.location().reload();
        }
    };
    let is_working = matches!(*outcome, Outcome::Working | Outcome::Changed);
    html! {
        <details class="settings">
            <summary data-testid="key-backup">{ say!(locale, "key-backup") }</summary>
            <form class="form" {onsubmit}>
                <p class="hint">{ say!(locale, "key-backup-why") }</p>
                { field("key-passphrase", "password", say!(locale, "key-passphrase"), "") }
                <button type="submit" class="button" value="make" data-testid="key-make" disabled={is_working}>{ say!(locale, "key-make") }</button>
                { field("key-file", "file", say!(locale, "key-file"), "") }
                <button type="submit" class="button" value="restore" data-testid="key-restore" disabled={is_working}>{ say!(locale, "key-restore") }</button>
                { match &*outcome {
                    Outcome::Nothing => html! {},
                    Outcome::Working => html! { <p role="status">{ say!(locale, "key-working") }</p> },
                    Outcome::Changed => html! {
                        <div class="report report-good" role="status" data-testid="key-changed">
                            <p>{ say!(locale, "key-changed") }</p>
                            <button type="button" class="button" data-testid="key-reload" onclick={reload}>{ say!(locale, "reload") }</button>
                        </div>
                    },
                    Outcome::Refused(sentence) => html! { <p class="field-error" role="alert" data-testid="key-error">{ sentence.clone() }</p> },
                } }
            </form>
        </details>
    }
}

/// Does what the form says, or says why not.
async fn change_key(locale: &Locale, client: &Client, entered: &Entered) -> Result<(), String> {
    let passphrase = entered.text("key-passphrase");
    let is_new = entered.button() == "make";
    let wanted = if is_new {
        if passphrase.chars().count() < PASSPHRASE_CHARACTERS_MIN {
            let count = PASSPHRASE_CHARACTERS_MIN;
            return Err(say!(locale, "key-passphrase-short", count = count));
        }
        ToNode::NewKey { passphrase }
    } else {
        let file = entered.file("key-file");
        let file = file.ok_or_else(|| say!(locale, "key-no-file"))?;
        let file = files::read(&file, 0.0, FILE_BYTES_MAX).await?;
        ToNode::RestoreKey { file, passphrase }
    };
    match client.change_key(&wanted).await {
        Some(Ok(Some(backup))) => {
            let parts = Array::of1(&Uint8Array::from(backup.as_slice()));
            files::offer("key.tabchain", &parts)
        }
        Some(Ok(None)) => Ok(()),
        Some(Err(error)) => Err(sentence(locale, &error)),
        None => Err(say!(locale, "error-lost")),
    }
}

fn sentence(locale: &Locale, error: &KeyError) -> String {
    match error {
        KeyError::Unsupported => say!(locale, "key-unsupported"),
        KeyError::NoKeyFile => say!(locale, "key-no-file"),
        KeyError::WrongPassphrase => say!(locale, "key-wrong-passphrase"),
        KeyError::Browser(reason) => say!(locale, "error-browser", reason = reason),
    }
}
