//! What peers sent and this node refused.

use shared::node::interface::Rejection;
use yew::prelude::*;

use super::text::Ago;
use crate::page::hooks::use_locale;
use crate::page::locale::say;

#[derive(Properties, PartialEq)]
pub(in crate::page) struct RejectionsProps {
    pub(in crate::page) rejections: Vec<Rejection>,
}

/// The last rejections, newest first, folded away.
#[function_component]
pub(in crate::page) fn Rejections(props: &RejectionsProps) -> Html {
    let locale = use_locale();
    let count = props.rejections.len();
    html! {
        <details class="rejections" data-testid="rejections" data-value={count.to_string()}>
            <summary>{ say!(locale, "rejections", count = count) }</summary>
            <ul>
                { for props.rejections.iter().rev().map(|rejection| html! {
                    <li>
                        <Ago time_ms={rejection.time_ms} />
                        { " " }
                        { rejection.reason.clone() }
                    </li>
                }) }
            </ul>
        </details>
    }
}
