//! Why a command was not done, in the page's language.

use shared::node::interface::{Answer, CommandError, FileFault};

use crate::page::locale::{Locale, say};

/// The sentence for an error.
pub(super) fn sentence(locale: &Locale, error: &CommandError) -> String {
    match error {
        CommandError::EmptyKey => say!(locale, "error-empty-key"),
        CommandError::Invalid(reason) => say!(locale, "error-invalid", reason = reason.as_str()),
        CommandError::MempoolFull => say!(locale, "error-mempool-full"),
        CommandError::NoNetwork => say!(locale, "error-no-network"),
        CommandError::NotConnected => say!(locale, "error-not-connected"),
        CommandError::NothingFinal => say!(locale, "error-nothing-final"),
        CommandError::NoLeader => say!(locale, "error-no-leader"),
        CommandError::NoBlock(height) => say!(locale, "error-no-block", height = *height),
        CommandError::NoReceipt(reason) => {
            say!(locale, "error-no-receipt", reason = reason.to_string())
        }
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

/// The sentence for an answer, where it is an error.
pub(super) fn of_answer(locale: &Locale, answer: Option<&Answer>) -> Option<String> {
    match answer {
        Some(Answer::Failed(error)) => Some(sentence(locale, error)),
        _ => None,
    }
}
