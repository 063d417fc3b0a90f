//! Messages as JSON, for people and scripts: text frames become the binary frames that the core
//! knows, and back.
//!
//! [`schema`] says what the bytes of a message are, as the protocol's description does. Both
//! directions walk along it without anything in between, so what they take is in proportion to
//! the frame. Whether a message holds what it must is for the core to judge, as with binary ones.

mod from_borsh;
mod schema;
mod to_borsh;

use core::cell::Cell;

use serde::de::DeserializeSeed;
use shared::message::PROTOCOL_VERSION;

use from_borsh::Reader;
use schema::MESSAGE;
use to_borsh::Writer;

/// Text that is no message.
#[derive(Debug, thiserror::Error)]
#[error("this is no message in JSON: {0}")]
pub(crate) struct NotAMessage(#[from] serde_json::Error);

/// A binary frame of a message in JSON.
pub(crate) fn frame_of_text(text: &str) -> Result<Vec<u8>, NotAMessage> {
    let mut frame = vec![PROTOCOL_VERSION];
    let mut json = serde_json::Deserializer::from_str(text);
    Writer::new(&MESSAGE, &mut frame).deserialize(&mut json)?;
    json.end()?;
    Ok(frame)
}

/// The JSON of a frame that the core has made.
pub(crate) fn text_of_frame(frame: &[u8]) -> Result<String, NotAMessage> {
    let message = frame.split_first().map_or(&[][..], |(_, message)| message);
    let message = Cell::new(message);
    Ok(serde_json::to_string(&Reader::new(&MESSAGE, &message))?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use serde_json::{Value, json};
    use shared::message::Message;

    use super::*;

    fn vectors(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../docs/vectors")
            .join(name)
    }

    /// A frame of every message, by name.
    fn frames() -> Vec<(String, Vec<u8>)> {
        let text = fs::read_to_string(vectors("messages.json")).unwrap();
        let made: Value = serde_json::from_str(&text).unwrap();
        let frames = made["frames"].as_array().unwrap().iter();
        frames
            .map(|frame| {
                let bytes = hex::decode(frame["frame"].as_str().unwrap()).unwrap();
                (frame["name"].as_str().unwrap().to_owned(), bytes)
            })
            .collect()
    }

    #[test]
    fn every_message_survives_json() {
        for (name, frame) in frames() {
            let text = text_of_frame(&frame).unwrap_or_else(|error| panic!("{name}: {error}"));
            let back = frame_of_text(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(back, frame, "{name}: {text}");
        }
    }

    /// `UPDATE_VECTORS=1` writes the file, as for the vectors of `shared`.
    #[test]
    fn the_vectors_say_what_the_code_says() {
        let messages: Vec<_> = frames()
            .into_iter()
            .map(|(name, frame)| {
                let text = text_of_frame(&frame).unwrap();
                json!({ "name": name, "json": serde_json::from_str::<Value>(&text).unwrap() })
            })
            .collect();
        let mut made = json!({ "messages": messages });
        // Whether objects keep their order depends on what else is built.
        made.sort_all_objects();
        let text = format!("{}\n", serde_json::to_string_pretty(&made).unwrap());
        let path = vectors("json.json");
        if std::env::var_os("UPDATE_VECTORS").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let committed = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            committed == text,
            "{} differs from what the code makes: where that is right, write it anew with UPDATE_VECTORS=1",
            path.display()
        );
    }

    #[test]
    fn fields_come_in_any_order_and_what_may_be_lacking_may() {
        let text =
            r#"{"register":{"invitation":null,"signature":"SIGNATURE","remembered":{"term":0}}}"#;
        let text = text.replace("SIGNATURE", &"07".repeat(64));
        let whole = frame_of_text(&text).unwrap();
        let short = text.replace("\"invitation\":null,", "");
        assert_eq!(frame_of_text(&short).unwrap(), whole);
        assert!(matches!(
            Message::from_frame(&whole),
            Ok(Message::Register { .. })
        ));
    }

    #[test]
    fn numbers_that_javascript_would_round_are_text() {
        let ping = |sequence| {
            let relay_time_ms = 0;
            Message::Ping {
                sequence,
                relay_time_ms,
            }
            .to_frame()
        };
        let greatest_safe = (1 << 53) - 1;
        let text = text_of_frame(&ping(greatest_safe)).unwrap();
        assert!(text.contains("\"sequence\":9007199254740991"), "{text}");
        let text = text_of_frame(&ping(greatest_safe + 1)).unwrap();
        assert!(text.contains("\"sequence\":\"9007199254740992\""), "{text}");
        assert_eq!(frame_of_text(&text).unwrap(), ping(greatest_safe + 1));
        let small = r#"{"ping":{"sequence":"7","relay_time_ms":0}}"#;
        assert_eq!(frame_of_text(small).unwrap(), ping(7));
    }

    #[test]
    fn what_is_no_message_is_refused_by_what_is_wrong() {
        let deep = "[".repeat(100_000);
        for (text, expected) in [
            ("", "EOF"),
            ("7", "expected"),
            (deep.as_str(), "expected"),
            ("\"leave\" \"leave\"", "trailing"),
            ("\"shout\"", "shout"),
            ("{\"shout\":{}}", "shout"),
            ("\"ping\"", "newtype"),
            ("{\"leave\":{}}", "leave"),
            ("{\"ping\":{\"sequence\":1}}", "relay_time_ms"),
            (
                "{\"ping\":{\"sequence\":1,\"sequence\":1,\"relay_time_ms\":1}}",
                "sequence",
            ),
            (
                "{\"ping\":{\"sequence\":1,\"relay_time_ms\":1,\"more\":1}}",
                "more",
            ),
            ("{\"ping\":{\"sequence\":-1,\"relay_time_ms\":1}}", "-1"),
            ("{\"ping\":{\"sequence\":1.5,\"relay_time_ms\":1}}", "1.5"),
            (
                "{\"ping\":{\"sequence\":\"one\",\"relay_time_ms\":1}}",
                "expected",
            ),
            ("{\"error\":{\"code\":\"odd\",\"explanation\":\"\"}}", "odd"),
            ("{\"get_headers\":[\"short\"]}", "short"),
            (
                "{\"ping\":{\"sequence\":1,\"relay_time_ms\":1},\"leave\":{}}",
                "expected",
            ),
        ] {
            let refused = frame_of_text(text).unwrap_err().to_string();
            assert!(refused.contains(expected), "{text}: {refused}");
        }
    }
}
