//! The page's languages: Fluent messages, and numbers and dates as each language writes them.
//!
//! [`say`] does not compile where there is no such message.

use std::hash::{DefaultHasher, Hasher as _};
use std::rc::Rc;

use js_sys::{Date, Number};
use wasm_bindgen::JsValue;

mod fluent;
mod messages;

use super::fetch::fetch;
use crate::js::object;
use messages::Rules;
pub(super) use messages::{Argument, Message};

/// A language that the page speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Language {
    /// English.
    #[default]
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

    /// The hash of the file that belongs to this build.
    const fn hash(self) -> u64 {
        match self {
            Self::English => messages::ENGLISH,
            Self::BrazilianPortuguese => messages::BRAZILIAN_PORTUGUESE,
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
#[derive(Clone, Default, PartialEq)]
pub(super) struct Locale {
    language: Language,
    texts: Rc<[String]>,
}

/// The file of a language is not to be had, or is of another build.
#[derive(Debug, thiserror::Error)]
#[error("the texts in this language are not to be had, or are of another build: reload the page")]
pub(super) struct NoTexts;

impl Locale {
    /// A language by its file.
    ///
    /// # Errors
    ///
    /// The file is of another build than the page: its messages would be others.
    pub(super) fn read(language: Language, file: &str) -> Result<Self, NoTexts> {
        let mut hasher = DefaultHasher::new();
        hasher.write(file.as_bytes());
        let texts = fluent::read(file).into();
        let is_of_this_build = hasher.finish() == language.hash();
        is_of_this_build
            .then_some(Self { language, texts })
            .ok_or(NoTexts)
    }

    /// A language by its file at the relay.
    ///
    /// # Errors
    ///
    /// As [`Self::read`], or the relay does not answer and nothing is kept.
    pub(super) async fn fetch(language: Language) -> Result<Self, NoTexts> {
        let path = format!("/{}.ftl", language.tag());
        let (_, file) = fetch(&path, &[]).await.map_err(|_| NoTexts)?;
        Self::read(language, &file)
    }

    /// The language.
    pub(super) fn language(&self) -> Language {
        self.language
    }

    /// A message; [`say`] is the way to call it.
    pub(super) fn message(&self, message: Message, arguments: &[(&str, Argument)]) -> String {
        let text = self.texts.get(message.index());
        let text = text.map_or("", String::as_str);
        messages::say(text, &self.language.rules(), arguments)
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
        let options = object(&[
            ("dateStyle", "medium".into()),
            ("timeStyle", "medium".into()),
        ]);
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
pub(super) mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    pub(in crate::page) fn locale(language: Language) -> Locale {
        let file = match language {
            Language::English => include_str!("../../assets/locales/en.ftl"),
            Language::BrazilianPortuguese => include_str!("../../assets/locales/pt-BR.ftl"),
        };
        Locale::read(language, file).unwrap()
    }

    #[wasm_bindgen_test]
    fn all_languages_have_the_same_arguments_in_the_same_messages() {
        assert!(messages::all().count() > 100);
        for (id, message) in messages::all() {
            let names = |language: Language| {
                let locale = locale(language);
                let text = locale.texts.get(message.index()).unwrap();
                messages::argument_names(text)
                    .into_iter()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
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
    fn a_file_of_another_build_is_refused() {
        let english = include_str!("../../assets/locales/en.ftl");
        assert!(Locale::read(Language::BrazilianPortuguese, english).is_err());
        assert!(Locale::read(Language::English, &english[1..]).is_err());
    }

    #[wasm_bindgen_test]
    fn counts_take_the_form_that_the_language_has_for_them() {
        let count = |language, count: u64| {
            let locale = locale(language);
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
        assert_eq!(locale(Language::English).number(12_345), "12,345");
        assert_eq!(
            locale(Language::BrazilianPortuguese).number(12_345),
            "12.345"
        );
    }

    #[wasm_bindgen_test]
    fn tags_lead_to_the_closest_language() {
        assert_eq!(Language::closest("pt-PT"), Language::BrazilianPortuguese);
        assert_eq!(Language::closest("de"), Language::English);
    }
}
