//! Settings that nobody may read: what is wrong with one is said without repeating it.

use core::convert::Infallible;
use core::fmt;
use core::str::FromStr;

/// A secret as it was given. Any text is one, and what it should be is looked at later: the parser
/// of the command line repeats values that it refuses.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text, for whoever checks it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
