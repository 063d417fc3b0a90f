//! Encoding: one form per value, bounds before memory, and no panic on any bytes.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use std::collections::BTreeSet;
use std::sync::OnceLock;

use proptest::collection::vec;
use proptest::prelude::*;
use shared::encoding::{List, Text, TextError, decode, encode};
use shared::hash::{BlockHash, Hash, HexError};
use shared::limits::FRAME_BYTES_MAX;
use shared::message::{FrameError, Message, PROTOCOL_VERSION};

use crate::common::cases;
use crate::samples::{messages, stored_values};

#[test]
fn there_is_a_sample_of_every_message() {
    let discriminants: BTreeSet<u8> = frames().iter().map(|frame| frame[1]).collect();
    let first_unused = u8::try_from(discriminants.len()).unwrap();
    assert_eq!(discriminants, (0..first_unused).collect());
    let beyond = Message::from_frame(&[PROTOCOL_VERSION, first_unused]).unwrap_err();
    assert!(
        beyond.to_string().contains("Unexpected variant tag"),
        "a message has no sample: {beyond}"
    );
}

#[test]
fn every_message_comes_back_from_its_frame() {
    for (name, message) in messages() {
        let frame = message.to_frame();
        assert_eq!(frame[0], PROTOCOL_VERSION);
        assert_eq!(Message::from_frame(&frame), Ok(message), "{name}");
    }
}

/// Another byte is another value, or none: nobody can send one value in two forms.
#[test]
fn no_changed_byte_leaves_the_value_the_same() {
    for (name, message) in messages() {
        let frame = message.to_frame();
        let step = if cfg!(target_arch = "wasm32") { 7 } else { 1 };
        for at in (0..frame.len()).step_by(step) {
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = frame.clone();
                changed[at] ^= flip;
                if let Ok(other) = Message::from_frame(&changed) {
                    assert_ne!(other, message, "{name}, byte {at}");
                    assert_eq!(other.to_frame(), changed, "{name}, byte {at}");
                }
            }
        }
    }
}

/// What is stored has one form too: a row that was edited is another row, or none.
#[test]
fn what_is_stored_has_one_encoding() {
    for (name, bytes, rewrite) in stored_values() {
        assert_eq!(rewrite(&bytes), Some(bytes.clone()), "{name}");
        assert_eq!(rewrite(&bytes[..bytes.len() - 1]), None, "{name}, cut");
        assert_eq!(
            rewrite(&[&bytes[..], &[0]].concat()),
            None,
            "{name}, continued"
        );
        for at in 0..bytes.len() {
            for flip in [0x01, 0x80, 0xff] {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                if let Some(written) = rewrite(&changed) {
                    assert_eq!(written, changed, "{name}, byte {at}");
                }
            }
        }
    }
}

#[test]
fn a_frame_that_is_cut_or_continued_is_refused() {
    for (name, message) in messages() {
        let frame = message.to_frame();
        for length in 0..frame.len() {
            assert!(
                Message::from_frame(&frame[..length]).is_err(),
                "{name}: {length}"
            );
        }
        for more in [0, 1, 0xff] {
            let mut continued = frame.clone();
            continued.push(more);
            assert!(Message::from_frame(&continued).is_err(), "{name}: {more}");
        }
    }
}

#[test]
fn a_frame_says_what_is_wrong_with_it() {
    assert_eq!(Message::from_frame(&[]), Err(FrameError::Empty));
    let mut frame = Message::Leave.to_frame();
    frame[0] = 9;
    assert_eq!(Message::from_frame(&frame), Err(FrameError::Version(9)));
    let long = vec![PROTOCOL_VERSION; FRAME_BYTES_MAX + 1];
    let error = Message::from_frame(&long).unwrap_err();
    assert_eq!(error, FrameError::TooLong(FRAME_BYTES_MAX + 1));
    let explanation = Message::from_frame(&[PROTOCOL_VERSION, 0xff]).unwrap_err();
    assert!(
        explanation
            .to_string()
            .starts_with("1 bytes do not decode to a message")
    );
}

