//! Long lists, one page at a time: what is not seen is not in the document.

use std::ops::Range;

use yew::prelude::*;

use crate::page::hooks::use_locale;
use crate::page::locale::say;

/// The rows to be shown of a list that has `count` of them, and the buttons to turn its pages;
/// none where one page holds them all.
#[hook]
pub(super) fn use_pager(name: &str, count: usize, page_rows: usize) -> (Range<usize>, Html) {
    let locale = use_locale();
    let first = use_state_eq(|| 0_usize);
    let start = if *first < count { *first } else { 0 };
    let end = start.saturating_add(page_rows).min(count);
    let turn_to = |start: usize| {
        let first = first.setter();
        move |_: MouseEvent| first.set(start)
    };
    let pager = html! {
        if count > page_rows {
            <div class="pager">
                <button type="button" class="button" onclick={turn_to(start.saturating_sub(page_rows))} disabled={start == 0}>
                    { say!(locale, "previous-page") }
                </button>
                <span class="pager-range">
                    { say!(locale, "list-range", first = start + 1, last = end, count = count) }
                </span>
                <button type="button" class="button" data-testid={format!("{name}-next")} onclick={turn_to(end)} disabled={end == count}>
                    { say!(locale, "next-page") }
                </button>
            </div>
        }
    };
    (start..end, pager)
}
