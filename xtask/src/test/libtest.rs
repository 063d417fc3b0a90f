//! Reads the summary lines of libtest and of wasm-bindgen-test, which look the same.

use super::Tally;

/// Counts of a line such as `test result: ok. 3 passed; 0 failed; 1 ignored; …`; none for any other line.
pub(super) fn tally(line: &str) -> Option<Tally> {
    let (_, counts) = line
        .trim_start()
        .strip_prefix("test result: ")?
        .split_once(". ")?;
    let count = |label: &str| {
        counts
            .split("; ")
            .find_map(|part| part.strip_suffix(label)?.trim().parse::<u64>().ok())
    };
    Some(Tally {
        passed: count("passed")?,
        failed: count("failed")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_counted() {
        let line = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.31s";
        assert_eq!(
            tally(line),
            Some(Tally {
                passed: 12,
                failed: 0
            })
        );
        let line = "    test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 filtered out; finished in 1.00s";
        assert_eq!(
            tally(line),
            Some(Tally {
                passed: 1,
                failed: 2
            })
        );
    }

    #[test]
    fn other_lines_are_not() {
        assert_eq!(tally("test chain::accepts ... ok"), None);
        assert_eq!(tally("test result: unknown"), None);
        assert_eq!(tally("3 passed, 0 failed"), None);
    }
}
