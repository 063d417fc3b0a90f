//! What forms share: fields by name, and what was entered into them.

use wasm_bindgen::JsCast;
use web_sys::{FormData, HtmlFormElement};
use yew::prelude::*;

/// What a submitted form holds, field by field. The browser does not submit it itself.
pub(super) struct Entered(Option<FormData>);

impl Entered {
    /// What stands in the form now.
    pub(super) fn into(event: &SubmitEvent) -> Self {
        event.prevent_default();
        let form = event
            .target()
            .and_then(|form| form.dyn_into::<HtmlFormElement>().ok());
        Self(form.and_then(|form| FormData::new_with_form(&form).ok()))
    }

    /// The text of a field without blanks around it.
    pub(super) fn text(&self, name: &str) -> String {
        let value = self.0.as_ref().map(|form| form.get(name));
        let text = value
            .and_then(|value| value.as_string())
            .unwrap_or_default();
        text.trim().to_owned()
    }
}

/// A field of one line with its label. What happens where it stays empty stands in it.
pub(super) fn field(name: &'static str, kind: &'static str, label: String, empty: &str) -> Html {
    html! {
        <label class="field">
            <span class="field-label">{ label }</span>
            <input {name} type={kind} placeholder={empty.to_owned()} min="0" autocomplete="off" autocapitalize="none" spellcheck="false" data-testid={name} />
        </label>
    }
}
