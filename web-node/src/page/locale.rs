//! The page's languages: Fluent messages, and numbers and dates as each language writes them.
//!
//! [`say`] does not compile where there is no such message.

use js_sys::{Date, Number, Object, Reflect};
use wasm_bindgen::JsValue;

mod messages;

pub(super) use messages::{Argument, Message};
use messages::{Rules, Texts};

/// A language that the page speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    /// English.
    English,
    /// Portuguese as in Brazil.
    BrazilianPortuguese,
}

impl Language {
    /// All of them, in the order in which they are offered.
    pub(super) const ALL: [Self; 2] = [Self::English, Self::BrazilianPortuguese];

    /// Its BCP 47 tag.
    pub(super) const fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::BrazilianPortuguese => "pt-BR",
        }
    }

    /// Its name in itself.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::BrazilianPortuguese => "Português do Brasil",
        }
    }

    /// The one that serves best whoever asked for this tag.
    pub(super) fn closest(tag: &str) -> Self {
        if tag.to_ascii_lowercase().starts_with("pt") {
            Self::BrazilianPortuguese
        } else {
            Self::English
        }
    }

    fn texts(self) -> &'static Texts {
        match self {
            Self::English => &messages::ENGLISH,
            Self::BrazilianPortuguese => &messages::BRAZILIAN_PORTUGUESE,
        }
    }

    /// Source of the plural rules: Unicode CLDR, cardinals of `en` and `pt`.
    fn rules(self) -> Rules {
        match self {
            Self::English => Rules {
                is_one: |count| count == 1,
                write_count: |count| write_number(Self::English, count as f64),
            },
            Self::BrazilianPortuguese => Rules {
                is_one: |count| count <= 1,
                write_count: |count| write_number(Self::BrazilianPortuguese, count as f64),
            },
        }
    }
}

/// Says something in one language. Cheap to clone.
#[derive(Clone, PartialEq)]
pub(super) struct Locale {
    language: Language,
}

impl Locale {
    /// The messages of a language.
    pub(super) fn new(language: Language) -> Self {
        Self { language }
    }

    /// The language.
    pub(super) fn language(&self) -> Language {
        self.language
    }

    /// A message; [`say`] is the way to call it.
    pub(super) fn message(&self, message: Message, arguments: &[(&str, Argument)]) -> String {
        let language = self.language;
        messages::say(language.texts().get(message), &language.rules(), arguments)
    }

    /// A number with its digits grouped.
    pub(super) fn number(&self, number: u64) -> String {
        write_number(self.language, number as f64)
    }

    /// A fraction with at most this many decimals.
    pub(super) fn decimal(&self, number: f64, decimals: i32) -> String {
        let scale = 10_f64.powi(decimals);
        write_number(self.language, (number * scale).round() / scale)
    }

    /// A time in milliseconds since 1970 UTC as date and time of day, to the second.
    pub(super) fn date_time(&self, time_ms: u64) -> String {
        let options = Object::new();
        let _ = Reflect::set(&options, &"dateStyle".into(), &"medium".into());
        let _ = Reflect::set(&options, &"timeStyle".into(), &"medium".into());
        Date::new(&JsValue::from_f64(time_ms as f64))
            .to_locale_string(self.language.tag(), &options)
            .into()
    }

    /// How long ago something was: in words where it is recent, as date and time otherwise.
    pub(super) fn ago(&self, time_ms: u64, now_ms: u64) -> String {
        let seconds = now_ms.saturating_sub(time_ms) / 1000;
        match seconds {
            0..=1 => say!(self, "ago-now"),
            2..=59 => say!(self, "ago-seconds", count = seconds),
            60..=3599 => say!(self, "ago-minutes", count = seconds / 60),
            3600..=86_399 => say!(self, "ago-hours", count = seconds / 3600),
            _ => self.date_time(time_ms),
        }
    }

    /// A span of time in its largest fitting unit.
    pub(super) fn duration(&self, seconds: f64) -> String {
        if !seconds.is_finite() {
            say!(self, "duration-unknown")
        } else if seconds < 90.0 {
            let rounded = self.decimal(seconds, i32::from(seconds < 10.0));
            say!(self, "duration-seconds", count = rounded)
        } else if seconds < 5400.0 {
            say!(
                self,
                "duration-minutes",
                count = self.decimal(seconds / 60.0, 0)
            )
        } else {
            say!(
                self,
                "duration-hours",
                count = self.decimal(seconds / 3600.0, 1)
            )
        }
    }

    /// Hashes a second, with a prefix.
    pub(super) fn hash_rate(&self, hashes_per_second: u64) -> String {
        format!("{}H/s", self.prefixed(hashes_per_second as f64))
    }

    /// A number, rounded, with the prefix of the International System of Units that suits it.
    pub(super) fn prefixed(&self, number: f64) -> String {
        const PREFIXES: [(f64, &str); 5] =
            [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
        let (scaled, prefix) = PREFIXES
            .into_iter()
            .find(|(size, _)| number >= *size)
            .map_or((number, ""), |(size, prefix)| (number / size, prefix));
        let decimals = i32::from(!prefix.is_empty() && scaled < 100.0);
        format!("{}\u{202f}{prefix}", self.decimal(scaled, decimals))
    }
}

/// Says a message of the page in a [`Locale`]: `say!(locale, "id", name = value)`.
///
/// Does not compile where there is no such message.
macro_rules! say {
    ($locale:expr, $id:literal $(, $name:ident = $value:expr)* $(,)?) => {
        $locale.message(
            const { $crate::page::locale::Message::of($id) },
            &[$((stringify!($name), $crate::page::locale::Argument::from($value))),*],
        )
    };
}
pub(super) use say;

fn write_number(language: Language, number: f64) -> String {
    Number::from(number).to_locale_string(language.tag()).into()
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test]
    fn all_languages_have_the_same_arguments_in_the_same_messages() {
        assert!(messages::all().count() > 100);
        for (id, message) in messages::all() {
            let names =
                |language: Language| messages::argument_names(language.texts().get(message));
            for language in Language::ALL {
                assert_eq!(
                    names(language),
                    names(Language::English),
                    "{id}, {language:?}"
                );
            }
        }
    }

    #[wasm_bindgen_test]
    fn counts_take_the_form_that_the_language_has_for_them() {
        let count = |language, count: u64| {
            let locale = Locale::new(language);
            say!(locale, "banner-next-attempt", count = count)
        };
        assert_eq!(count(Language::English, 0), "Trying now.");
        assert_eq!(count(Language::English, 1), "Next attempt in 1 second.");
        assert_eq!(
            count(Language::English, 1_200),
            "Next attempt in 1,200 seconds."
        );
        let one = count(Language::BrazilianPortuguese, 1);
        let two = count(Language::BrazilianPortuguese, 2);
        assert_ne!(one.replace('1', "2"), two);
    }

    #[wasm_bindgen_test]
    fn numbers_are_written_as_in_the_language() {
        assert_eq!(Locale::new(Language::English).number(12_345), "12,345");
        assert_eq!(
            Locale::new(Language::BrazilianPortuguese).number(12_345),
            "12.345"
        );
    }

    #[wasm_bindgen_test]
    fn tags_lead_to_the_closest_language() {
        assert_eq!(Language::closest("pt-PT"), Language::BrazilianPortuguese);
        assert_eq!(Language::closest("de"), Language::English);
    }
}
