//! From JSON to bytes.

use core::fmt;
use core::str::FromStr;

use borsh::BorshSerialize;
use serde::Deserializer;
use serde::de::{DeserializeSeed, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};
use shared::encoding::encode;
use shared::invitation::Invitation;
use shared::keys::PublicKey;

use super::schema::{Type, Variants};

/// Appends the value that comes next to some bytes, as a type says.
pub(super) struct Writer<'a> {
    of: &'static Type,
    bytes: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(of: &'static Type, bytes: &'a mut Vec<u8>) -> Self {
        Self { of, bytes }
    }

    fn next(&mut self, of: &'static Type) -> Writer<'_> {
        Writer::new(of, self.bytes)
    }

    fn number<E: Error>(self, number: u64) -> Result<(), E> {
        let bytes = match self.of {
            Type::U8 => 1,
            Type::U16 => 2,
            Type::U32 => 4,
            _ => 8,
        };
        let encoded = number.to_le_bytes();
        let (kept, beyond) = encoded.split_at(bytes);
        if beyond.iter().any(|byte| *byte != 0) {
            return Err(E::custom(format!("{number} does not fit {bytes} bytes")));
        }
        self.bytes.extend_from_slice(kept);
        Ok(())
    }

    /// Hexadecimal digits of just so many bytes.
    fn digits<E: Error>(self, count: usize, text: &str, is_reversed: bool) -> Result<(), E> {
        let wrong = || {
            E::custom(format!(
                "{} hexadecimal digits expected, {text:?} came",
                2 * count
            ))
        };
        let mut bytes = hex::decode(text).map_err(|_| wrong())?;
        if bytes.len() != count {
            return Err(wrong());
        }
        if is_reversed {
            bytes.reverse();
        }
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    fn parsed<T: FromStr + BorshSerialize, E: Error>(self, text: &str) -> Result<(), E>
    where
        T::Err: fmt::Display,
    {
        let value: T = text.parse().map_err(E::custom)?;
        self.bytes.extend_from_slice(&encode(&value));
        Ok(())
    }

    /// A variant by its name; what it holds, if anything, comes next.
    fn variant<E: Error>(
        &mut self,
        variants: &'static Variants,
        name: &str,
    ) -> Result<&'static Option<Type>, E> {
        let mut all = (variants.first..).zip(variants.all);
        let found = all.find(|(_, (found, _))| *found == name);
        let (number, (_, content)) =
            found.ok_or_else(|| E::custom(format!("there is nothing called {name:?} here")))?;
        self.bytes.push(number);
        Ok(content)
    }

    fn count<E: Error>(count: usize) -> Result<[u8; 4], E> {
        let count = u32::try_from(count).map_err(E::custom)?;
        Ok(count.to_le_bytes())
    }
}

impl<'de> DeserializeSeed<'de> for Writer<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        match self.of {
            Type::Bool => json.deserialize_bool(self),
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => json.deserialize_any(self),
            Type::Bytes(_) | Type::Reversed(_) | Type::Key | Type::Invitation | Type::Text => {
                json.deserialize_str(self)
            }
            Type::Option(_) => json.deserialize_option(self),
            Type::List(_) | Type::Pair(..) => json.deserialize_seq(self),
            Type::Struct(_) => json.deserialize_map(self),
            Type::Enum(_) => json.deserialize_enum("", &[], self),
            Type::Of(of) => Writer::new(of, self.bytes).deserialize(json),
        }
    }
}

impl<'de> Visitor<'de> for Writer<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.of {
            Type::Bool => "true or false",
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => "a whole number that is not negative",
            Type::Option(_) => "a value or null",
            Type::List(_) => "an array",
            Type::Pair(..) => "an array of two",
            Type::Struct(_) => "an object",
            Type::Enum(_) => "a name, or an object with a name and its content",
            _ => "a text",
        })
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.bytes.push(u8::from(value));
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.number(number)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self.of {
            Type::Bytes(count) => self.digits(*count, text, false),
            Type::Reversed(count) => self.digits(*count, text, true),
            Type::Key => self.parsed::<PublicKey, E>(text),
            Type::Invitation => self.parsed::<Invitation, E>(text),
            Type::Text => {
                self.bytes.extend(Self::count::<E>(text.len())?);
                self.bytes.extend_from_slice(text.as_bytes());
                Ok(())
            }
            // A number that a reader of JSON might round.
            _ => {
                let number = text
                    .parse()
                    .map_err(|_| E::custom(format!("a number expected, {text:?} came")))?;
                self.number(number)
            }
        }
    }

    fn visit_none<E: Error>(self) -> Result<(), E> {
        self.bytes.push(0);
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(mut self, json: D) -> Result<(), D::Error> {
        let Type::Option(of) = self.of else {
            return Err(Error::custom("nothing may be lacking here"));
        };
        self.bytes.push(1);
        self.next(of).deserialize(json)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let mut count = 0;
        match self.of {
            Type::List(of) => {
                let start = self.bytes.len();
                self.bytes.extend([0; 4]);
                while items.next_element_seed(self.next(of))?.is_some() {
                    count += 1;
                }
                let written = self.bytes.iter_mut().skip(start);
                written
                    .zip(Self::count::<A::Error>(count)?)
                    .for_each(|(to, from)| *to = from);
                Ok(())
            }
            Type::Pair(first, second) => {
                for of in [first, second] {
                    items
                        .next_element_seed(self.next(of))?
                        .ok_or_else(|| A::Error::invalid_length(count, &"two"))?;
                    count += 1;
                }
                Ok(())
            }
            _ => Err(Error::custom("no array is expected here")),
        }
    }

    /// Fields come in any order, and are encoded in theirs.
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Type::Struct(fields) = self.of else {
            return Err(Error::custom("no object is expected here"));
        };
        let mut encoded: Vec<Option<Vec<u8>>> = vec![None; fields.len()];
        while let Some(name) = entries.next_key::<String>()? {
            let mut places = encoded.iter_mut().zip(*fields);
            let (place, (_, of)) = places
                .find(|(_, (field, _))| *field == name)
                .ok_or_else(|| A::Error::custom(format!("there is no field {name:?} here")))?;
            let mut bytes = Vec::new();
            entries.next_value_seed(Writer::new(of, &mut bytes))?;
            if place.replace(bytes).is_some() {
                return Err(Error::custom(format!("the field {name:?} came twice")));
            }
        }
        for (place, (name, of)) in encoded.into_iter().zip(*fields) {
            match (place, of) {
                (Some(bytes), _) => self.bytes.extend(bytes),
                (None, Type::Option(_)) => self.bytes.push(0),
                (None, _) => return Err(Error::custom(format!("the field {name:?} is lacking"))),
            }
        }
        Ok(())
    }

    fn visit_enum<A: EnumAccess<'de>>(mut self, data: A) -> Result<(), A::Error> {
        let Type::Enum(variants) = self.of else {
            return Err(Error::custom("no name is expected here"));
        };
        let (name, content): (String, _) = data.variant()?;
        match self.variant::<A::Error>(variants, &name)? {
            None => content
                .unit_variant()
                .map_err(|_| Error::custom(format!("{name:?} has no content: it is a text alone"))),
            Some(of) => content.newtype_variant_seed(self.next(of)),
        }
    }
}
