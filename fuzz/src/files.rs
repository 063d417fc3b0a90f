//! Files that people hand to each other: receipts and chains. Nobody can forge one, and how a file
//! is cut into pieces on its way in makes no difference.

use shared::chain_file::{ChainFileError, VerifiedChain, Verifier};
use shared::receipt::Receipt;

use crate::seeds;

/// Later than every block in the published files, milliseconds since 1970 UTC.
const NOW_MS: u64 = 4_000_000_000_000;

/// The input is a receipt's file.
pub(crate) fn receipt(input: &[u8]) {
    let Ok(receipt) = Receipt::from_file(input) else {
        return;
    };
    assert_eq!(receipt.to_file(), input, "two encodings of one receipt");
    let Ok(proven) = receipt.verify() else {
        return;
    };
    let published = Receipt::from_file(&seeds::receipt_file())
        .ok()
        .and_then(|published| published.verify().ok())
        .expect("the published receipt holds");
    if proven.network == published.network {
        assert_eq!(proven, published, "a forged receipt");
    }
}

/// The first byte says how long the pieces are, the others are a chain's file.
pub(crate) fn chain(input: &[u8]) {
    let Some((&piece_bytes, file)) = input.split_first() else {
        return;
    };
    let whole = verified(file, file.len().max(1));
    let pieces = verified(file, usize::from(piece_bytes.max(1)));
    assert_eq!(whole, pieces);
    if let Ok(chain) = whole {
        assert!(chain.final_height <= chain.height);
    }
}

fn verified(file: &[u8], piece_bytes: usize) -> Result<VerifiedChain, ChainFileError> {
    let mut verifier = Verifier::new(None);
    for piece in file.chunks(piece_bytes) {
        verifier.feed(piece, NOW_MS)?;
    }
    verifier.finish()
}
