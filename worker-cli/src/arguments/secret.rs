//! Secrets as they were typed.

use core::convert::Infallible;
use core::fmt;
use core::str::FromStr;

/// A text that holds a secret. Reading it from the command line never fails, since clap repeats in
/// its messages what it cannot parse; [`Self::parse`] comes later.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The text, without what stands around it.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.trim()
    }

    /// What the text says.
    pub fn parse<T: FromStr>(&self) -> Result<T, T::Err> {
        self.text().parse()
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    /// Without the secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
