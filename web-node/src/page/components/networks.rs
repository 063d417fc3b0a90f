//! The dialog of networks: those of this relay, joining one, making one, administering this one.

use js_sys::Array;
use shared::hash::NetworkId;
use shared::invitation::Invitation;
use shared::keys::PublicKey;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::spawn_local;
use web_sys::UrlSearchParams;
use yew::prelude::*;

use super::administration::Administration;
use super::dialog::Dialog;
use super::form::{Entered, field};
use super::part::{drawn_by, keyed, part};
use super::text::copy_field;
use crate::js;
use crate::page::hooks::{use_directory, use_locale};
use crate::page::locale::{Locale, say};
use crate::page::rest::{self, Json, Refusal};

#[derive(PartialEq)]
pub(super) struct NetworksDialog {
    /// The network that this tab is in, once it is known.
    pub(super) own: Option<NetworkId>,
    pub(super) on_close: Callback<()>,
}

drawn_by!(NetworksDialog, use_networks_dialog);

/// What the maker of a network by stake holds of it at first, for which the others ask.
const FIRST_STAKE: &str = "100000";

/// What the dialog knows.
#[derive(Clone, Default, PartialEq)]
struct Known {
    networks: Option<Result<Vec<Listed>, Refusal>>,
    /// What came of the last attempt to make a network.
    made: Option<Result<Made, Refusal>>,
    /// Whether what was entered to join is neither a link nor an invitation.
    is_no_invitation: bool,
}

#[derive(Clone, PartialEq)]
struct Listed {
    id: String,
    name: String,
    kind: String,
    is_invite_only: bool,
}

/// A network that was just made.
#[derive(Clone, PartialEq)]
struct Made {
    id: String,
    name: String,
    /// Shown this once.
    administrator_token: String,
}

/// The dialog.
#[hook]
fn use_networks_dialog(props: &NetworksDialog) -> Html {
    let locale = use_locale();
    let known = use_state(Known::default);
    let own_key = use_directory().own();
    let made = known.made.clone().and_then(Result::ok);
    let setter = known.clone();
    use_effect_with(made.clone(), |_| {
        spawn_local(async move {
            let networks = fetch_networks().await;
            setter.set(Known {
                networks: Some(networks),
                ..(*setter).clone()
            });
        });
    });
    let make = {
        let known = known.clone();
        move |event: SubmitEvent| {
            let (entered, known) = (Entered::into(&event), known.clone());
            spawn_local(async move {
                let made = Some(make_network(&entered, &own_key).await);
                known.set(Known {
                    made,
                    ..(*known).clone()
                });
            });
        }
    };
    let join = {
        let known = known.clone();
        move |event: SubmitEvent| {
            let is_no_invitation = !go_by(&Entered::into(&event).text("join-link"));
            known.set(Known {
                is_no_invitation,
                ..(*known).clone()
            });
        }
    };
    let children = html! {
        <>
            { list(&locale, known.networks.as_ref(), props.own) }
            <form class="form join-form" onsubmit={join}>
                { field("join-link", "text", say!(locale, "network-join-by"), "") }
                <button type="submit" class="button" data-testid="join-submit">{ say!(locale, "network-join") }</button>
            </form>
            if known.is_no_invitation {
                <p class="field-error" role="alert" data-testid="join-error">{ say!(locale, "network-no-invitation") }</p>
            }
            <details class="settings">
                <summary data-testid="network-new">{ say!(locale, "network-new") }</summary>
                { new_form(&locale, make) }
                { match &known.made {
                    Some(Ok(made)) => made_note(&locale, made),
                    Some(Err(refusal)) => refused(&locale, refusal),
                    None => html! {},
                } }
            </details>
            { match (made, props.own) {
                (Some(made), _) => keyed(&made.id, Administration { network: made.id.clone(), token: made.administrator_token }),
                (None, Some(own)) => part(Administration { network: own.to_string(), token: String::new() }),
                (None, None) => html! {},
            } }
        </>
    };
    part(Dialog {
        id: "networks",
        title: say!(locale, "networks"),
        on_close: props.on_close.clone(),
        children,
    })
}

async fn fetch_networks() -> Result<Vec<Listed>, Refusal> {
    let answer = rest::ask("GET", "/networks", "", None).await?;
    let networks = answer.list("networks");
    let listed = networks.iter().map(|network| Listed {
        id: network.text("id"),
        name: network.text("name"),
        kind: network.text("kind"),
        is_invite_only: network.text("admission") == "invite_only",
    });
    Ok(listed.collect())
}

