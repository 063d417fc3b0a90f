//! Messages, and how one is said. `build/messages.rs` numbers them when the page is built: their ids
//! are not in the program, and their texts are read from the language's file.

use super::fluent::{ARGUMENT, CASE, TEXT};

include!(concat!(env!("OUT_DIR"), "/messages.rs"));

/// A message that every language has.
#[derive(Clone, Copy)]
pub(in crate::page) struct Message(usize);

impl Message {
    /// The message of an id. Where there is none, this does not compile.
    pub(in crate::page) const fn of(id: &str) -> Self {
        let mut left = IDS;
        while let [known, rest @ ..] = left {
            if is_equal(known.as_bytes(), id.as_bytes()) {
                break;
            }
            left = rest;
        }
        assert!(!left.is_empty(), "assets/locales has no such message");
        Self(IDS.len() - left.len())
    }

    /// Its place among the messages of a language.
    pub(super) const fn index(self) -> usize {
        self.0
    }
}

const fn is_equal(mut one: &[u8], mut other: &[u8]) -> bool {
    while let ([first, one_rest @ ..], [second, other_rest @ ..]) = (one, other) {
        if *first != *second {
            return false;
        }
        (one, other) = (one_rest, other_rest);
    }
    one.is_empty() && other.is_empty()
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

/// Says a message.
pub(super) fn say(text: &str, rules: &Rules, arguments: &[(&str, Argument)]) -> String {
    let Some((chosen_by, cases)) = text.split_once(CASE) else {
        return fill_in(text, rules, arguments);
    };
    let count = match argument(chosen_by, arguments) {
        Some(Argument::Count(count)) => Some(*count),
        _ => None,
    };
    let fits = |case: &str| match case {
        "" => true,
        "one" => count.is_some_and(rules.is_one),
        number => number.parse().ok() == count,
    };
    let mut cases = cases.split(CASE).filter_map(|case| case.split_once(TEXT));
    cases
        .find(|(case, _)| fits(case))
        .map(|(_, text)| fill_in(text, rules, arguments))
        .unwrap_or_default()
}

/// Every second piece is the name of an argument.
fn fill_in(text: &str, rules: &Rules, arguments: &[(&str, Argument)]) -> String {
    let mut said = String::new();
    for (index, piece) in text.split(ARGUMENT).enumerate() {
        if index % 2 == 0 {
            said.push_str(piece);
            continue;
        }
        match argument(piece, arguments) {
            Some(Argument::Count(count)) => said.push_str(&(rules.write_count)(*count)),
            Some(Argument::Text(text)) => said.push_str(text),
            None => said.push_str(piece),
        }
    }
    said
}

fn argument<'a>(name: &str, arguments: &'a [(&str, Argument)]) -> Option<&'a Argument> {
    let found = arguments.iter().find(|(given, _)| *given == name);
    found.map(|(_, argument)| argument)
}

/// All messages, with their ids.
#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = (&'static str, Message)> {
    let numbered = IDS.iter().enumerate();
    numbered.map(|(index, id)| (*id, Message(index)))
}

/// The names of the arguments in an encoded message.
#[cfg(test)]
pub(super) fn argument_names(text: &str) -> std::collections::BTreeSet<&str> {
    let (chosen_by, texts) = match text.split_once(CASE) {
        Some((name, cases)) => (Some(name), cases.split(CASE).collect()),
        None => (None, vec![text]),
    };
    let inserted = texts
        .into_iter()
        .flat_map(|text| text.split(ARGUMENT).skip(1).step_by(2));
    chosen_by.into_iter().chain(inserted).collect()
}
