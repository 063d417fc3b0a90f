//! What those who hold a network's token may do: invite others, dump the chain into the databases
//! that the relay's operator named, and remove the network.

use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::form::{Entered, field};
use super::networks::refused;
use super::part::drawn_by;
use super::text::copy_field;
use crate::page::hooks::{use_locale, use_now};
use crate::page::locale::{Locale, say};
use crate::page::rest::{self, Json, Refusal};
use crate::page::share::Origin;

/// Seconds between two looks at the dumps.
const LOOK_INTERVAL_S: u64 = 2;

/// The value of the button that removes the network.
const REMOVE: &str = "remove";

#[derive(PartialEq)]
pub(super) struct Administration {
    /// The network's id.
    pub(super) network: String,
    /// The administrator's token, where it is known already.
    pub(super) token: String,
}

drawn_by!(Administration, use_administration);

/// A database that the operator named, and the dump into it.
#[derive(Clone, PartialEq)]
struct Dump {
    target: String,
    /// `off` where none was started.
    state: String,
    height: Option<u64>,
    lag_blocks: Option<u64>,
    rows_per_second: u64,
    error: String,
}

/// The token, the form for invitations, and the dumps.
#[hook]
fn use_administration(props: &Administration) -> Html {
    let locale = use_locale();
    let path = format!("/networks/{}", props.network);
    let dumps = use_state(|| Ok(Vec::new()));
    let result = use_state(|| None::<Result<String, Refusal>>);

    let look = use_now().0 / (1000 * LOOK_INTERVAL_S);
    let (setter, looked_at) = (dumps.setter(), path.clone());
    use_effect_with((look, result.clone()), move |_| {
        spawn_local(async move { setter.set(fetch_dumps(&looked_at).await) });
    });

    let submit = {
        let (result, token) = (result.setter(), props.token.clone());
        move |event: SubmitEvent| {
            let (entered, result) = (Entered::into(&event), result.clone());
            let (path, known_token) = (path.clone(), token.clone());
            spawn_local(async move {
                let entered_token = entered.text("administrator-token");
                let token = if known_token.is_empty() {
                    &entered_token
                } else {
                    known_token.as_str()
                };
                result.set(Some(administer(&path, &entered, token).await));
            });
        }
    };
    html! {
        <details class="settings" data-testid="administration">
            <summary data-testid="administer">{ say!(locale, "administer") }</summary>
            <form class="form" onsubmit={submit}>
                if props.token.is_empty() {
                    { field("administrator-token", "password", say!(locale, "administrator-token"), "") }
                }
                { field("invite-uses", "number", say!(locale, "invite-uses"), "1") }
                <button type="submit" class="button" value="invite" data-testid="invite">{ say!(locale, "invite") }</button>
                { match &*result {
                    Some(Ok(link)) if !link.is_empty() => copy_field(say!(locale, "invitation"), link, "invitation"),
                    Some(Err(refusal)) => refused(&locale, refusal),
                    _ => html! {},
                } }
                <h3>{ say!(locale, "dumps") }</h3>
                { match &*dumps {
                    Ok(dumps) if dumps.is_empty() => html! { <p class="hint">{ say!(locale, "dumps-none") }</p> },
                    Ok(dumps) => dumps.iter().map(|dump| dump_row(&locale, dump)).collect(),
                    Err(refusal) => refused(&locale, refusal),
                } }
                <details class="settings">
                    <summary data-testid="network-remove-open">{ say!(locale, "network-remove") }</summary>
                    <p class="hint">{ say!(locale, "network-remove-why") }</p>
                    <button type="submit" class="button button-danger" value={REMOVE} data-testid="network-remove">{ say!(locale, "network-remove") }</button>
                </details>
            </form>
        </details>
    }
}

fn dump_row(locale: &Locale, dump: &Dump) -> Html {
    let Dump { target, state, .. } = dump;
    let is_off = state == "off";
    let (verb, label) = if is_off {
        ("POST", say!(locale, "dump-start"))
    } else {
        ("DELETE", say!(locale, "dump-stop"))
    };
    html! {
        <div class="dump" data-testid={format!("dump-{target}")} data-state={state.clone()} data-height={dump.height.map(|height| height.to_string())}>
            <b>{ target.clone() }</b>
            <button type="submit" class="button" value={format!("{verb} {target}")} data-testid={format!("dump-button-{target}")}>{ label }</button>
            if !is_off {
                <p class="hint">
                    { say!(locale, "dump-status", state = state, height = dump.height.unwrap_or_default(), lag = dump.lag_blocks.unwrap_or_default(), rate = dump.rows_per_second) }
                </p>
            }
            if !dump.error.is_empty() {
                <p class="field-error">{ say!(locale, "dump-error", reason = &dump.error) }</p>
            }
        </div>
    }
}

async fn fetch_dumps(path: &str) -> Result<Vec<Dump>, Refusal> {
    let answer = rest::ask("GET", &format!("{path}/dumps"), "", None).await?;
    let dump = |json: &Json| Dump {
        target: json.text("target"),
        state: json.text("state"),
        height: json.number("height"),
        lag_blocks: json.number("lag_blocks"),
        rows_per_second: json.number("rows_per_second").unwrap_or_default(),
        error: json.text("error"),
    };
    Ok(answer.list("dumps").iter().map(dump).collect())
}

/// Does what the pressed button says: `invite`, `POST TARGET`, `DELETE TARGET` or [`REMOVE`]. Returns
/// the link of an invitation.
async fn administer(path: &str, entered: &Entered, token: &str) -> Result<String, Refusal> {
    if entered.button() == REMOVE {
        rest::ask("DELETE", path, token, None).await?;
        if let Some(window) = web_sys::window() {
            let _ = window.location().assign("/");
        }
        return Ok(String::new());
    }
    if let Some((method, target)) = entered.button().split_once(' ') {
        rest::ask(method, &format!("{path}/dumps/{target}"), token, None).await?;
        return Ok(String::new());
    }
    let uses_max = entered.number("invite-uses").unwrap_or(1);
    let fields = [("uses_max", uses_max.into())];
    let invited = rest::ask("POST", &format!("{path}/invitations"), token, Some(&fields)).await?;
    Ok(format!(
        "{}{}",
        Origin::of_page().origin,
        invited.text("page")
    ))
}
