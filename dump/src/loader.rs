//! The tables back into a [`Follower`] that stands where they stand.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use borsh::BorshDeserialize;
use futures_util::TryStreamExt;
use shared::block::{Body, Outcomes};
use shared::chain::{Chain, Checkpoint, RestoreError};
use shared::encoding::{List, decode, encode};
use shared::finality::{LogEntry, LogEvent};
use shared::hash::{BlockHash, Hash, TransactionId};
use shared::keys::PublicKey;
use shared::network::NetworkParameters;
use shared::state::{Entry, KeyEntry};
use shared::store::{Row, Rows, Table, number_key};
use shared::transaction::{Key, SignedTransaction, Value};
use sqlx::PgConnection;

use crate::batch::Head;
use crate::error::DumpError;
use crate::follower::Follower;
use crate::rows;
use crate::target::Target;
use crate::tuple::saturated;

/// What the table `head` says.
pub(crate) async fn head(
    connection: &mut PgConnection,
    target: &Target,
) -> Result<Head, DumpError> {
    let row: Option<HeadRow> =
        sqlx::query_as("SELECT height, hash, final_height, log_length, log_head FROM head")
            .fetch_optional(connection)
            .await
            .map_err(|error| DumpError::of_statement(target, error))?;
    row.and_then(HeadRow::into_head)
        .ok_or_else(|| altered("the table head", "it has no row, or none that makes sense"))
}

#[derive(sqlx::FromRow)]
struct HeadRow {
    height: i64,
    hash: Vec<u8>,
    final_height: i64,
    log_length: i64,
    log_head: Vec<u8>,
}

impl HeadRow {
    fn into_head(self) -> Option<Head> {
        let mut hash = <[u8; 32]>::try_from(self.hash).ok()?;
        hash.reverse();
        Some(Head {
            height: self.height.try_into().ok()?,
            hash: BlockHash(hash),
            final_height: self.final_height.try_into().ok()?,
            log_length: self.log_length.try_into().ok()?,
            log_head: Hash(self.log_head.try_into().ok()?),
        })
    }
}

/// The follower of the tables.
pub(crate) async fn load(
    connection: &mut PgConnection,
    target: &Target,
    network: &NetworkParameters,
) -> Result<Follower, DumpError> {
    let mut tables = Tables { connection, target };
    let head = head(tables.connection, target).await?;
    let decisions = tables.decisions(head.final_height).await?;
    let mut stored = Rows::default();
    stored.insert(Table::Headers, tables.headers().await?);
    stored.insert(Table::Undo, tables.undo().await?);
    stored.insert(Table::State, tables.state().await?);
    let decided = decisions
        .iter()
        .take_while(|decided| decided.height <= head.height)
        .last()
        .copied();
    let mut chain = Chain::restore(network.clone(), &stored, decided).map_err(of_restoring)?;
    let tip = chain.tip();
    if (tip.height, tip.hash) != (head.height, head.hash) {
        return Err(altered(
            "the table head",
            "it does not name the last block of the table blocks",
        ));
    }
    let mut bodies = HashMap::new();
    for height in chain.final_height() + 1..=chain.height() {
        let body = tables.body(height).await?;
        if let Some(hash) = chain.hash_at(height) {
            bodies.insert(hash, Arc::new(body.clone()));
        }
        chain.restore_body(height, body);
    }
    let bound = chain.decided().height;
    let later: VecDeque<_> = decisions
        .into_iter()
        .filter(|decided| decided.height > bound)
        .collect();
    let log = (head.log_length, head.log_head);
    Ok(Follower::new(chain, bodies, log, later))
}

struct Tables<'a> {
    connection: &'a mut PgConnection,
    target: &'a Target,
}

