//! Messages as tables, and how one is said. The tables are compiled from the Fluent files in
//! `assets/locales/` when the page is built.

include!(concat!(env!("OUT_DIR"), "/messages.rs"));

/// A piece of a message.
pub(super) enum Part {
    /// As it is.
    Text(&'static str),
    /// The argument of this name.
    Argument(&'static str),
    /// The first case that the argument of this name fits.
    Select(&'static str, &'static [(Case, &'static [Part])]),
}

/// What a count has to be.
pub(super) enum Case {
    /// This number.
    Exactly(u64),
    /// What the language counts as one thing: the plural category `one` of Unicode's CLDR.
    One,
    /// Anything.
    Other,
}

/// What is inserted into a message.
pub(in crate::page) enum Argument {
    /// A number, written as the language writes numbers.
    Count(u64),
    /// A text, written as it is.
    Text(String),
}

impl From<u64> for Argument {
    fn from(count: u64) -> Self {
        Self::Count(count)
    }
}

impl From<u32> for Argument {
    fn from(count: u32) -> Self {
        Self::Count(count.into())
    }
}

impl From<usize> for Argument {
    fn from(count: usize) -> Self {
        Self::Count(u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl From<String> for Argument {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Argument {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Argument {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

/// How a language counts and writes numbers.
pub(super) struct Rules {
    /// Whether a count is of the plural category `one`.
    pub(super) is_one: fn(u64) -> bool,
    /// A count in digits.
    pub(super) write_count: fn(u64) -> String,
}

/// Says a message of a table.
pub(super) fn say(
    table: &[(&str, &[Part])],
    rules: &Rules,
    id: &str,
    arguments: &[(&str, Argument)],
) -> Option<String> {
    let index = table.binary_search_by_key(&id, |(id, _)| id).ok()?;
    let (_, parts) = table.get(index)?;
    let mut said = String::new();
    say_parts(parts, rules, arguments, &mut said);
    Some(said)
}

fn say_parts(parts: &[Part], rules: &Rules, arguments: &[(&str, Argument)], said: &mut String) {
    let argument = |name: &str| {
        let found = arguments.iter().find(|(given, _)| *given == name);
        found.map(|(_, argument)| argument)
    };
    for part in parts {
        match part {
            Part::Text(text) => said.push_str(text),
            Part::Argument(name) => match argument(name) {
                Some(Argument::Count(count)) => said.push_str(&(rules.write_count)(*count)),
                Some(Argument::Text(text)) => said.push_str(text),
                None => said.push_str(name),
            },
            Part::Select(name, cases) => {
                let count = match argument(name) {
                    Some(Argument::Count(count)) => Some(*count),
                    _ => None,
                };
                let fits = |case: &Case| match case {
                    Case::Exactly(number) => count == Some(*number),
                    Case::One => count.is_some_and(rules.is_one),
                    Case::Other => true,
                };
                if let Some((_, parts)) = cases.iter().find(|(case, _)| fits(case)) {
                    say_parts(parts, rules, arguments, said);
                }
            }
        }
    }
}
