//! What peers sent and this node refused.

use shared::rejection::Rejection;
use yew::prelude::*;

use super::part::part;
use super::text::Ago;
use crate::page::locale::{Locale, say};

/// The last rejections, newest first, folded away.
pub(in crate::page) fn rejections(locale: &Locale, rejections: &[Rejection]) -> Html {
    let count = rejections.len();
    html! {
        <details class="rejections" data-testid="rejections" data-value={count.to_string()}>
            <summary>{ say!(locale, "rejections", count = count) }</summary>
            <ul>
                { for rejections.iter().rev().map(|rejection| html! {
                    <li>
                        { part(Ago { time_ms: rejection.time_ms }) }
                        { " " }
                        { rejection.reason.clone() }
                    </li>
                }) }
            </ul>
        </details>
    }
}
