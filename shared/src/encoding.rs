//! Borsh, strictly: one encoding per value, nothing left over, every list bounded before it is read.
//!
//! Source: the Borsh specification, <https://borsh.io>.

use std::io::{Error, ErrorKind, Read, Result, Write};

use borsh::{BorshDeserialize, BorshSerialize};

/// The canonical bytes of a value.
#[must_use]
pub fn encode<T: BorshSerialize>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(&mut bytes, value);
    bytes
}

/// Adds the canonical bytes of a value.
pub(crate) fn append<T: BorshSerialize>(bytes: &mut Vec<u8>, value: &T) {
    // Writing into memory cannot fail, and no type of ours refuses to be written.
    let written = value.serialize(bytes);
    debug_assert!(written.is_ok());
}

/// Bytes that do not decode to the expected type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{bytes} bytes do not decode to a {expected}: {reason}")]
pub struct DecodeError {
    /// The type that was expected.
    pub expected: &'static str,
    /// How many bytes came.
    pub bytes: usize,
    /// What was wrong with them.
    pub reason: String,
}

/// The value of canonical bytes; all of them must be used.
pub fn decode<T: BorshDeserialize>(
    expected: &'static str,
    bytes: &[u8],
) -> core::result::Result<T, DecodeError> {
    T::try_from_slice(bytes).map_err(|error| DecodeError {
        expected,
        bytes: bytes.len(),
        reason: error.to_string(),
    })
}

/// A list of at most `MAX` items; a longer one is refused before its items are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct List<T, const MAX: usize>(Vec<T>);

impl<T, const MAX: usize> Default for List<T, MAX> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MAX: usize> List<T, MAX> {
    /// The first `MAX` of the items.
    pub fn truncated(items: impl IntoIterator<Item = T>) -> Self {
        Self(items.into_iter().take(MAX).collect())
    }

    /// All items, or nothing where they are too many.
    pub fn new(items: Vec<T>) -> Option<Self> {
        (items.len() <= MAX).then_some(Self(items))
    }

    /// The items by value.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> core::ops::Deref for List<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T, const MAX: usize> IntoIterator for List<T, MAX> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<T: BorshSerialize, const MAX: usize> BorshSerialize for List<T, MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.0.serialize(writer)
    }
}

impl<T: BorshDeserialize, const MAX: usize> BorshDeserialize for List<T, MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let length = read_length(reader, MAX, "items")?;
        let mut items = Vec::with_capacity(length.min(64));
        for _ in 0..length {
            items.push(T::deserialize_reader(reader)?);
        }
        Ok(Self(items))
    }
}

/// UTF-8 text of at most `MAX` bytes, without the character U+0000, which SQL's `text` cannot hold.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text<const MAX: usize>(String);

/// A text that does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, thiserror::Error)]
pub enum TextError {
    /// It has too many bytes.
    #[error("at most {max} bytes are allowed here, this text has {bytes}: shorten it")]
    TooLong {
        /// Bytes allowed.
        max: usize,
        /// Bytes that came.
        bytes: usize,
    },
    /// It has the character U+0000.
    #[error("the character U+0000 stands at byte {0}: remove it")]
    Nul(usize),
    /// It is empty where something is required.
    #[error("this text must not be empty")]
    Empty,
}

impl<const MAX: usize> Text<MAX> {
    /// The text, if it fits.
    pub fn new(text: impl Into<String>) -> core::result::Result<Self, TextError> {
        let text = text.into();
        if text.len() > MAX {
            return Err(TextError::TooLong {
                max: MAX,
                bytes: text.len(),
            });
        }
        match text.bytes().position(|byte| byte == 0) {
            Some(position) => Err(TextError::Nul(position)),
            None => Ok(Self(text)),
        }
    }

    /// As much of the text as fits, without U+0000.
    #[must_use]
    pub fn truncated(text: &str) -> Self {
        let mut kept = String::new();
        for character in text.chars().filter(|&character| character != '\0') {
            if kept.len() + character.len_utf8() > MAX {
                break;
            }
            kept.push(character);
        }
        Self(kept)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<const MAX: usize> core::fmt::Display for Text<MAX> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<const MAX: usize> core::fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Debug::fmt(&self.0, f)
    }
}

impl<const MAX: usize> BorshSerialize for Text<MAX> {
    fn serialize<W: Write>(&self, writer: &mut W) -> Result<()> {
        self.0.serialize(writer)
    }
}

impl<const MAX: usize> BorshDeserialize for Text<MAX> {
    fn deserialize_reader<R: Read>(reader: &mut R) -> Result<Self> {
        let length = read_length(reader, MAX, "bytes")?;
        let mut bytes = vec![0; length];
        reader.read_exact(&mut bytes)?;
        let text = String::from_utf8(bytes)
            .map_err(|_| Error::new(ErrorKind::InvalidData, "the text is not UTF-8"))?;
        Self::new(text).map_err(|error| Error::new(ErrorKind::InvalidData, error.to_string()))
    }
}

fn read_length<R: Read>(reader: &mut R, max: usize, unit: &str) -> Result<usize> {
    let length = u32::deserialize_reader(reader)?;
    usize::try_from(length)
        .ok()
        .filter(|&length| length <= max)
        .ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidData,
                format!("at most {max} {unit} are allowed here, {length} were announced"),
            )
        })
}
