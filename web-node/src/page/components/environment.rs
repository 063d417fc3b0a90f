//! One quiet line about what the node runs on, and which fallbacks it had to take.

use yew::prelude::*;

use crate::page::locale::{Locale, say};
use crate::ports::{Environment, Identity, Kernel, Slots, Storage};

/// The line.
pub(in crate::page) fn environment_note(locale: &Locale, environment: &Environment) -> Html {
    let (identity, storage, slots, kernel) = names(environment);
    html! {
        <p class="environment" data-testid="environment" data-identity={identity} data-storage={storage} data-slots={slots} data-kernel={kernel} data-slot={environment.slot.to_string()} data-persistent={environment.is_persistent.to_string()}>
            { sentences(locale, environment).join(" ") }
        </p>
    }
}

fn names(environment: &Environment) -> (&'static str, &'static str, &'static str, &'static str) {
    let identity = match environment.identity {
        Identity::WebCrypto => "webcrypto",
        Identity::Wasm => "wasm",
    };
    let storage = match environment.storage {
        Storage::IndexedDb => "indexeddb",
        Storage::Memory { .. } => "memory",
    };
    let slots = match environment.slots {
        Slots::WebLocks => "weblocks",
        Slots::Leases => "leases",
    };
    let kernel = match environment.kernel {
        Kernel::Simd => "simd",
        Kernel::Scalar => "scalar",
    };
    (identity, storage, slots, kernel)
}

/// What is said: how the replica is stored, and each fallback.
fn sentences(locale: &Locale, environment: &Environment) -> Vec<String> {
    let mut sentences = Vec::new();
    match &environment.storage {
        Storage::IndexedDb => sentences.push(stored(locale, environment)),
        Storage::Memory { reason } => {
            sentences.push(say!(locale, "environment-memory", reason = reason.as_str()));
        }
    }
    let is_secure = web_sys::window().is_some_and(|window| window.is_secure_context());
    if !is_secure {
        sentences.push(say!(locale, "environment-insecure"));
    }
    if environment.identity == Identity::Wasm {
        sentences.push(say!(locale, "environment-key"));
    }
    if environment.slots == Slots::Leases {
        sentences.push(say!(locale, "environment-leases"));
    }
    if environment.kernel == Kernel::Scalar {
        sentences.push(say!(locale, "environment-scalar"));
    }
    if environment.slot > 0 {
        sentences.push(say!(
            locale,
            "environment-slot",
            number = environment.slot + 1
        ));
    }
    sentences
}

fn stored(locale: &Locale, environment: &Environment) -> String {
    const MEBIBYTE: f64 = 1024.0 * 1024.0;
    let stored = if environment.is_persistent {
        say!(locale, "environment-persistent")
    } else {
        say!(locale, "environment-evictable")
    };
    match environment.quota {
        Some((used, allowed)) => {
            let used = locale.decimal(used as f64 / MEBIBYTE, 1);
            let allowed = locale.decimal(allowed as f64 / MEBIBYTE, 0);
            format!(
                "{stored} {}",
                say!(locale, "environment-quota", used = used, allowed = allowed)
            )
        }
        None => stored,
    }
}
