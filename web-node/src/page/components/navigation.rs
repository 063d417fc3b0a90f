//! Links to the parts of the page, at the bottom of a phone's screen.

use yew::prelude::*;

use super::icon::{Icon, sign};
use crate::page::locale::{Locale, say};

/// Shown on narrow screens only, where the parts stand below each other.
pub(in crate::page) fn navigation(locale: &Locale) -> Html {
    let places = [
        ("#mining", Icon::Pick, say!(locale, "nav-mine")),
        ("#write", Icon::Pen, say!(locale, "nav-write")),
        ("#blocks", Icon::Blocks, say!(locale, "nav-blocks")),
        ("#members", Icon::Members, say!(locale, "nav-members")),
        ("#consistency", Icon::Check, say!(locale, "nav-check")),
    ];
    html! {
        <nav class="navigation" aria-label={say!(locale, "navigation")}>
            { for places.into_iter().map(|(href, icon, label)| html! {
                <a {href}>{ sign(icon) }<span>{ label }</span></a>
            }) }
        </nav>
    }
}
