//! Reads the part of Fluent that the page's messages use: one line each, with arguments, or a
//! choice by one argument with a case in each line. The build script reads them by this, too, and by
//! Fluent's own parser, and compares.

// What a text is taken apart by. No message has control characters.

/// Stands before and after the name of an argument.
pub(crate) const ARGUMENT: char = '\u{1}';
/// Stands before each case of a choice; before the first stands the name of what it is made by.
pub(crate) const CASE: char = '\u{2}';
/// Stands between a case and its text.
pub(crate) const TEXT: char = '\u{3}';

/// The texts of a file's messages, in its order.
pub(crate) fn read(source: &str) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    for line in source.lines() {
        if let Some((key, text)) = line.split_once("] ")
            && let Some((default, case)) = key.split_once('[')
            && let Some(choice) = texts.last_mut()
            && line.starts_with(' ')
        {
            let is_default = default.ends_with('*');
            choice.push(CASE);
            choice.push_str(if is_default { "" } else { case });
            choice.push(TEXT);
            choice.push_str(&with_arguments(text));
        } else if let Some((id, text)) = line.split_once(" = ")
            && !id.starts_with('#')
        {
            let choice = text
                .strip_prefix("{ $")
                .and_then(|text| text.strip_suffix(" ->"));
            texts.push(choice.map_or_else(|| with_arguments(text), str::to_owned));
        }
    }
    texts
}

fn with_arguments(text: &str) -> String {
    let mark = ARGUMENT.to_string();
    text.replace("{ $", &mark).replace(" }", &mark)
}
