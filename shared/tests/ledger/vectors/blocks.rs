//! State, blocks, and the schedule of difficulty.

use serde_json::{Value, json};
use shared::block::Block;
use shared::chain::history_leaf;
use shared::difficulty::{self, Parent, Schedule, Target};
use shared::hash::Hash;
use shared::merkle;
use shared::network::Work;
use shared::state::{self, Entry, State};

use super::{encoded, hex};
use crate::common::{
    Builder, CREATED_AT_MS, EASIEST_BITS, FIRST_BITS, SPACING_MS, network, put, text,
};
use crate::samples;

/// A chain of three blocks, the first one empty.
fn chain() -> Builder {
    let mut builder = Builder::new();
    builder.mine(3, &[]);
    builder.mine(3, &samples::transactions()[..3]);
    builder.mine(2, &[put(2, 0, "greeting", "good morning")]);
    builder
}

pub(super) fn blocks() -> Value {
    let mut history = merkle::Tree::default();
    history.push(history_leaf(&network().genesis().hash()));
    let blocks: Vec<_> = chain()
        .blocks
        .iter()
        .map(|block| {
            history.push(history_leaf(&block.sealed.header.hash()));
            shown(block, history.root())
        })
        .collect();
    json!({ "parameters": encoded(&network()), "blocks": blocks })
}

fn shown(block: &Block, history_root: Hash) -> Value {
    let Block { sealed, body } = block;
    let header = &sealed.header;
    let leaves: Vec<_> = body
        .transactions
        .iter()
        .zip(body.outcomes.iter())
        .map(|entry| hex(shared::block::Body::leaf(entry)))
        .collect();
    json!({
        "fields": {
            "version": header.version,
            "height": header.height,
            "timestamp_ms": header.timestamp_ms,
            "previous": hex(header.previous.0),
            "tx_root": hex(header.tx_root.0),
            "state_root": hex(header.state_root.0),
            "producer": hex(header.producer.0),
            "bits": header.bits,
            "nonce": header.nonce,
        },
        "header": encoded(header),
        "hash": hex(header.hash().0),
        "hash_shown": header.hash().to_string(),
        "sealed": encoded(sealed),
        "body": encoded(body),
        "leaves_after_the_record": leaves,
        "history_root": hex(history_root.0),
    })
}

pub(super) fn state() -> Value {
    let chain = chain().chain;
    let mut state = State::from_entries(chain.state().entries().cloned());
    let entries: Vec<_> = state
        .entries()
        .map(|entry| json!({ "path": hex(entry.path().0), "entry": encoded(entry) }))
        .collect();
    let present = state::key_path(&text("greeting"));
    let absent = state::key_path(&text("nobody wrote this"));
    let entry = state.entry(&present).map_or(Value::Null, encoded::<Entry>);
    let root = state.root();
    json!({
        "after_block": chain.height(),
        "entries": entries,
        "root": hex(root.0),
        "proof_of_presence": {
            "path": hex(present.0),
            "entry": entry,
            "proof": encoded(&state.prove(&present)),
        },
        "proof_of_absence": {
            "path": hex(absent.0),
            "proof": encoded(&state.prove(&absent)),
        },
    })
}

/// A chain whose blocks come in time, too fast, after a long silence, and at the easiest target.
pub(super) fn difficulty() -> Value {
    let rules = Work {
        spacing_ms: SPACING_MS,
        first_bits: 0x1d00_ffff,
        easiest_bits: 0x1d7f_ffff,
    };
    let pauses_ms = [
        1_000, 1_000, 1_000, 10, 10, 10, 5_999, 6_000, 6_001, 20_000, 900_000, 1_000, 1_000, 2,
    ];
    let mut parent = Parent {
        height: 0,
        timestamp_ms: CREATED_AT_MS,
        schedule: Schedule::default(),
    };
    let steps: Vec<_> = pauses_ms
        .into_iter()
        .map(|pause_ms| {
            let timestamp_ms = parent.timestamp_ms + pause_ms;
            let (bits, schedule) = difficulty::next(&rules, &parent, timestamp_ms);
            parent = Parent {
                height: parent.height + 1,
                timestamp_ms,
                schedule,
            };
            json!({
                "height": parent.height,
                "timestamp_ms": timestamp_ms,
                "bits": bits,
                "anchor_ms": schedule.anchor_ms,
                "forgiven_ms": schedule.forgiven_ms,
            })
        })
        .collect();
    let target = |bits: u32| {
        let target = Target::from_compact(bits).unwrap();
        json!({
            "bits": bits,
            "target_little_endian": hex(target.to_bytes()),
            "work": encoded(&target.work()),
        })
    };
    let targets = [FIRST_BITS, EASIEST_BITS, 0x1d00_ffff, 0x1b04_04cb].map(target);
    let refused = [0x1d80_0000_u32, 0x2301_0000, 0x1d00_0000, 0x1c00_00ff];
    assert!(
        refused
            .iter()
            .all(|bits| Target::from_compact(*bits).is_err())
    );
    json!({
        "spacing_ms": rules.spacing_ms,
        "first_bits": rules.first_bits,
        "easiest_bits": rules.easiest_bits,
        "genesis_timestamp_ms": CREATED_AT_MS,
        "blocks": steps,
        "targets": targets,
        "refused_bits": refused,
    })
}
