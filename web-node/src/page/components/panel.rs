//! The frame around each part of the page.

use yew::prelude::*;

/// A part of the page with its heading. The id names the landmark, and is what links lead to;
/// `aside` stands at the end of the heading's line.
pub(super) fn panel(id: &'static str, title: String, aside: Html, content: Html) -> Html {
    let heading = format!("{id}-heading");
    html! {
        <section class={classes!("panel", format!("panel-{id}"))} {id} aria-labelledby={heading.clone()} tabindex="-1">
            <header class="panel-head">
                <h2 id={heading}>{ title }</h2>
                { aside }
            </header>
            { content }
        </section>
    }
}