fn list(
    locale: &Locale,
    networks: Option<&Result<Vec<Listed>, Refusal>>,
    own: Option<NetworkId>,
) -> Html {
    let networks = match networks {
        Some(Ok(networks)) => networks.as_slice(),
        Some(Err(refusal)) => return refused(locale, refusal),
        None => &[],
    };
    let own = own.map(|own| own.to_string());
    html! {
        <ul class="rows" data-testid="networks">
            { for networks.iter().map(|network| {
                let is_own = own.as_ref() == Some(&network.id);
                html! {
                    <li key={network.id.clone()} class="network" data-testid={format!("network-{}", network.name)} data-id={network.id.clone()} data-own={is_own.to_string()}>
                        <b>{ network.name.clone() }</b>
                        <span class="row-end">
                            if network.kind == "stake" {
                                <span class="tag">{ say!(locale, "network-stake") }</span>
                            }
                            if network.is_invite_only {
                                <span class="tag">{ say!(locale, "network-invite-only") }</span>
                            }
                            if is_own {
                                <span class="tag tag-you">{ say!(locale, "network-own") }</span>
                            } else {
                                { open_link(locale, &network.id) }
                            }
                        </span>
                    </li>
                }
            }) }
        </ul>
    }
}

fn open_link(locale: &Locale, id: &str) -> Html {
    html! { <a class="link" href={format!("/?network={id}")}>{ say!(locale, "network-open") }</a> }
}

fn new_form(locale: &Locale, onsubmit: impl Fn(SubmitEvent) + 'static) -> Html {
    let default = say!(locale, "network-default");
    html! {
        <form class="form network-form" {onsubmit}>
            { field("network-name-new", "text", say!(locale, "network-name"), "") }
            <label class="field">
                <span class="field-label">{ say!(locale, "network-kind") }</span>
                <select class="select" name="network-kind" data-testid="network-kind">
                    <option value="work">{ say!(locale, "network-work") }</option>
                    <option value="stake">{ say!(locale, "network-stake") }</option>
                </select>
            </label>
            <p class="hint">{ say!(locale, "network-kind-why") }</p>
            <div class="form of-work">
                { field("network-spacing", "number", say!(locale, "network-spacing"), "10") }
                { field("network-hashes", "number", say!(locale, "network-hashes"), &default) }
            </div>
            { field("network-reward", "number", say!(locale, "network-reward"), &default) }
            <label class="check"><input type="checkbox" name="network-invited" data-testid="network-invited" />{ say!(locale, "network-invited") }</label>
            { field("network-token", "password", say!(locale, "network-token"), &say!(locale, "network-token-why")) }
            <button type="submit" class="button button-primary" data-testid="network-make">{ say!(locale, "network-make") }</button>
        </form>
    }
}

/// What is left empty is as at the relay's start without options.
async fn make_network(entered: &Entered, own_key: &PublicKey) -> Result<Made, Refusal> {
    let admission = if entered.text("network-invited").is_empty() {
        "open"
    } else {
        "invite_only"
    };
    let mut fields = vec![
        ("name", entered.text("network-name-new").into()),
        ("admission", JsValue::from_str(admission)),
    ];
    let is_stake = entered.text("network-kind") == "stake";
    let numbers: &[(&str, &str, u32)] = if is_stake {
        let holder = js::object(&[
            ("key", own_key.to_string().into()),
            ("stake", FIRST_STAKE.into()),
        ]);
        fields.push(("kind", "stake".into()));
        fields.push(("holders", Array::of(&[holder]).into()));
        &[("block_reward", "network-reward", 1)]
    } else {
        &[
            ("spacing_ms", "network-spacing", 1000),
            ("first_hashes_log2", "network-hashes", 1),
            ("block_reward", "network-reward", 1),
        ]
    };
    for &(name, field, scale) in numbers {
        if let Some(number) = entered.number(field) {
            fields.push((name, number.saturating_mul(scale).into()));
        }
    }
    let token = entered.text("network-token");
    let made = rest::ask("POST", "/networks", &token, Some(&fields)).await?;
    let network: Json = made.get("network");
    Ok(Made {
        id: network.text("id"),
        name: network.text("name"),
        administrator_token: made.text("administrator_token"),
    })
}

fn made_note(locale: &Locale, made: &Made) -> Html {
    html! {
        <div class="report report-good" role="status">
            <p>{ say!(locale, "network-made", name = &made.name) }{ " " }{ open_link(locale, &made.id) }</p>
            { copy_field(say!(locale, "network-administrator"), &made.administrator_token, "network-administrator") }
        </div>
    }
}

/// Goes where a link or an invitation leads. Returns whether it is one.
fn go_by(entered: &str) -> bool {
    try_go_by(entered).is_some()
}

fn try_go_by(entered: &str) -> Option<()> {
    let location = web_sys::window()?.location();
    if entered.starts_with("http://") || entered.starts_with("https://") {
        return location.assign(entered).ok();
    }
    entered.parse::<Invitation>().ok()?;
    // The network that the page's address names, if it names one, is the one that it is for.
    let address = UrlSearchParams::new_with_str(&location.search().ok()?).ok()?;
    address.set("invite", entered);
    location.set_search(&String::from(address.to_string())).ok()
}

/// Why the relay did not do it.
pub(super) fn refused(locale: &Locale, refusal: &Refusal) -> Html {
    let sentence = match refusal {
        Refusal::Unreachable => say!(locale, "error-not-connected"),
        Refusal::Problem(detail) => say!(locale, "error-relay", reason = detail),
    };
    html! { <p class="field-error" role="alert" data-testid="relay-refused">{ sentence }</p> }
}
