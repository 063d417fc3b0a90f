//! Short forms of long things.

/// The beginning of a hash as written, with its leading zeros apart: they are the work behind it.
pub(super) fn short_hash(written: &str) -> (&str, &str) {
    const DIGITS: usize = 6;
    let zeros = written.bytes().take_while(|&byte| byte == b'0').count();
    let zeros = if zeros == written.len() { 0 } else { zeros };
    let (leading, rest) = written.split_at_checked(zeros).unwrap_or(("", written));
    (leading, rest.get(..DIGITS).unwrap_or(rest))
}

/// Heights in the order given, separated by blanks.
pub(super) fn heights(heights: &[u64]) -> String {
    let written: Vec<String> = heights.iter().map(u64::to_string).collect();
    written.join(" ")
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;

    #[wasm_bindgen_test]
    fn a_short_hash_keeps_zeros_apart() {
        assert_eq!(short_hash("0000ab12cd34ef"), ("0000", "ab12cd"));
        assert_eq!(short_hash("ab"), ("", "ab"));
        assert_eq!(short_hash("00000000"), ("", "000000"));
        assert_eq!(short_hash(""), ("", ""));
    }
}
