//! How the protocol's values are written in JSON: hashes as hexadecimal, keys as bech32m, and
//! numbers that may exceed 2^53 as text, since JavaScript would round them.

use serde::{Deserialize, Serialize};
use shared::hash::{NetworkId, TransactionId};
use shared::keys::{PublicKey, Signature};
use shared::transaction::{Action, Expect, Key, Outcome, SignedTransaction, Transaction, Value};
use utoipa::ToSchema;

/// A signed transaction.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Transaction)]
#[serde(deny_unknown_fields)]
pub(crate) struct TransactionJson {
    /// The network's id.
    network: String,
    /// The sender's key.
    sender: String,
    /// The sender's count of transactions before this one.
    sequence: String,
    /// The last height of a block that may include it.
    #[serde(default)]
    valid_until: Option<String>,
    /// What it does.
    action: ActionJson,
    /// Chosen for the id's leading zero bits.
    #[serde(default)]
    work: Option<String>,
    /// 64 bytes of Ed25519, hexadecimal.
    signature: String,
}

/// What a transaction does.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Action)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum ActionJson {
    Put {
        key: String,
        value: String,
        #[serde(default)]
        expect: ExpectJson,
    },
    Transfer {
        to: String,
        amount: String,
    },
}

/// What a key must be before.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = Expect)]
#[serde(rename_all = "snake_case")]
enum ExpectJson {
    #[default]
    Anything,
    Absent,
    /// By the transaction of this id.
    WrittenBy(String),
}

/// A field of a JSON transaction that is not what it should be.
#[derive(Debug, thiserror::Error)]
#[error("`{field}` is not valid: {reason}")]
pub(crate) struct FieldError {
    field: &'static str,
    reason: String,
}

impl From<&SignedTransaction> for TransactionJson {
    fn from(signed: &SignedTransaction) -> Self {
        let transaction = &signed.transaction;
        Self {
            network: transaction.network.to_string(),
            sender: transaction.sender.to_string(),
            sequence: transaction.sequence.to_string(),
            valid_until: transaction.valid_until.map(|height| height.to_string()),
            action: ActionJson::from(&transaction.action),
            work: Some(transaction.work.to_string()),
            signature: hex::encode(signed.signature.0),
        }
    }
}

impl TryFrom<TransactionJson> for SignedTransaction {
    type Error = FieldError;

    fn try_from(json: TransactionJson) -> Result<Self, FieldError> {
        let mut signature = [0; 64];
        hex::decode_to_slice(&json.signature, &mut signature).map_err(field("signature"))?;
        let transaction = Transaction {
            network: parse::<NetworkId>("network", &json.network)?,
            sender: parse::<PublicKey>("sender", &json.sender)?,
            sequence: parse("sequence", &json.sequence)?,
            valid_until: json
                .valid_until
                .map(|height| parse("valid_until", &height))
                .transpose()?,
            action: json.action.try_into()?,
            work: json.work.map_or(Ok(0), |work| parse("work", &work))?,
        };
        Ok(Self {
            transaction,
            signature: Signature(signature),
        })
    }
}

impl From<&Action> for ActionJson {
    fn from(action: &Action) -> Self {
        match action {
            Action::Put { key, value, expect } => Self::Put {
                key: key.to_string(),
                value: value.to_string(),
                expect: ExpectJson::from(expect),
            },
            Action::Transfer { to, amount } => Self::Transfer {
                to: to.to_string(),
                amount: amount.to_string(),
            },
        }
    }
}

impl TryFrom<ActionJson> for Action {
    type Error = FieldError;

    fn try_from(json: ActionJson) -> Result<Self, FieldError> {
        Ok(match json {
            ActionJson::Put { key, value, expect } => Self::Put {
                key: Key::new(key).map_err(field("key"))?,
                value: Value::new(value).map_err(field("value"))?,
                expect: match expect {
                    ExpectJson::Anything => Expect::Anything,
                    ExpectJson::Absent => Expect::Absent,
                    ExpectJson::WrittenBy(id) => {
                        Expect::WrittenBy(parse::<TransactionId>("expect", &id)?)
                    }
                },
            },
            ActionJson::Transfer { to, amount } => Self::Transfer {
                to: parse("to", &to)?,
                amount: parse("amount", &amount)?,
            },
        })
    }
}

impl From<&Expect> for ExpectJson {
    fn from(expect: &Expect) -> Self {
        match expect {
            Expect::Anything => Self::Anything,
            Expect::Absent => Self::Absent,
            Expect::WrittenBy(id) => Self::WrittenBy(id.to_string()),
        }
    }
}

/// What an included transaction did.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Outcome)]
#[serde(rename_all = "snake_case")]
pub(crate) enum OutcomeJson {
    Applied,
    ExpectFailed,
    BalanceTooSmall,
    QuotaExceeded,
}

impl From<Outcome> for OutcomeJson {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Applied => Self::Applied,
            Outcome::ExpectFailed => Self::ExpectFailed,
            Outcome::BalanceTooSmall => Self::BalanceTooSmall,
            Outcome::QuotaExceeded => Self::QuotaExceeded,
        }
    }
}

fn parse<T: core::str::FromStr>(name: &'static str, text: &str) -> Result<T, FieldError>
where
    T::Err: core::fmt::Display,
{
    text.parse().map_err(field(name))
}

fn field<E: core::fmt::Display>(field: &'static str) -> impl FnOnce(E) -> FieldError {
    move |error| FieldError {
        field,
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signed(action: Action) -> SignedTransaction {
        SignedTransaction {
            transaction: Transaction {
                network: NetworkId([7; 32]),
                sender: PublicKey([8; 32]),
                sequence: u64::MAX,
                valid_until: Some(9),
                action,
                work: 10,
            },
            signature: Signature([11; 64]),
        }
    }

    #[test]
    fn transactions_survive_json() {
        let actions = [
            Action::Put {
                key: Key::new("a/b <script>").unwrap(),
                value: Value::new("ção").unwrap(),
                expect: Expect::WrittenBy(TransactionId([12; 32])),
            },
            Action::Put {
                key: Key::new("k").unwrap(),
                value: Value::new("").unwrap(),
                expect: Expect::Absent,
            },
            Action::Transfer {
                to: PublicKey([13; 32]),
                amount: u64::MAX,
            },
        ];
        for action in actions {
            let signed = signed(action);
            let text = serde_json::to_string(&TransactionJson::from(&signed)).unwrap();
            let json: TransactionJson = serde_json::from_str(&text).unwrap();
            assert_eq!(SignedTransaction::try_from(json).unwrap(), signed);
        }
    }

    #[test]
    fn a_wrong_field_is_named() {
        let mut json = TransactionJson::from(&signed(Action::Transfer {
            to: PublicKey([13; 32]),
            amount: 1,
        }));
        json.sequence = "minus one".into();
        let error = SignedTransaction::try_from(json).unwrap_err().to_string();
        assert!(error.starts_with("`sequence` is not valid"), "{error}");
    }
}
