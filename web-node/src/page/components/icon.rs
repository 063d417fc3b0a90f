//! The page's signs, drawn in strokes on a grid of 24 by 24 and always beside a text or label.

use yew::prelude::*;

/// A sign.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Icon {
    Alert,
    Blocks,
    Check,
    Chevron,
    Crown,
    Info,
    Link,
    Members,
    Moon,
    Pick,
    Pen,
    Search,
    Share,
    Stop,
    Sun,
    Wrench,
}

impl Icon {
    fn path(self) -> &'static str {
        match self {
            Self::Alert => "M12 3 2 20h20L12 3Zm0 7v4m0 3v.01",
            Self::Blocks => "M4 3h7v7H4zM13 14h7v7h-7zM7.5 10v4.5a3 3 0 0 0 3 3H13",
            Self::Check => "m4 12.5 5 5L20 6.5",
            Self::Chevron => "m6 9 6 6 6-6",
            Self::Crown => "m3 7 4.5 4L12 4l4.5 7L21 7l-2 12H5L3 7Z",
            Self::Info => "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18Zm0-10v5m0-8v.01",
            Self::Link => {
                "M10 14a4 4 0 0 0 6 .4l3-3a4 4 0 0 0-5.7-5.7L12 7m2 3a4 4 0 0 0-6-.4l-3 3A4 4 0 0 0 10.7 18.3L12 17"
            }
            Self::Members => {
                "M9 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7 10v-2a5 5 0 0 1 5-5h4a5 5 0 0 1 5 5v2m0-18a4 4 0 0 1 0 8m6 10v-2a5 5 0 0 0-3.5-4.7"
            }
            Self::Moon => "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z",
            Self::Pick => {
                "m5 21 9.5-11.5M4 9c4-5 11-6 16-1-3-1-6-1-8.5.5L9 11c-1.5-1.5-3-2-5-2Zm12.5-.5 3 8"
            }
            Self::Pen => "m4 20 1-5L16 4l4 4L9 19l-5 1Zm10-14 4 4",
            Self::Search => "M11 18a7 7 0 1 0 0-14 7 7 0 0 0 0 14Zm5-2 5 5",
            Self::Share => "M12 15V3m-4 4 4-4 4 4M5 12v8h14v-8",
            Self::Stop => "M6 6h12v12H6z",
            Self::Sun => {
                "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm0-14v2m0 16v2M2 12h2m16 0h2M5 5l1.5 1.5m11 11L19 19M5 19l1.5-1.5m11-11L19 5"
            }
            Self::Wrench => {
                "M14.5 6.5a4.5 4.5 0 0 1 5.8-2.3L17.5 7v2.5H20l2.3-2.3a4.5 4.5 0 0 1-6 5.5L9 20a2.1 2.1 0 0 1-3-3l7.3-7.3a4.5 4.5 0 0 1 1.2-3.2Z"
            }
        }
    }
}

/// Draws a sign; screen readers pass over it.
pub(super) fn sign(icon: Icon) -> Html {
    html! {
        <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
            <path d={icon.path()} />
        </svg>
    }
}
