//! Compiles the page's Fluent messages to tables, so that the page needs no parser.
//!
//! Fluent's own parser reads them; what it has and the page does not use is an error here.

use std::fmt::Write as _;

use fluent_syntax::ast::{
    Entry, Expression, InlineExpression, Pattern, PatternElement, VariantKey,
};
use fluent_syntax::parser;

/// The Rust source of a table of the messages in `source`, sorted by id.
pub(crate) fn compile(name: &str, source: &str) -> Result<String, String> {
    let resource = parser::parse(source).map_err(|(_, errors)| format!("{errors:?}"))?;
    let mut messages = Vec::new();
    for entry in &resource.body {
        match entry {
            Entry::Message(message) => {
                let id = message.id.name;
                let pattern = message.value.as_ref().ok_or(format!("{id} says nothing"))?;
                messages.push((id, parts(pattern)?));
            }
            Entry::Comment(_) | Entry::GroupComment(_) | Entry::ResourceComment(_) => {}
            other => return Err(format!("not a message: {other:?}")),
        }
    }
    messages.sort();
    let mut table = format!("pub(super) static {name}: &[(&str, &[Part])] = &[\n");
    for (id, parts) in messages {
        let _ = writeln!(table, "    ({id:?}, &[{parts}]),");
    }
    table.push_str("];\n");
    Ok(table)
}

fn parts(pattern: &Pattern<&str>) -> Result<String, String> {
    let parts: Result<Vec<_>, _> = pattern.elements.iter().map(part).collect();
    Ok(parts?.join(", "))
}

fn part(element: &PatternElement<&str>) -> Result<String, String> {
    match element {
        PatternElement::TextElement { value } => Ok(format!("Part::Text({value:?})")),
        PatternElement::Placeable {
            expression: Expression::Inline(InlineExpression::VariableReference { id }),
        } => Ok(format!("Part::Argument({:?})", id.name)),
        PatternElement::Placeable {
            expression: Expression::Inline(InlineExpression::StringLiteral { value }),
        } => Ok(format!("Part::Text({value:?})")),
        PatternElement::Placeable {
            expression: Expression::Select { selector, variants },
        } => {
            let InlineExpression::VariableReference { id } = selector else {
                return Err(format!(
                    "only arguments can be selected by, not {selector:?}"
                ));
            };
            let mut cases = Vec::new();
            // Fluent takes the first that fits, and the default where none does.
            for variant in variants.iter().filter(|variant| !variant.default) {
                let key = match &variant.key {
                    VariantKey::NumberLiteral { value } => {
                        let number: u64 =
                            value.parse().map_err(|_| format!("{value}: no count"))?;
                        format!("Case::Exactly({number})")
                    }
                    VariantKey::Identifier { name: "one" } => "Case::One".to_owned(),
                    VariantKey::Identifier { name } => return Err(format!("{name}: no case")),
                };
                cases.push(format!("({key}, &[{}])", parts(&variant.value)?));
            }
            for variant in variants.iter().filter(|variant| variant.default) {
                cases.push(format!("(Case::Other, &[{}])", parts(&variant.value)?));
            }
            Ok(format!(
                "Part::Select({:?}, &[{}])",
                id.name,
                cases.join(", ")
            ))
        }
        other => Err(format!("the page does not know {other:?}")),
    }
}
