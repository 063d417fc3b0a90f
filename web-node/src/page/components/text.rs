//! Small pieces of text: hashes, times, and texts to be copied.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::part::drawn_by;
use crate::page::format::short_hash;
use crate::page::hooks::{use_locale, use_now};

/// The beginning of a hash as it is written, with the leading zeros dimmed.
pub(super) fn short(hash: impl ToString) -> Html {
    let hash = hash.to_string();
    let (zeros, digits) = short_hash(&hash);
    hash_text(&hash, zeros, digits, "hash")
}

/// All of a hash, with the leading zeros dimmed.
pub(super) fn full(hash: impl ToString) -> Html {
    let hash = hash.to_string();
    let (zeros, _) = short_hash(&hash);
    let digits = hash.get(zeros.len()..).unwrap_or_default();
    hash_text(&hash, zeros, digits, "hash hash-full")
}

fn hash_text(hash: &str, zeros: &str, digits: &str, class: &'static str) -> Html {
    html! {
        <code {class} title={hash.to_owned()}>
            if !zeros.is_empty() {
                <span class="hash-zeros">{ zeros.to_owned() }</span>
            }
            { digits.to_owned() }
        </code>
    }
}

/// What something is, name by name.
pub(super) fn facts<const COUNT: usize>(facts: [(String, Html); COUNT]) -> Html {
    html! {
        <dl class="fields">
            { for facts.into_iter().map(|(name, fact)| html! { <><dt>{ name }</dt><dd>{ fact }</dd></> }) }
        </dl>
    }
}

#[derive(PartialEq)]
pub(super) struct Ago {
    /// Milliseconds since 1970 UTC.
    pub(super) time_ms: u64,
}

drawn_by!(Ago, use_ago);

/// How long ago something was, kept up to date.
#[hook]
fn use_ago(props: &Ago) -> Html {
    let locale = use_locale();
    let now = use_now();
    html! {
        <time class="ago" title={locale.date_time(props.time_ms)}>
            { locale.ago(props.time_ms, now.0) }
        </time>
    }
}

/// A text in a field that is selected as a whole when one enters it: copying works without the
/// clipboard interface, which insecure contexts lack.
pub(super) fn copy_field(label: String, text: &str, testid: &'static str) -> Html {
    let select = |event: FocusEvent| {
        if let Some(field) = event.target_dyn_into::<HtmlInputElement>() {
            field.select();
        }
    };
    html! {
        <label class="field">
            <span class="field-label">{ label }</span>
            <input class="mono" type="text" readonly=true value={text.to_owned()} onfocus={select} data-testid={testid} />
        </label>
    }
}
