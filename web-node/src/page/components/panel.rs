//! The frame around each part of the page.

use yew::prelude::*;

#[derive(Properties, PartialEq)]
pub(super) struct PanelProps {
    /// Names the landmark, and is what links lead to.
    pub(super) id: &'static str,
    pub(super) title: AttrValue,
    /// What stands at the end of the title's line.
    #[prop_or_default]
    pub(super) aside: Html,
    pub(super) children: Html,
}

/// A part of the page with its heading.
#[function_component]
pub(super) fn Panel(props: &PanelProps) -> Html {
    let heading = format!("{}-heading", props.id);
    html! {
        <section class={classes!("panel", format!("panel-{}", props.id))} id={props.id} aria-labelledby={heading.clone()} tabindex="-1">
            <header class="panel-head">
                <h2 id={heading}>{ &props.title }</h2>
                { props.aside.clone() }
            </header>
            { props.children.clone() }
        </section>
    }
}
