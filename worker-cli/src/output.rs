//! What is printed: text and tables for people, JSON for scripts, progress on the way.
//!
//! Results go to standard output, everything else to standard error. Colours are left out by
//! [`anstream`] where nobody sees them, or where `NO_COLOR` is set.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use comfy_table::{Attribute, Cell, ContentArrangement, Table};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::macros::format_description;

use crate::failure::{Class, Failure};

/// What matters most in a line.
pub const STRONG: Style = Style::new().bold();
/// What is as it should be.
pub const GOOD: Style = AnsiColor::Green.on_default();
/// What is not.
pub const BAD: Style = AnsiColor::Red.on_default().bold();
/// What is there for completeness.
pub const FAINT: Style = Style::new().dimmed();

/// Columns where the width of the terminal is not known.
const COLUMNS: u16 = 120;

/// What came of a command.
#[derive(Debug)]
pub struct Report {
    /// For scripts.
    pub json: Value,
    /// For people; lines with styles.
    pub text: String,
    /// Set where what was found out is bad news, so that the exit code says it too.
    pub class: Option<Class>,
}

impl Report {
    /// Good news.
    #[must_use]
    pub fn new(json: Value, text: String) -> Self {
        Self {
            json,
            text,
            class: None,
        }
    }
}

/// Where results, progress and failures go.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    is_json: bool,
}

impl Output {
    /// For scripts, or for people.
    #[must_use]
    pub fn new(is_json: bool) -> Self {
        Self { is_json }
    }

    /// Whether it is for scripts.
    #[must_use]
    pub fn is_json(self) -> bool {
        self.is_json
    }

    /// Prints a result. Returns whether somebody still reads.
    pub fn report(self, report: &Report) -> bool {
        let mut out = anstream::stdout().lock();
        let written = if self.is_json {
            writeln!(out, "{}", report.json)
        } else {
            writeln!(out, "{}", report.text.trim_end())
        };
        written.and_then(|()| out.flush()).is_ok()
    }

    /// Prints why a command was not done.
    pub fn failure(self, failure: &Failure) {
        let mut err = anstream::stderr().lock();
        let class = failure.class();
        // Nobody may be listening: then the exit code has to say it alone.
        let _ = if self.is_json {
            let error = json!({
                "error": {
                    "code": class.exit_code(),
                    "class": class.name(),
                    "message": failure.to_string(),
                }
            });
            writeln!(err, "{error}")
        } else {
            writeln!(err, "{BAD}error:{BAD:#} {failure}")
        };
    }

    /// Says something on the way; people alone want to know it.
    pub fn note(self, text: &str) {
        if !self.is_json {
            // Nobody may be listening.
            let _ = writeln!(anstream::stderr(), "{text}");
        }
    }

    /// Whether results are drawn anew in place.
    #[must_use]
    pub fn is_live(self) -> bool {
        !self.is_json && std::io::stdout().is_terminal()
    }

    /// A line that shows that something goes on; hidden where no person looks.
    #[must_use]
    pub fn spinner(self, message: &'static str) -> ProgressBar {
        let bar = self.bar(ProgressBar::new_spinner(), "{spinner} {msg}");
        bar.set_message(message);
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }

    /// A bar that shows how much of something is done; hidden where no person looks.
    #[must_use]
    pub fn progress(self, message: &'static str) -> ProgressBar {
        let bar = self.bar(ProgressBar::new(0), "{msg} {wide_bar} {pos}/{len}");
        bar.set_message(message);
        bar
    }

    fn bar(self, bar: ProgressBar, template: &str) -> ProgressBar {
        if self.is_json {
            return ProgressBar::hidden();
        }
        match ProgressStyle::with_template(template) {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }
}

/// A table as wide as the terminal, with these headings.
#[must_use]
pub fn table<const N: usize>(headings: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(comfy_table::presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(headings.map(|heading| Cell::new(heading).add_attribute(Attribute::Bold)));
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        let width = table.width();
        table.force_no_tty();
        if let Some(width) = width {
            table.set_width(width);
        }
    }
    if table.width().is_none() {
        table.set_width(COLUMNS);
    }
    table
}

/// A time, milliseconds since 1970 UTC, as people read it.
#[must_use]
pub fn time(time_ms: u64) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    i64::try_from(time_ms / 1000)
        .ok()
        .and_then(|seconds| OffsetDateTime::from_unix_timestamp(seconds).ok())
        .and_then(|time| time.format(&format).ok())
        .unwrap_or_else(|| format!("{time_ms} ms"))
}

/// The first digits of a hash: enough to tell blocks apart.
#[must_use]
pub fn short(hash: &impl ToString) -> String {
    let hash = hash.to_string();
    format!("{}…", hash.get(..12).unwrap_or(&hash))
}

/// Strangers' text on one line, without what a terminal would take as a command.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars()
        .map(|character| match character {
            '\n' | '\t' => ' ',
            // Control characters, and those that turn the direction of writing around.
            control if control.is_control() => '\u{fffd}',
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => '\u{fffd}',
            character => character,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_text_cannot_command_a_terminal() {
        assert_eq!(plain("a\x1b[2Jb\nc\u{202e}d"), "a\u{fffd}[2Jb c\u{fffd}d");
    }

    #[test]
    fn times_are_utc() {
        assert_eq!(time(1_700_000_000_123), "2023-11-14 22:13:20");
    }
}
