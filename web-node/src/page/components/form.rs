//! What forms share: fields by name, and what was entered into them.

use wasm_bindgen::JsCast;
use web_sys::{Blob, FormData, HtmlFormElement};
use yew::prelude::*;

/// What a submitted form holds, field by field. The browser does not submit it itself.
pub(super) struct Entered {
    form: Option<FormData>,
    button: String,
}

impl Entered {
    /// What stands in the form now.
    pub(super) fn into(event: &SubmitEvent) -> Self {
        event.prevent_default();
        let form = event
            .target()
            .and_then(|form| form.dyn_into::<HtmlFormElement>().ok());
        let button = event.submitter();
        Self {
            form: form.and_then(|form| FormData::new_with_form(&form).ok()),
            button: button
                .and_then(|button| button.get_attribute("value"))
                .unwrap_or_default(),
        }
    }

    /// The value of the button that submitted it.
    pub(super) fn button(&self) -> &str {
        &self.button
    }

    /// The file in a field.
    pub(super) fn file(&self, name: &str) -> Option<Blob> {
        let file: Blob = self.form.as_ref()?.get(name).dyn_into().ok()?;
        (file.size() > 0.0).then_some(file)
    }

    /// The text of a field without blanks around it. A box that is not ticked has none.
    pub(super) fn text(&self, name: &str) -> String {
        let value = self.form.as_ref().map(|form| form.get(name));
        let text = value
            .and_then(|value| value.as_string())
            .unwrap_or_default();
        text.trim().to_owned()
    }

    /// The whole number in a field.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.text(name).parse().ok()
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
