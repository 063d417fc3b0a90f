//! Compiles the page's Fluent messages to one text for each language, so that the page needs no
//! parser and no tables of pointers.
//!
//! Fluent's own parser reads them; what it has and the page does not use is an error here, and so
//! is a message that a language lacks.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use fluent_syntax::ast::{
    Entry, Expression, InlineExpression, Pattern, PatternElement, Variant, VariantKey,
};
use fluent_syntax::parser;

// What `src/page/locale/messages.rs` takes a text apart by. No message has control characters.

/// Stands before and after the name of an argument.
const ARGUMENT: char = '\u{1}';
/// Stands before each case of a choice; before the first stands the name of what it is made by.
const CASE: char = '\u{2}';
/// Stands between a case and its text.
const TEXT: char = '\u{3}';

/// The messages of a language by id, encoded.
pub(crate) type Messages = BTreeMap<String, String>;

/// The messages of a Fluent file.
pub(crate) fn read(source: &str) -> Result<Messages, String> {
    let resource = parser::parse(source).map_err(|(_, errors)| format!("{errors:?}"))?;
    let mut messages = Messages::new();
    for entry in &resource.body {
        match entry {
            Entry::Message(message) => {
                let id = message.id.name;
                let pattern = message.value.as_ref().ok_or(format!("{id} says nothing"))?;
                let text = encode(pattern).map_err(|error| format!("{id}: {error}"))?;
                if messages.insert(id.to_owned(), text).is_some() {
                    return Err(format!("{id} stands there twice"));
                }
            }
            Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => {}
            other => return Err(format!("not a message: {other:?}")),
        }
    }
    Ok(messages)
}

/// The Rust source of the ids, sorted, and of each language's texts in that order: one string, and
/// where in it each text ends.
pub(crate) fn source(languages: &[(&str, Messages)]) -> Result<String, String> {
    let [(first_name, first), others @ ..] = languages else {
        return Err("there is no language".to_owned());
    };
    for (name, messages) in others {
        let lacks =
            |has: &Messages, of: &Messages| has.keys().find(|id| !of.contains_key(*id)).cloned();
        if let Some(id) = lacks(first, messages) {
            return Err(format!("{name} has no message `{id}`, {first_name} has"));
        }
        if let Some(id) = lacks(messages, first) {
            return Err(format!("{first_name} has no message `{id}`, {name} has"));
        }
    }
    let ids: Vec<&String> = first.keys().collect();
    let mut source = format!("const IDS: &[&str] = &{ids:?};\n");
    for (name, messages) in languages {
        let texts: String = messages.values().map(String::as_str).collect();
        let ends: Vec<usize> = messages
            .values()
            .scan(0, |end, text| {
                *end += text.len();
                Some(*end)
            })
            .collect();
        let _ = writeln!(
            source,
            "pub(super) static {name}: Texts = Texts {{ texts: {texts:?}, ends: &{ends:?} }};"
        );
    }
    Ok(source)
}

fn encode(pattern: &Pattern<&str>) -> Result<String, String> {
    if let [
        PatternElement::Placeable {
            expression: Expression::Select { selector, variants },
        },
    ] = pattern.elements.as_slice()
    {
        return encode_choice(selector, variants);
    }
    pattern.elements.iter().map(encode_element).collect()
}

fn encode_element(element: &PatternElement<&str>) -> Result<String, String> {
    match element {
        PatternElement::TextElement { value }
        | PatternElement::Placeable {
            expression: Expression::Inline(InlineExpression::StringLiteral { value }),
        } => Ok((*value).to_owned()),
        PatternElement::Placeable {
            expression: Expression::Inline(InlineExpression::VariableReference { id }),
        } => Ok(format!("{ARGUMENT}{}{ARGUMENT}", id.name)),
        PatternElement::Placeable {
            expression: Expression::Select { .. },
        } => Err("a choice must be the whole message".to_owned()),
        other => Err(format!("the page does not know {other:?}")),
    }
}

fn encode_choice(
    selector: &InlineExpression<&str>,
    variants: &[Variant<&str>],
) -> Result<String, String> {
    let InlineExpression::VariableReference { id } = selector else {
        return Err(format!("only arguments can be chosen by, not {selector:?}"));
    };
    let mut choice = id.name.to_owned();
    // Fluent takes the first that fits, and the default where none does.
    let specific = variants.iter().filter(|variant| !variant.default);
    for variant in specific.chain(variants.iter().filter(|variant| variant.default)) {
        let case = match &variant.key {
            _ if variant.default => "",
            VariantKey::NumberLiteral { value } if value.parse::<u64>().is_ok() => *value,
            VariantKey::Identifier { name: "one" } => "one",
            other => return Err(format!("{other:?} is no case")),
        };
        let text: Result<String, String> =
            variant.value.elements.iter().map(encode_element).collect();
        let _ = write!(choice, "{CASE}{case}{TEXT}{}", text?);
    }
    Ok(choice)
}
