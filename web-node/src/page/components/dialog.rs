//! Dialogs: modal, closed by their button or the escape key.

use web_sys::HtmlDialogElement;
use yew::prelude::*;

use super::part::drawn_by;
use crate::page::hooks::use_locale;
use crate::page::locale::say;

#[derive(PartialEq)]
pub(super) struct Dialog {
    /// Names the dialog for tests and links its heading.
    pub(super) id: &'static str,
    pub(super) title: String,
    pub(super) on_close: Callback<()>,
    pub(super) children: Html,
}

drawn_by!(Dialog, use_dialog);

/// A dialog that is open as long as it is drawn.
#[hook]
fn use_dialog(props: &Dialog) -> Html {
    let locale = use_locale();
    let dialog = use_node_ref();
    use_effect_with(dialog.clone(), |dialog| {
        if let Some(dialog) = dialog.cast::<HtmlDialogElement>() {
            let _ = dialog.show_modal();
        }
    });
    let closed = dialog.clone();
    let close = move |_: MouseEvent| {
        if let Some(dialog) = closed.cast::<HtmlDialogElement>() {
            dialog.close();
        }
    };
    let onclose = props.on_close.reform(|_: Event| ());
    let heading = format!("{}-heading", props.id);
    html! {
        <dialog ref={dialog} class="dialog" aria-labelledby={heading.clone()} data-testid={format!("{}-dialog", props.id)} {onclose}>
            <h2 id={heading}>{ props.title.clone() }</h2>
            { props.children.clone() }
            <button type="button" class="button button-wide" data-testid={format!("{}-close", props.id)} onclick={close}>
                { say!(locale, "close") }
            </button>
        </dialog>
    }
}
