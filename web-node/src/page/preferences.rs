//! What the user chose for this browser: language and theme, kept in its local storage.

use web_sys::{MediaQueryList, Storage};

use super::locale::Language;

const LANGUAGE: &str = "tabchain.language";
const THEME: &str = "tabchain.theme";

/// Light or dark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Theme {
    /// The name that the style sheet and the storage know.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// The other one.
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::Light => Self::Dark,
            Self::Dark => Self::Light,
        }
    }

    /// What the user chose, or what the system prefers.
    pub(super) fn preferred() -> Self {
        Self::chosen().unwrap_or_else(Self::of_system)
    }

    /// What the user chose, if anything.
    pub(super) fn chosen() -> Option<Self> {
        match read(THEME)?.as_str() {
            "light" => Some(Self::Light),
            "dark" => Some(Self::Dark),
            _ => None,
        }
    }

    /// What the system prefers now.
    pub(super) fn of_system() -> Self {
        match system_prefers_dark() {
            Some(query) if query.matches() => Self::Dark,
            _ => Self::Light,
        }
    }

    /// Keeps the choice. The system's own choice is kept as none, so that it is followed.
    pub(super) fn choose(self) {
        if self == Self::of_system() {
            forget(THEME);
        } else {
            write(THEME, self.name());
        }
    }

    /// Shows the page in it.
    pub(super) fn apply(self) {
        set_root_attribute("data-theme", self.name());
    }
}

/// The query whose changes tell that the system prefers another theme.
pub(super) fn system_prefers_dark() -> Option<MediaQueryList> {
    web_sys::window()?
        .match_media("(prefers-color-scheme: dark)")
        .ok()?
}

/// Keeps the choice of a language, by which `boot.js` opens the page.
pub(super) fn choose_language(language: Language) {
    write(LANGUAGE, language.tag());
}

/// Tells browser and screen readers the language of the page.
pub(super) fn apply_language(language: Language) {
    set_root_attribute("lang", language.tag());
}

fn set_root_attribute(name: &str, value: &str) {
    let root = web_sys::window()
        .and_then(|window| window.document())
        .and_then(|document| document.document_element());
    if let Some(root) = root {
        let _ = root.set_attribute(name, value);
    }
}

// A browser may refuse its storage, as in some private modes: choices then last until a reload.

fn storage() -> Option<Storage> {
    web_sys::window()?.local_storage().ok()?
}

fn read(key: &str) -> Option<String> {
    storage()?.get_item(key).ok()?
}

fn write(key: &str, value: &str) {
    if let Some(storage) = storage() {
        let _ = storage.set_item(key, value);
    }
}

fn forget(key: &str) {
    if let Some(storage) = storage() {
        let _ = storage.remove_item(key);
    }
}
