//! From bytes to JSON.

use core::cell::Cell;

use serde::ser::{Error, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use shared::encoding::decode;
use shared::invitation::Invitation;
use shared::keys::PublicKey;

use super::schema::Type;

/// The greatest whole number that every reader of JSON keeps.
const SAFE_MAX: u64 = (1 << 53) - 1;

/// The first of some bytes as the value that a type says they are. What has been read is gone from
/// the bytes.
pub(super) struct Reader<'a> {
    of: &'static Type,
    bytes: &'a Cell<&'a [u8]>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(of: &'static Type, bytes: &'a Cell<&'a [u8]>) -> Self {
        Self { of, bytes }
    }

    fn next(&self, of: &'static Type) -> Self {
        Self::new(of, self.bytes)
    }

    fn take<S: Serializer>(&self, count: usize) -> Result<&'a [u8], S::Error> {
        let (taken, rest) = self
            .bytes
            .get()
            .split_at_checked(count)
            .ok_or_else(|| S::Error::custom("the frame ends within a value"))?;
        self.bytes.set(rest);
        Ok(taken)
    }

    fn number<S: Serializer>(&self, bytes: usize) -> Result<u64, S::Error> {
        let little_endian = self.take::<S>(bytes)?.iter().rev();
        Ok(little_endian.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn count<S: Serializer>(&self) -> Result<usize, S::Error> {
        usize::try_from(self.number::<S>(4)?).map_err(Error::custom)
    }
}

impl Serialize for Reader<'_> {
    fn serialize<S: Serializer>(&self, json: S) -> Result<S::Ok, S::Error> {
        match self.of {
            Type::Bool => json.serialize_bool(self.number::<S>(1)? != 0),
            Type::U8 => json.serialize_u64(self.number::<S>(1)?),
            Type::U16 => json.serialize_u64(self.number::<S>(2)?),
            Type::U32 => json.serialize_u64(self.number::<S>(4)?),
            Type::U64 => match self.number::<S>(8)? {
                number @ ..=SAFE_MAX => json.serialize_u64(number),
                number => json.collect_str(&number),
            },
            Type::Bytes(count) => json.serialize_str(&hex::encode(self.take::<S>(*count)?)),
            Type::Reversed(count) => {
                let mut bytes = self.take::<S>(*count)?.to_vec();
                bytes.reverse();
                json.serialize_str(&hex::encode(bytes))
            }
            Type::Key => {
                let key: PublicKey =
                    decode("key", self.take::<S>(32)?).map_err(S::Error::custom)?;
                json.collect_str(&key)
            }
            Type::Invitation => {
                let invitation: Invitation =
                    decode("invitation", self.take::<S>(32)?).map_err(S::Error::custom)?;
                json.collect_str(&invitation)
            }
            Type::Text => {
                let count = self.count::<S>()?;
                let text = str::from_utf8(self.take::<S>(count)?).map_err(S::Error::custom)?;
                json.serialize_str(text)
            }
            Type::Option(of) => match self.number::<S>(1)? {
                0 => json.serialize_none(),
                _ => self.next(of).serialize(json),
            },
            Type::List(of) => {
                let count = self.count::<S>()?;
                let mut items = json.serialize_seq(None)?;
                for _ in 0..count {
                    items.serialize_element(&self.next(of))?;
                }
                items.end()
            }
            Type::Pair(first, second) => {
                let mut items = json.serialize_seq(Some(2))?;
                items.serialize_element(&self.next(first))?;
                items.serialize_element(&self.next(second))?;
                items.end()
            }
            Type::Struct(fields) => {
                let mut object = json.serialize_map(Some(fields.len()))?;
                for (name, of) in *fields {
                    object.serialize_entry(name, &self.next(of))?;
                }
                object.end()
            }
            Type::Enum(variants) => {
                let number = self.number::<S>(1)?;
                let index = number.checked_sub(u64::from(variants.first));
                let index = index.and_then(|index| usize::try_from(index).ok());
                match index.and_then(|index| variants.all.get(index)) {
                    Some((name, None)) => json.serialize_str(name),
                    Some((name, Some(of))) => {
                        let mut object = json.serialize_map(Some(1))?;
                        object.serialize_entry(name, &self.next(of))?;
                        object.end()
                    }
                    None => Err(Error::custom(format!("there is no variant {number}"))),
                }
            }
            Type::Of(of) => self.next(of).serialize(json),
        }
    }
}