impl Tables<'_> {
    async fn headers(&mut self) -> Result<Vec<Row>, DumpError> {
        self.numbered("SELECT height, sealed FROM blocks WHERE height > 0 ORDER BY height")
            .await
    }

    async fn undo(&mut self) -> Result<Vec<Row>, DumpError> {
        self.numbered("SELECT height, undo FROM undo ORDER BY height")
            .await
    }

    async fn numbered(&mut self, query: &'static str) -> Result<Vec<Row>, DumpError> {
        let mut rows = sqlx::query_as::<_, (i64, Vec<u8>)>(query).fetch(&mut *self.connection);
        let mut loaded = Vec::new();
        while let Some((number, value)) = rows
            .try_next()
            .await
            .map_err(|error| DumpError::of_statement(self.target, error))?
        {
            let key = number_key(u64::try_from(number).unwrap_or_default());
            loaded.push(Row { key, value });
        }
        Ok(loaded)
    }

    /// All entries of the state, in the order of their paths.
    async fn state(&mut self) -> Result<Vec<Row>, DumpError> {
        let target = self.target;
        let mut entries: Vec<Row> = Vec::new();
        let mut add = |entry: &Entry| {
            entries.push(Row {
                key: entry.path().0.to_vec(),
                value: encode(entry),
            });
        };
        let exact = "SELECT entry FROM accounts UNION ALL SELECT entry FROM consensus_state";
        let mut rows = sqlx::query_scalar::<_, Vec<u8>>(exact).fetch(&mut *self.connection);
        while let Some(bytes) = rows
            .try_next()
            .await
            .map_err(|error| DumpError::of_statement(target, error))?
        {
            add(&stored("the table accounts or consensus_state", &bytes)?);
        }
        drop(rows);
        let keys = "SELECT key, value, written_by, writer, height FROM keys";
        let mut rows = sqlx::query_as::<_, KeyRow>(keys).fetch(&mut *self.connection);
        while let Some(row) = rows
            .try_next()
            .await
            .map_err(|error| DumpError::of_statement(target, error))?
        {
            let entry = row
                .into_entry()
                .ok_or_else(|| altered("the table keys", "a row makes no sense"))?;
            add(&entry);
        }
        drop(rows);
        entries.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        Ok(entries)
    }

    async fn body(&mut self, height: u64) -> Result<Body, DumpError> {
        let rows: Vec<(Vec<u8>, String)> = sqlx::query_as(
            "SELECT signed, outcome FROM transactions WHERE height = $1 ORDER BY position",
        )
        .bind(saturated(height))
        .fetch_all(&mut *self.connection)
        .await
        .map_err(|error| DumpError::of_statement(self.target, error))?;
        let of_block = |reason: &str| DumpError::AlteredBlock {
            height,
            reason: reason.to_owned(),
        };
        let mut transactions = Vec::new();
        let mut outcomes = Vec::new();
        for (signed, outcome) in rows {
            let signed: SignedTransaction =
                decode("transaction", &signed).map_err(|error| of_block(&error.to_string()))?;
            transactions.push(signed);
            let outcome = rows::outcome_of(outcome.as_bytes());
            outcomes.push(outcome.ok_or_else(|| of_block("an outcome makes no sense"))?);
        }
        Ok(Body {
            transactions: List::truncated(transactions),
            outcomes: Outcomes::truncated(outcomes),
        })
    }

    /// The decisions from a height on, lowest first.
    async fn decisions(&mut self, from: u64) -> Result<VecDeque<Checkpoint>, DumpError> {
        let rows: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT entry FROM decisions WHERE kind = 'decided' AND height >= $1 ORDER BY index",
        )
        .bind(saturated(from))
        .fetch_all(&mut *self.connection)
        .await
        .map_err(|error| DumpError::of_statement(self.target, error))?;
        let mut decisions = VecDeque::new();
        for bytes in rows {
            let entry: LogEntry = stored("the table decisions", &bytes)?;
            if let LogEvent::Decided { decision, .. } = entry.record.event {
                decisions.push_back(Checkpoint {
                    height: decision.height,
                    hash: decision.block,
                });
            }
        }
        Ok(decisions)
    }
}

#[derive(sqlx::FromRow)]
struct KeyRow {
    key: String,
    value: String,
    written_by: Vec<u8>,
    writer: Vec<u8>,
    height: i64,
}

impl KeyRow {
    fn into_entry(self) -> Option<Entry> {
        Some(Entry::Key(KeyEntry {
            key: Key::new(self.key).ok()?,
            value: Value::new(self.value).ok()?,
            written_by: TransactionId(self.written_by.try_into().ok()?),
            writer: PublicKey(self.writer.try_into().ok()?),
            height: self.height.try_into().ok()?,
        }))
    }
}

fn stored<T: BorshDeserialize>(what: &str, bytes: &[u8]) -> Result<T, DumpError> {
    decode("stored value", bytes).map_err(|error| altered(what, &error.to_string()))
}

fn altered(what: &str, reason: &str) -> DumpError {
    DumpError::Altered {
        what: what.to_owned(),
        reason: reason.to_owned(),
    }
}

fn of_restoring(error: RestoreError) -> DumpError {
    let reason = error.to_string();
    match error {
        RestoreError::Header(height) | RestoreError::Undo(height) => {
            DumpError::AlteredBlock { height, reason }
        }
        RestoreError::State { .. } => {
            altered("one of the tables keys, accounts, consensus_state", &reason)
        }
        RestoreError::Row { .. } | RestoreError::Decision(_) | RestoreError::Log(_) => {
            altered("one of the tables blocks, undo, decisions", &reason)
        }
    }
}
