//! Receipts and chain files.

use serde_json::{Value, json};
use shared::receipt::VerifiedReceipt;

use super::hex;
use crate::common::network;
use crate::{chain_file, receipt};

pub(super) fn files() -> Value {
    let (recorder, written) = receipt::recorded();
    let last = recorder.receipt(&written[2].transaction.id()).unwrap();
    let chain = chain_file::exported(&recorder);
    let verified = chain_file::verified(&chain, chain.len()).unwrap();
    json!({
        "network": hex(network().id().0),
        "receipt": {
            "file": hex(last.to_file()),
            "proves": proven(&last.verify().unwrap()),
        },
        "chain": {
            "file": hex(&chain),
            "height": verified.height,
            "tip": hex(verified.tip.0),
            "transactions": verified.transactions,
            "final_height": verified.final_height,
            "state_root": hex(verified.state_root.0),
            "log_length": verified.log_length,
            "log_head": hex(verified.log_head.0),
        },
    })
}

/// In the form for people: a block's hash with its last byte first.
fn proven(receipt: &VerifiedReceipt) -> Value {
    json!({
        "network": receipt.network.to_string(),
        "name": receipt.name,
        "transaction": receipt.id.to_string(),
        "sender": receipt.transaction.transaction.sender.to_string(),
        "height": receipt.height,
        "block": receipt.block.to_string(),
        "index": receipt.index,
        "timestamp_ms": receipt.timestamp_ms,
        "decided_height": receipt.decided_height,
        "signers": receipt.signers,
        "members": receipt.members,
        "forced_changes": receipt.forced_changes,
        "log_length": receipt.log_length,
        "log_head": receipt.log_head.to_string(),
    })
}
