//! Inputs to begin with: the published vectors, and scripts that get far.

use crate::Target;

/// The first inputs of a target.
#[must_use]
pub fn of(target: Target) -> Vec<Vec<u8>> {
    match target {
        Target::Decode => frames(),
        Target::Receipt => vec![receipt_file()],
        Target::ChainFile => [1, 7, 255]
            .map(|piece_bytes| [&[piece_bytes], &published_file("chain")[..]].concat())
            .to_vec(),
        Target::BlockImport | Target::StakeImport | Target::NodeEvents | Target::RelayEvents => {
            scripts()
        }
    }
}

/// The published receipt.
pub(crate) fn receipt_file() -> Vec<u8> {
    published_file("receipt")
}

fn published_file(kind: &str) -> Vec<u8> {
    let files = vectors(include_str!("../../docs/vectors/files.json"));
    let digits = files[kind]["file"].as_str();
    digits
        .and_then(unhex)
        .expect("a file in hexadecimal digits")
}

/// The published frames, each as a frame, and without its version and kind as something else.
fn frames() -> Vec<Vec<u8>> {
    let vectors = vectors(include_str!("../../docs/vectors/messages.json"));
    let frames = vectors["frames"].as_array().into_iter().flatten();
    let frames = frames.filter_map(|frame| unhex(frame["frame"].as_str()?));
    frames
        .flat_map(|frame| [[&[0], &frame[..]].concat(), [&[1], &frame[2..]].concat()])
        .collect()
}

fn vectors(json: &str) -> serde_json::Value {
    serde_json::from_str(json).expect("the published vectors are JSON")
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect()
}

/// Bytes of a fixed generator, dense enough in low numbers to choose every step.
fn scripts() -> Vec<Vec<u8>> {
    (1..=24)
        .map(|seed| script(seed, 32 * usize::from(seed)))
        .collect()
}

fn script(seed: u8, bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(u64::from(seed));
    let next = std::iter::repeat_with(move || {
        // xorshift64 (Marsaglia 2003).
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    });
    next.take(bytes).collect()
}
