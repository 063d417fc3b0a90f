//! Proof of stake: whose stake counts, who is drawn next, and what to do where nobody can be.

use shared::node::interface::StakeView;
use yew::prelude::*;

use super::part::{drawn_by, keyed, part};
use super::person::Person;
use crate::page::hooks::{use_locale, use_now};
use crate::page::locale::{Locale, say};

/// Holders shown; the others are counted.
const SHOWN_HOLDERS: usize = 8;

#[derive(PartialEq)]
pub(super) struct Stake {
    pub(super) view: StakeView,
}

drawn_by!(Stake, use_stake);

/// The draw and the stakes.
#[hook]
fn use_stake(props: &Stake) -> Html {
    let locale = use_locale();
    let now_ms = use_now().0;
    let view = &props.view;
    let seconds_until = |time_ms: u64| time_ms.saturating_sub(now_ms).div_ceil(1000);
    let left = view.holders.len().saturating_sub(SHOWN_HOLDERS);
    html! {
        <div class="stake" data-testid="stake" data-own={view.own.to_string()} data-own-next={view.own_next.to_string()} data-total={view.total.to_string()} data-epoch={view.epoch.to_string()} data-present={view.holders_present.to_string()}>
            if view.holders_present == 0 {
                <p class="field-error" role="alert" data-testid="stake-absent">{ say!(locale, "stake-absent") }</p>
            } else if view.own == 0 {
                <p class="hint" data-testid="stake-none">{ own_sentence(&locale, view) }</p>
            }
            if let Some((at_ms, key)) = view.next {
                <p class="stake-next" data-testid="stake-next" data-key={key.to_string()} data-at-ms={at_ms.to_string()}>
                    { say!(locale, "stake-next", count = seconds_until(at_ms)) }{ " " }{ part(Person { key_of: key }) }
                </p>
            }
            <ul class="rows" data-testid="stake-holders">
                { for view.holders.iter().take(SHOWN_HOLDERS).map(|holder| html! {
                    <li key={holder.key.to_string()} class="stake-holder" data-testid={format!("stake-of-{}", holder.key)} data-value={holder.stake.to_string()}>
                        { keyed("holder", Person { key_of: holder.key }) }
                        <span>{ share(&locale, holder.stake, view.total) }</span>
                    </li>
                }) }
            </ul>
            if left > 0 {
                <p class="hint">{ say!(locale, "stake-more", count = left) }</p>
            }
            <p class="hint">{ say!(locale, "stake-epoch", count = seconds_until(view.next_epoch_at_ms)) }</p>
        </div>
    }
}

fn own_sentence(locale: &Locale, view: &StakeView) -> String {
    if view.own_next > 0 {
        say!(locale, "stake-soon", amount = view.own_next)
    } else {
        say!(locale, "stake-none")
    }
}

fn share(locale: &Locale, stake: u64, total: u64) -> String {
    let percent = 100.0 * stake as f64 / total.max(1) as f64;
    format!(
        "{} · {} %",
        locale.number(stake),
        locale.decimal(percent, 1)
    )
}
