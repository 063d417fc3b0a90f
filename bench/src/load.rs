//! What a benchmark of a server needs: the server as a process, and sockets that cost their
//! reader little.

pub mod member;
pub mod program;
pub mod socket;
pub mod websocket;

use std::io;

/// Why a measurement under load came to no end.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A server did not start.
    #[error("{program} did not start: {why}")]
    Start {
        /// Which one.
        program: String,
        /// What came instead.
        why: String,
    },
    /// The system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// A server said something else than expected.
    #[error("expected {expected}, came: {came}")]
    Unexpected {
        /// What should have come.
        expected: &'static str,
        /// What came.
        came: String,
    },
    /// Nothing came for too long.
    #[error("waited in vain for {0}")]
    Silence(&'static str),
}

impl LoadError {
    /// Names what was tried when the system refused.
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    /// Names what should have come.
    pub(crate) fn unexpected(expected: &'static str, came: impl core::fmt::Debug) -> Self {
        let came = format!("{came:?}").chars().take(300).collect();
        Self::Unexpected { expected, came }
    }
}
