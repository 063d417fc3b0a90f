//! Parts of the page that keep state of their own.
//!
//! To Yew all of them are one component, [`AnyPart`]: each further kind of component would weigh
//! as much again of Yew's machinery.

use std::any::Any;
use std::rc::Rc;

use yew::functional::{Hook, HookContext};
use yew::prelude::*;
use yew::virtual_dom::Key;

/// A part of the page: what it is drawn from. [`drawn_by!`] makes one of a type and a hook.
pub(in crate::page) trait Part: PartialEq + 'static {
    /// Tells parts apart that stand at the same place one after the other.
    const NAME: &'static str;

    /// Draws it.
    fn draw(&self, context: &mut HookContext) -> Html;
}

/// Makes a part of a type: `drawn_by!(Type, use_hook)`.
macro_rules! drawn_by {
    ($part:ty, $draw:ident) => {
        impl $crate::page::components::part::Part for $part {
            const NAME: &'static str = stringify!($part);

            fn draw(&self, context: &mut yew::functional::HookContext) -> Html {
                yew::functional::Hook::run($draw(self), context)
            }
        }
    };
}
pub(super) use drawn_by;

/// A part at its place.
pub(in crate::page) fn part<P: Part>(part: P) -> Html {
    place(Key::from(P::NAME), Rc::new(part))
}

/// A part in a list, told from its siblings by a key.
pub(super) fn keyed<P: Part>(key: &str, part: P) -> Html {
    place(Key::from(format!("{} {key}", P::NAME)), Rc::new(part))
}

fn place(key: Key, part: Rc<dyn Drawn>) -> Html {
    html! { <AnyPart key={key} {part} /> }
}

/// A [`Part`] without its type.
trait Drawn: Any {
    fn draw(&self, context: &mut HookContext) -> Html;
    fn is_same(&self, other: &(dyn Drawn + 'static)) -> bool;
}

impl<P: Part> Drawn for P {
    fn draw(&self, context: &mut HookContext) -> Html {
        Part::draw(self, context)
    }

    fn is_same(&self, other: &(dyn Drawn + 'static)) -> bool {
        let other: &dyn Any = other;
        other.downcast_ref() == Some(self)
    }
}

#[derive(Clone, Properties)]
struct AnyPartProps {
    part: Rc<dyn Drawn>,
}

impl PartialEq for AnyPartProps {
    fn eq(&self, other: &Self) -> bool {
        self.part.is_same(other.part.as_ref())
    }
}

#[function_component]
fn AnyPart(props: &AnyPartProps) -> Html {
    use_part(props.part.clone())
}

/// Lends the part the component's hooks.
fn use_part(part: Rc<dyn Drawn>) -> impl Hook<Output = Html> {
    Draw(part)
}

struct Draw(Rc<dyn Drawn>);

impl Hook for Draw {
    type Output = Html;

    fn run(self, context: &mut HookContext) -> Html {
        self.0.draw(context)
    }
}
