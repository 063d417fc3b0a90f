//! The dialog that brings others in: the link and its QR code.

use qrcodegen::{QrCode, QrCodeEcc};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::dialog::Dialog;
use super::part::{drawn_by, part};
use super::text::copy_field;
use crate::page::hooks::use_locale;
use crate::page::locale::{Locale, say};
use crate::page::share::{Link, Origin, fetch_addresses, link};

#[derive(PartialEq)]
pub(super) struct ShareDialog {
    pub(super) on_close: Callback<()>,
}

drawn_by!(ShareDialog, use_share_dialog);

/// A modal dialog with the link under which others open this network.
#[hook]
fn use_share_dialog(props: &ShareDialog) -> Html {
    let locale = use_locale();
    let addresses = use_state(|| None);
    let setter = addresses.setter();
    use_effect_with((), move |()| {
        spawn_local(async move { setter.set(Some(fetch_addresses().await)) });
    });
    let children = html! {
        <>
            if let Some(addresses) = &*addresses {
                { share_link(&locale, &link(&Origin::of_page(), addresses.as_ref())) }
            } else {
                <p role="status">{ say!(locale, "share-asking") }</p>
            }
        </>
    };
    part(Dialog {
        id: "share",
        title: say!(locale, "share-title"),
        on_close: props.on_close.clone(),
        children,
    })
}

fn share_link(locale: &Locale, link: &Link) -> Html {
    match link {
        Link::Reachable(address) => html! {
            <>
                <p>{ say!(locale, "share-reachable") }</p>
                { qr(locale, address) }
                { copy_field(say!(locale, "share-link"), address, "share-link") }
            </>
        },
        Link::LoopbackOnly(address) => html! {
            <>
                <p>{ say!(locale, "share-loopback") }</p>
                { copy_field(say!(locale, "share-link"), address, "share-link") }
                <p>{ say!(locale, "share-bind") }</p>
                <pre class="command"><code>{ "cargo xtask run --bind 0.0.0.0" }</code></pre>
            </>
        },
    }
}

/// Light modules of this width stand around a code (ISO/IEC 18004).
const QUIET_ZONE: i32 = 4;

fn qr(locale: &Locale, text: &str) -> Html {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else {
        return html! {};
    };
    let side = code.size() + 2 * QUIET_ZONE;
    html! {
        <svg class="qr" viewBox={format!("0 0 {side} {side}")} role="img" aria-label={say!(locale, "share-qr")} data-testid="share-qr" shape-rendering="crispEdges">
            <rect width={side.to_string()} height={side.to_string()} fill="#fff" />
            <path d={dark_modules(&code)} fill="#000" />
        </svg>
    }
}

fn dark_modules(code: &QrCode) -> String {
    let cells = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
    cells
        .filter(|&(x, y)| code.get_module(x, y))
        .map(|(x, y)| format!("M{},{}h1v1h-1z", x + QUIET_ZONE, y + QUIET_ZONE))
        .collect()
}
