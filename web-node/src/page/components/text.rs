//! Small pieces of text: hashes, times, and texts to be copied.

use web_sys::HtmlInputElement;
use yew::prelude::*;

use crate::page::format::short_hash;
use crate::page::hooks::{use_locale, use_now};

/// The beginning of a hash as it is written, with the leading zeros dimmed.
pub(super) fn hash_text(hash: &str) -> Html {
    let (zeros, digits) = short_hash(hash);
    code(hash, zeros, digits, false)
}

/// All of a hash as it is written, with the leading zeros dimmed.
pub(super) fn full_hash(hash: &str) -> Html {
    let (zeros, _) = short_hash(hash);
    let digits = hash.get(zeros.len()..).unwrap_or_default();
    code(hash, zeros, digits, true)
}

fn code(hash: &str, zeros: &str, digits: &str, is_full: bool) -> Html {
    html! {
        <code class={classes!("hash", is_full.then_some("hash-full"))} title={hash.to_owned()}>
            if !zeros.is_empty() {
                <span class="hash-zeros">{ zeros.to_owned() }</span>
            }
            { digits.to_owned() }
        </code>
    }
}

#[derive(Properties, PartialEq)]
pub(super) struct AgoProps {
    /// Milliseconds since 1970 UTC.
    pub(super) time_ms: u64,
}

/// How long ago something was, kept up to date.
#[function_component]
pub(super) fn Ago(props: &AgoProps) -> Html {
    let locale = use_locale();
    let now = use_now();
    html! {
        <time class="ago" title={locale.date_time(props.time_ms)}>
            { locale.ago(props.time_ms, now.0) }
        </time>
    }
}

#[derive(Properties, PartialEq)]
pub(super) struct CopyFieldProps {
    pub(super) label: AttrValue,
    pub(super) text: AttrValue,
    #[prop_or_default]
    pub(super) testid: &'static str,
}

/// A text in a field that is selected as a whole when one enters it: copying works without the
/// clipboard interface, which insecure contexts lack.
#[function_component]
pub(super) fn CopyField(props: &CopyFieldProps) -> Html {
    let select = Callback::from(|event: FocusEvent| {
        if let Some(field) = event.target_dyn_into::<HtmlInputElement>() {
            field.select();
        }
    });
    html! {
        <label class="field">
            <span class="field-label">{ &props.label }</span>
            <input class="mono" type="text" readonly=true value={props.text.clone()} onfocus={select} data-testid={props.testid} />
        </label>
    }
}
