//! What docs/worker.md promises to scripts: every JSON that a test sees has the fields named there,
//! and no others.

use std::collections::BTreeSet;

use serde_json::Value;

const MANUAL: &str = include_str!("../../../docs/worker.md");

/// Whether the output of a command is what the manual says.
pub(crate) fn assert_output(arguments: &[&str], output: &Value) {
    let Some(row) = arguments
        .iter()
        .enumerate()
        .find_map(|(at, word)| row_of(word, arguments.get(at + 1).copied()))
    else {
        panic!("the manual lacks the command of {arguments:?}");
    };
    let about = format!("the output of {arguments:?}");
    match output["kind"].as_str().filter(|_| is_about_a_file(&row)) {
        Some("receipt") => assert_fields(&about, output, &item("A receipt that was verified")),
        Some("chain") => assert_fields(&about, output, &item("A chain that was verified")),
        _ => assert_fields(&about, output, &json_of(&row)),
    }
    for (list, described) in [
        ("blocks", "A block in `get_chain`"),
        ("writes", "A write in `history`"),
    ] {
        for entry in output[list].as_array().into_iter().flatten() {
            assert_fields(described, entry, &item(described));
        }
    }
}

/// Whether an event of `run` or `watch` is what the manual says.
pub(crate) fn assert_event(event: &Value) {
    let Some(name) = event["event"].as_str() else {
        return assert_fields("a dump that halts", event, &json_of(&row("dump_data")));
    };
    let named = format!("| `{name}` |");
    let row = MANUAL.lines().find(|line| line.starts_with(&named));
    let row = row.unwrap_or_else(|| panic!("the manual lacks the event {name}"));
    let mut fields = quoted(row.split('|').nth(2).unwrap());
    fields.insert("event".to_owned());
    assert_fields(name, event, &fields);
}

fn assert_fields(about: &str, value: &Value, expected: &BTreeSet<String>) {
    let object = value.as_object().expect("an object");
    let fields: BTreeSet<_> = object.keys().cloned().collect();
    assert_eq!(
        &fields, expected,
        "{about}, left, and docs/worker.md, right"
    );
}

/// The row of a command in the manual's table, with dashes or without, of one word or two.
fn row_of(word: &str, next: Option<&str>) -> Option<String> {
    let name = word.replace('-', "_");
    let two = next.map(|next| format!("{name} {next}"));
    [two, Some(name)]
        .into_iter()
        .flatten()
        .find_map(|name| find(&name))
}

fn row(name: &str) -> String {
    find(name).unwrap_or_else(|| panic!("the manual lacks {name}"))
}

fn find(name: &str) -> Option<String> {
    let starts = ["`", " "].map(|end| format!("| `{name}{end}"));
    let mut lines = MANUAL.lines();
    lines
        .find(|line| starts.iter().any(|start| line.starts_with(start)))
        .map(str::to_owned)
}

fn is_about_a_file(row: &str) -> bool {
    row.contains("see below")
}

/// The fields that a row's last cell names, or those of the row to which it refers.
fn json_of(row: &str) -> BTreeSet<String> {
    let cells: Vec<_> = row.trim_end_matches('|').split(" | ").collect();
    let cell = cells.last().expect("a row has cells").trim();
    match cell
        .strip_prefix("as `")
        .and_then(|name| name.strip_suffix('`'))
    {
        Some(name) => json_of(&self::row(name)),
        None => quoted(cell),
    }
}

/// The fields that an item of the list for scripts names.
fn item(name: &str) -> BTreeSet<String> {
    let begin = format!("- {name}: ");
    let (_, text) = MANUAL
        .split_once(&begin)
        .unwrap_or_else(|| panic!("the manual lacks {name:?}"));
    let end = ["\n- ", "\n\n"]
        .iter()
        .filter_map(|end| text.find(end))
        .min();
    quoted(&text[..end.unwrap_or(text.len())])
}

/// All names in backticks, but for what stands in brackets.
fn quoted(text: &str) -> BTreeSet<String> {
    let mut depth = 0;
    let outside: String = text
        .chars()
        .filter(|character| {
            match character {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            depth == 0
        })
        .collect();
    outside
        .split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}
