//! Why a command was not done, in the page's language.

use shared::node::interface::{Answer, CommandError, FileFault};
use shared::receipt::NoReceipt;
use shared::transaction::TransactionError;

use crate::page::locale::{Locale, say};

/// The sentence for an error.
pub(super) fn sentence(locale: &Locale, error: &CommandError) -> String {
    match error {
        CommandError::EmptyKey => say!(locale, "error-empty-key"),
        CommandError::Invalid(TransactionError::Signature(_)) => say!(locale, "error-signature"),
        CommandError::Invalid(_) => say!(locale, "error-invalid"),
        CommandError::MempoolFull => say!(locale, "error-mempool-full"),
        CommandError::NoNetwork => say!(locale, "error-no-network"),
        CommandError::NotConnected => say!(locale, "error-not-connected"),
        CommandError::NothingFinal => say!(locale, "error-nothing-final"),
        CommandError::NoLeader => say!(locale, "error-no-leader"),
        CommandError::NoBlock(height) => say!(locale, "error-no-block", height = *height),
        CommandError::NoReceipt(reason) => no_receipt(locale, *reason),
        CommandError::File { fault, reason } => match fault {
            FileFault::Kind => say!(locale, "error-file-kind"),
            FileFault::Version => say!(locale, "error-file-version"),
            FileFault::Network => say!(locale, "error-file-network"),
            FileFault::Truncated => say!(locale, "error-file-truncated"),
            FileFault::Invalid => say!(locale, "error-file-invalid", reason = reason.as_str()),
        },
        CommandError::NotBegun => say!(locale, "error-lost"),
        CommandError::Storage(reason) => say!(locale, "error-storage", reason = reason.as_str()),
    }
}

fn no_receipt(locale: &Locale, reason: NoReceipt) -> String {
    match reason {
        NoReceipt::NotMined(_) => say!(locale, "no-receipt-not-mined"),
        NoReceipt::NotFinal {
            height,
            final_height,
        } => say!(
            locale,
            "no-receipt-not-final",
            height = height,
            final = final_height
        ),
        NoReceipt::Fetching(height) => say!(locale, "no-receipt-fetching", height = height),
        NoReceipt::Damaged => say!(locale, "no-receipt-damaged"),
        NoReceipt::TooLong => say!(locale, "no-receipt-too-long"),
    }
}

/// The sentence for an answer, where it is an error.
pub(super) fn of_answer(locale: &Locale, answer: Option<&Answer>) -> Option<String> {
    match answer {
        Some(Answer::Failed(error)) => Some(sentence(locale, error)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use shared::hash::TransactionId;
    use shared::keys::{PublicKey, SignatureError};
    use wasm_bindgen_test::wasm_bindgen_test;

    use super::*;
    use crate::page::locale::{Language, tests::locale};

    /// Those with a reason that the node made.
    const REASONED: [CommandError; 7] = [
        CommandError::Invalid(TransactionError::Signature(SignatureError::Signature(
            PublicKey([7; 32]),
        ))),
        CommandError::Invalid(TransactionError::Work {
            expected: 9,
            came: 1,
        }),
        CommandError::NoReceipt(NoReceipt::NotMined(TransactionId([7; 32]))),
        CommandError::NoReceipt(NoReceipt::NotFinal {
            height: 7,
            final_height: 5,
        }),
        CommandError::NoReceipt(NoReceipt::Fetching(7)),
        CommandError::NoReceipt(NoReceipt::Damaged),
        CommandError::NoReceipt(NoReceipt::TooLong),
    ];

    #[wasm_bindgen_test]
    fn a_reason_is_told_in_each_language() {
        for error in REASONED {
            let [english, portuguese] =
                Language::ALL.map(|language| sentence(&locale(language), &error));
            let made_by_the_node = match &error {
                CommandError::Invalid(reason) => reason.to_string(),
                other => other.to_string(),
            };
            assert_ne!(english, portuguese);
            for sentence in [english, portuguese] {
                assert!(!sentence.is_empty(), "{error:?}");
                assert!(!sentence.contains(&made_by_the_node), "{sentence}");
            }
        }
    }
}
