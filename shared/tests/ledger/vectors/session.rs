//! Registration, consistency checks, and every message.

use serde_json::{Value, json};
use shared::hash::Tag;
use shared::merkle;
use shared::message::{CheckAnswer, CheckQuery, Message, PROTOCOL_VERSION};

use super::{digits, encoded, hex};
use crate::common::{Builder, network, public, secret};
use crate::samples;

pub(super) fn registration() -> Value {
    let statement = samples::statement();
    json!({
        "encoded": encoded(&statement),
        "node": {
            "statement": hex(statement.by_node()),
            "signature": hex(secret(1).sign(&statement.by_node()).0),
        },
        "relay": {
            "statement": hex(statement.by_relay()),
            "signature": hex(secret(200).sign(&statement.by_relay()).0),
        },
    })
}

pub(super) fn consistency() -> Value {
    let mut builder = Builder::new();
    for _ in 0..4 {
        builder.mine(3, &[]);
    }
    let mut headers = vec![network().genesis()];
    headers.extend(
        builder
            .blocks
            .iter()
            .map(|block| block.sealed.header.clone()),
    );
    let contents = headers
        .iter()
        .map(|header| Tag::CONSISTENCY_LEAF.statement(&(header.hash(), header.tx_root)));
    let tree = merkle::Tree::from_contents(contents);
    let leaves: Vec<_> = (0..tree.len()).filter_map(|at| tree.leaf(at)).collect();
    let query = CheckQuery {
        check: (4, 1),
        member: Some(2),
        start: 1,
        end: 4,
    };
    let root = tree.range(1, 4).unwrap();
    let statement = CheckAnswer::statement(&network().id(), &public(2), &query, &root);
    json!({
        "headers": headers.iter().map(encoded).collect::<Vec<_>>(),
        "leaf_hashes": leaves.iter().map(|leaf| hex(leaf.0)).collect::<Vec<_>>(),
        "root_of_all": hex(tree.root().0),
        "root_of_1_to_before_4": hex(root.0),
        "answer": {
            "statement": hex(&statement),
            "signature": hex(secret(2).sign(&statement).0),
        },
    })
}

pub(super) fn messages() -> Value {
    let frames: Vec<_> = samples::messages()
        .iter()
        .map(|(name, message)| json!({ "name": name, "frame": hex(message.to_frame()) }))
        .collect();
    let refused: Vec<_> = refused()
        .into_iter()
        .map(|(why, frame)| {
            assert!(
                Message::from_frame(&frame).is_err(),
                "{why}: {}",
                digits(&frame)
            );
            json!({ "why": why, "frame": hex(frame) })
        })
        .collect();
    json!({ "frames": frames, "refused": refused })
}

fn refused() -> Vec<(&'static str, Vec<u8>)> {
    let ping = Message::Ping {
        sequence: 1,
        relay_time_ms: 2,
    }
    .to_frame();
    let mut continued = ping.clone();
    continued.push(0);
    let mut cut = ping.clone();
    cut.pop();
    let mut older = ping;
    older[0] = PROTOCOL_VERSION - 1;
    let mut presence = Message::Presence(shared::message::Presence::default()).to_frame();
    presence[2] = 2;
    let mut announced = Message::GetHeaders(shared::encoding::List::default()).to_frame();
    announced[2..6].fill(0xff);
    vec![
        ("no byte at all", Vec::new()),
        ("another version", older),
        ("a byte is missing", cut),
        ("a byte is left over", continued),
        ("no such message", vec![PROTOCOL_VERSION, 0xff]),
        ("a bool that is neither 0 nor 1", presence),
        ("a list longer than its limit", announced),
    ]
}
