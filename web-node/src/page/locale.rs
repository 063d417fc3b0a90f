//! The page's languages: Fluent messages, and numbers and dates as each language writes them.
//!
//! [`say`] checks when it is compiled that every language has the message.

use std::rc::Rc;

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource, FluentValue};
use js_sys::{Date, Number, Object, Reflect};
use unic_langid::{LanguageIdentifier, langid};
use wasm_bindgen::JsValue;

const ENGLISH: &str = include_str!("../../assets/locales/en.ftl");
const BRAZILIAN_PORTUGUESE: &str = include_str!("../../assets/locales/pt-BR.ftl");

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

    const fn messages(self) -> &'static str {
        match self {
            Self::English => ENGLISH,
            Self::BrazilianPortuguese => BRAZILIAN_PORTUGUESE,
        }
    }

    fn identifier(self) -> LanguageIdentifier {
        match self {
            Self::English => langid!("en"),
            Self::BrazilianPortuguese => langid!("pt-BR"),
        }
    }
}

/// Says something in one language. Cheap to clone.
#[derive(Clone)]
pub(super) struct Locale {
    language: Language,
    bundle: Rc<FluentBundle<FluentResource>>,
}

impl PartialEq for Locale {
    fn eq(&self, other: &Self) -> bool {
        self.language == other.language
    }
}

impl Locale {
    /// The messages of a language.
    pub(super) fn new(language: Language) -> Self {
        // A message that does not parse is left out, which the tests below would find.
        let resource = FluentResource::try_new(language.messages().to_owned())
            .unwrap_or_else(|(parsed, _)| parsed);
        let mut bundle = FluentBundle::new(vec![language.identifier()]);
        // Isolating marks would be copied with every id; what is inserted here is numbers and names.
        bundle.set_use_isolating(false);
        bundle.set_formatter(Some(match language {
            Language::English => |value, _| group_digits(Language::English, value),
            Language::BrazilianPortuguese => {
                |value, _| group_digits(Language::BrazilianPortuguese, value)
            }
        }));
        bundle.add_resource_overriding(resource);
        Self {
            language,
            bundle: Rc::new(bundle),
        }
    }

    /// The language.
    pub(super) fn language(&self) -> Language {
        self.language
    }

    /// A message; use [`say`], which knows that there is one.
    pub(super) fn message(&self, id: &str, arguments: &FluentArgs<'_>) -> String {
        let Some(pattern) = self
            .bundle
            .get_message(id)
            .and_then(|message| message.value())
        else {
            return id.to_owned();
        };
        let mut errors = Vec::new();
        self.bundle
            .format_pattern(pattern, Some(arguments), &mut errors)
            .into_owned()
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
/// Does not compile where a language lacks the message.
macro_rules! say {
    ($locale:expr, $id:literal $(, $name:ident = $value:expr)* $(,)?) => {{
        const {
            assert!(
                $crate::page::locale::is_translated($id),
                concat!("a language has no message `", $id, "`"),
            );
        }
        #[allow(unused_mut, reason = "not every message has arguments")]
        let mut arguments = ::fluent_bundle::FluentArgs::new();
        $(arguments.set(stringify!($name), $value);)*
        $locale.message($id, &arguments)
    }};
}
pub(super) use say;

/// Whether every language has a message of this id.
pub(super) const fn is_translated(id: &str) -> bool {
    has_message(ENGLISH, id) && has_message(BRAZILIAN_PORTUGUESE, id)
}

const fn has_message(messages: &str, id: &str) -> bool {
    let mut rest = messages.as_bytes();
    let mut is_line_start = true;
    while let [byte, tail @ ..] = rest {
        if is_line_start && defines(rest, id.as_bytes()) {
            return true;
        }
        is_line_start = *byte == b'\n';
        rest = tail;
    }
    false
}

/// Whether a line begins with the id and an equals sign.
const fn defines(mut line: &[u8], mut id: &[u8]) -> bool {
    while let [expected, id_tail @ ..] = id {
        match line {
            [byte, line_tail @ ..] if *byte == *expected => line = line_tail,
            _ => return false,
        }
        id = id_tail;
    }
    matches!(line, [b' ', b'=', ..])
}

fn group_digits(language: Language, value: &FluentValue<'_>) -> Option<String> {
    match value {
        FluentValue::Number(number) => Some(write_number(language, number.value)),
        _ => None,
    }
}

fn write_number(language: Language, number: f64) -> String {
    Number::from(number).to_locale_string(language.tag()).into()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    /// Message ids with the names of the arguments in them.
    fn messages(language: Language) -> BTreeMap<String, Vec<String>> {
        let mut messages = BTreeMap::<String, Vec<String>>::new();
        let mut current = String::new();
        for line in language.messages().lines() {
            if let Some((id, _)) = line.split_once(" =")
                && !line.starts_with([' ', '#'])
            {
                current = id.to_owned();
                assert!(
                    messages.insert(current.clone(), Vec::new()).is_none(),
                    "{id} twice"
                );
            }
            let names = line.split('$').skip(1).map(|rest| {
                rest.chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect::<String>()
            });
            messages.entry(current.clone()).or_default().extend(names);
        }
        for names in messages.values_mut() {
            names.sort();
            names.dedup();
        }
        messages
    }

    #[wasm_bindgen_test]
    fn all_languages_have_the_same_messages_with_the_same_arguments() {
        let english = messages(Language::English);
        assert!(english.len() > 100);
        for language in Language::ALL {
            assert_eq!(messages(language), english, "{language:?}");
        }
    }

    #[wasm_bindgen_test]
    fn every_message_parses() {
        for language in Language::ALL {
            let parsed = FluentResource::try_new(language.messages().to_owned());
            assert!(
                parsed.is_ok(),
                "{language:?}: {:?}",
                parsed.err().map(|(_, errors)| errors)
            );
        }
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
