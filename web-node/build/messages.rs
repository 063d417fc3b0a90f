//! Checks the page's Fluent messages when it is built, and numbers them.
//!
//! Fluent's own parser reads them; what it has and the page does not use is an error here, and so
//! is a message that a language lacks, and one that the page would read otherwise than Fluent.

use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher};

use fluent_syntax::ast::{
    Entry, Expression, InlineExpression, Pattern, PatternElement, Variant, VariantKey,
};
use fluent_syntax::parser;

use crate::fluent::{self, ARGUMENT, CASE, TEXT};

/// The Rust source of the ids, and of a hash of each language's file.
pub(crate) fn source(files: &[(&str, String)]) -> Result<String, String> {
    let mut ids: Option<Vec<String>> = None;
    let mut hashes = String::new();
    for (name, file) in files {
        let read = read(file).map_err(|error| format!("{name}: {error}"))?;
        let ids = ids.get_or_insert_with(|| read.iter().map(|(id, _)| id.clone()).collect());
        same_ids(ids, &read).map_err(|error| format!("{name}: {error}"))?;
        let mut hasher = DefaultHasher::new();
        hasher.write(file.as_bytes());
        let _ = writeln!(
            hashes,
            "pub(super) const {name}: u64 = {};",
            hasher.finish()
        );
    }
    let ids = ids.unwrap_or_default();
    Ok(format!("const IDS: &[&str] = &{ids:?};\n{hashes}"))
}

/// A message is known by its place: all languages have the same ones in the same order.
fn same_ids(ids: &[String], messages: &[(String, String)]) -> Result<(), String> {
    for (expected, (id, _)) in ids.iter().zip(messages) {
        if expected != id {
            return Err(format!("`{expected}` was expected where `{id}` stands"));
        }
    }
    if ids.len() == messages.len() {
        return Ok(());
    }
    let (there, here) = (ids.len(), messages.len());
    Err(format!("{there} messages were expected, here are {here}"))
}

/// The messages of a file in its order, id and text, as Fluent and the page read them.
fn read(source: &str) -> Result<Vec<(String, String)>, String> {
    let resource = parser::parse(source).map_err(|(_, errors)| format!("{errors:?}"))?;
    let mut messages: Vec<(String, String)> = Vec::new();
    for entry in &resource.body {
        match entry {
            Entry::Message(message) => {
                let id = message.id.name;
                let pattern = message.value.as_ref().ok_or(format!("{id} says nothing"))?;
                let text = encode(pattern).map_err(|error| format!("{id}: {error}"))?;
                if messages.iter().any(|(known, _)| known == id) {
                    return Err(format!("{id} stands there twice"));
                }
                messages.push((id.to_owned(), text));
            }
            Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => {}
            other => return Err(format!("not a message: {other:?}")),
        }
    }
    let of_page = fluent::read(source);
    for ((id, text), seen) in messages.iter().zip(&of_page) {
        if text != seen {
            return Err(format!("{id}: the page reads {seen:?}, Fluent {text:?}"));
        }
    }
    if messages.len() != of_page.len() {
        return Err("the page reads other messages than Fluent".to_owned());
    }
    Ok(messages)
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