proptest! {
    #![proptest_config(cases(2_000))]

    #[test]
    fn no_bytes_make_it_panic(mut bytes in vec(any::<u8>(), 0..300)) {
        let _ = Message::from_frame(&bytes);
        if let Some(version) = bytes.first_mut() {
            *version = PROTOCOL_VERSION;
        }
        if let Ok(message) = Message::from_frame(&bytes) {
            prop_assert_eq!(message.to_frame(), bytes);
        }
    }

    #[test]
    fn no_damage_makes_it_panic(
        index in any::<prop::sample::Index>(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut frame = index.get(frames()).clone();
        for (at, byte) in damage {
            *at.get_mut(&mut frame) = byte;
        }
        if let Ok(message) = Message::from_frame(&frame) {
            prop_assert_eq!(message.to_frame(), frame);
        }
    }

    #[test]
    fn a_text_is_read_as_it_is_written(characters in "\\PC{0,12}") {
        match Text::<16>::new(characters.clone()) {
            Ok(text) => {
                prop_assert!(characters.len() <= 16);
                prop_assert_eq!(decode("text", &encode(&text)), Ok(text));
            }
            Err(error) => {
                prop_assert_eq!(error, TextError::TooLong { max: 16, bytes: characters.len() });
            }
        }
        let kept = Text::<16>::truncated(&characters);
        prop_assert!(characters.starts_with(kept.as_str()));
        prop_assert!(kept.as_str().len() <= 16);
        prop_assert!(characters.len() > 16 || kept.as_str() == characters);
    }

    #[test]
    fn a_hash_is_read_as_it_is_written(bytes: [u8; 32]) {
        prop_assert_eq!(Hash(bytes).to_string().parse(), Ok(Hash(bytes)));
        prop_assert_eq!(BlockHash(bytes).to_string().parse(), Ok(BlockHash(bytes)));
        let mut reversed = bytes;
        reversed.reverse();
        prop_assert_eq!(BlockHash(bytes).to_string(), Hash(reversed).to_string());
    }
}

fn frames() -> &'static [Vec<u8>] {
    static FRAMES: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
    FRAMES.get_or_init(|| {
        messages()
            .into_iter()
            .map(|(_, message)| message.to_frame())
            .collect()
    })
}

#[test]
fn texts_that_are_not_allowed_are_refused_when_made_and_when_read() {
    assert_eq!(Text::<8>::new("a\0b"), Err(TextError::Nul(1)));
    assert_eq!(
        Text::<8>::new("123456789"),
        Err(TextError::TooLong { max: 8, bytes: 9 })
    );
    assert_eq!(Text::<3>::truncated("a\0éé").as_str(), "aé");
    let read = |bytes: &[u8]| {
        let encoded = encode(&bytes.to_vec());
        decode::<Text<8>>("text", &encoded).map_err(|error| error.reason)
    };
    assert_eq!(read(b"12345678").unwrap().as_str(), "12345678");
    assert_eq!(read(b"a\0b"), Err(TextError::Nul(1).to_string()));
    assert_eq!(read(&[0xff, 0xfe]), Err("the text is not UTF-8".into()));
    // CESU-8's form of a character beyond the first plane would be a second form of it.
    assert!(read(&[0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]).is_err());
    let too_long = read(b"123456789").unwrap_err();
    assert_eq!(
        too_long,
        "at most 8 bytes are allowed here, 9 were announced"
    );
}

/// A reader that says how far it was read.
struct Counted<'a> {
    rest: &'a [u8],
    read: usize,
}

impl std::io::Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.rest.read(buffer)?;
        self.read += read;
        Ok(read)
    }
}

#[test]
fn a_list_that_is_too_long_is_refused_before_its_items_are_read() {
    let bytes = encode(&vec![0_u64; 4]);
    assert!(decode::<List<u64, 4>>("list", &bytes).is_ok());
    let mut reader = Counted {
        rest: &bytes,
        read: 0,
    };
    let refused = <List<u64, 3> as borsh::BorshDeserialize>::deserialize_reader(&mut reader);
    assert_eq!(
        refused.unwrap_err().to_string(),
        "at most 3 items are allowed here, 4 were announced"
    );
    assert_eq!(reader.read, 4, "more than the length was read");

    let announced_only = u32::MAX.to_le_bytes();
    assert!(decode::<List<u64, 3>>("list", &announced_only).is_err());
    assert!(decode::<Text<8>>("text", &announced_only).is_err());
    assert_eq!(List::<u8, 2>::new(vec![1, 2, 3]), None);
    assert_eq!(&*List::<u8, 2>::truncated([1, 2, 3]), [1, 2]);
}

#[test]
fn texts_that_are_no_hashes_are_refused() {
    let refused = |text: &str| text.parse::<Hash>().unwrap_err();
    assert_eq!(refused(""), HexError::Length(0));
    assert_eq!(refused(&"0".repeat(63)), HexError::Length(63));
    assert_eq!(
        refused(&format!("{}g0", "0".repeat(62))),
        HexError::Digit(62)
    );
    assert_eq!(
        refused(&format!("+1{}", "0".repeat(62))),
        HexError::Digit(0)
    );
    assert_eq!(refused(&"é".repeat(32)), HexError::Digit(0));
}
