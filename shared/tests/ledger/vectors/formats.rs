//! Keys, networks and transactions.

use serde_json::{Value, json};
use shared::keys::PublicKey;
use shared::network::{Consensus, Holder, NetworkParameters};
use shared::transaction::{Action, Expect, SignedTransaction};

use super::{encoded, hex};
use crate::common::{network, public, secret};
use crate::samples;

pub(super) fn keys() -> Value {
    let key = |number: u8| {
        let statement = b"tabchain test statement";
        json!({
            "seed": hex([number; 32]),
            "key": hex(public(number).0),
            "text": public(number).to_string(),
            "statement": hex(statement),
            "signature": hex(secret(number).sign(statement).0),
        })
    };
    let keys = [1, 2, 3, 200].map(key);
    let small_order = PublicKey(core::array::from_fn(|at| u8::from(at == 0)));
    json!({
        "note": "A seed is RFC 8032's 32-byte secret key. Which signatures are accepted is tested with Wycheproof's vectors; in addition no key of small order is, whatever it seems to sign.",
        "keys": keys,
        "refused": [{
            "why": "the key is of small order",
            "key": hex(small_order.0),
            "statement": hex(b"any"),
            "signature": hex(small_order.0.iter().copied().chain([0; 32]).collect::<Vec<_>>()),
        }],
    })
}

pub(super) fn network_parameters() -> Value {
    let parameters = network();
    let genesis = parameters.genesis();
    json!({
        "fields": fields(&parameters),
        "encoded": encoded(&parameters),
        "id": hex(parameters.id().0),
        "genesis": {
            "header": encoded(&genesis),
            "hash": hex(genesis.hash().0),
            "hash_shown": genesis.hash().to_string(),
        },
    })
}

pub(super) fn fields(parameters: &NetworkParameters) -> Value {
    let consensus = match &parameters.consensus {
        Consensus::Work(work) => json!({ "work": {
            "spacing_ms": work.spacing_ms,
            "first_bits": work.first_bits,
            "easiest_bits": work.easiest_bits,
        }}),
        Consensus::Stake(stake) => {
            let holder =
                |holder: &Holder| json!({ "key": hex(holder.key.0), "stake": holder.stake });
            json!({ "stake": {
                "slot_ms": stake.slot_ms,
                "epoch_slots": stake.epoch_slots,
                "holders": stake.holders.iter().map(holder).collect::<Vec<_>>(),
            }})
        }
    };
    json!({
        "name": parameters.name.as_str(),
        "consensus": consensus,
        "admission": format!("{:?}", parameters.admission),
        "created_at_ms": parameters.created_at_ms,
        "salt": hex(parameters.salt),
        "relay": hex(parameters.relay.0),
        "block_reward": parameters.block_reward,
        "transaction_work_bits": parameters.transaction_work_bits,
        "state_bytes_per_account_max": parameters.state_bytes_per_account_max,
        "forced_changes_allowed": parameters.forced_changes_allowed,
    })
}

pub(super) fn transactions() -> Value {
    let all: Vec<_> = samples::transactions().iter().map(transaction).collect();
    json!({ "network": hex(network().id().0), "transactions": all })
}

fn transaction(signed: &SignedTransaction) -> Value {
    let transaction = &signed.transaction;
    json!({
        "sender": hex(transaction.sender.0),
        "sequence": transaction.sequence,
        "valid_until": transaction.valid_until,
        "action": action(&transaction.action),
        "work": transaction.work,
        "encoded": encoded(transaction),
        "id": hex(transaction.id().0),
        "statement": hex(transaction.statement()),
        "signature": hex(signed.signature.0),
        "signed_encoded": encoded(signed),
        "hash": hex(signed.hash().0),
    })
}

fn action(action: &Action) -> Value {
    match action {
        Action::Put { key, value, expect } => {
            let expect = match expect {
                Expect::Anything => json!("anything"),
                Expect::Absent => json!("absent"),
                Expect::WrittenBy(id) => json!({ "written_by": hex(id.0) }),
            };
            json!({ "put": { "key": key.as_str(), "value": value.as_str(), "expect": expect } })
        }
        Action::Transfer { to, amount } => {
            json!({ "transfer": { "to": hex(to.0), "amount": amount } })
        }
    }
}
