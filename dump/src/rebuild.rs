//! The tables back into a replica: everything is verified as if a stranger had sent it, and every
//! row is made anew from what was verified, and compared.

use std::collections::{BTreeMap, VecDeque};

use futures_util::TryStreamExt;
use shared::block::{Body, Outcomes, SealedHeader};
use shared::chain::{Chain, Checkpoint};
use shared::encoding::{List, decode};
use shared::finality::log::DecisionLog;
use shared::finality::{LogEntry, LogEvent};
use shared::hash::{BlockHash, Hash, NetworkId};
use shared::keys::PublicKey;
use shared::network::NetworkParameters;
use shared::state::{Path, account_path, key_path};
use shared::store::{self, Write, key_number, number_key};
use shared::transaction::Key;
use sqlx::PgConnection;

use crate::batch::Head;
use crate::error::DumpError;
use crate::limits::{BATCH_LOG_ENTRIES_MAX, REBUILD_BLOCKS_MAX};
use crate::rows::{
    self, ACCOUNTS, BLOCKS, CONSENSUS_STATE, DECISIONS, KEYS, TRANSACTIONS, Table, UNDO,
};
use crate::target::Target;
use crate::tuple::{Fields, TupleReader};
use crate::{loader, schema};

/// A network that a database holds a dump of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DumpedNetwork {
    /// Its id.
    pub id: NetworkId,
    /// The name that people use.
    pub name: String,
}

/// Reads a dump back, batch by batch. The rights of a reader suffice.
#[derive(Debug)]
pub struct Rebuild {
    target: Target,
    connection: PgConnection,
    network: NetworkParameters,
    head: Head,
    log: DecisionLog,
    decisions: VecDeque<(Checkpoint, Hash)>,
    chain: Chain,
    undo: BTreeMap<u64, Vec<u8>>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Log,
    Headers,
    Blocks,
    State,
    Done,
}

/// The networks that a database holds dumps of, as far as this user may see them.
pub async fn networks(target: &Target) -> Result<Vec<DumpedNetwork>, DumpError> {
    let mut connection = target.connect().await?;
    let networks = schema::dumped_networks(&mut connection)
        .await
        .map_err(|error| DumpError::of_statement(target, error))?;
    schema::close(connection).await;
    Ok(networks)
}

impl Rebuild {
    /// Opens the dump of a network, by its name or id; of the only one that there is where none
    /// is named.
    pub async fn open(target: &Target, network: Option<&str>) -> Result<Self, DumpError> {
        let id = the_one(target, network).await?;
        let mut connection = schema::open_for_reading(target, &id).await?;
        let network = schema::parameters(&mut connection, target, &id).await?;
        let head = loader::head(&mut connection, target).await?;
        Ok(Self {
            target: target.clone(),
            connection,
            log: DecisionLog::new(&network),
            chain: Chain::new(network.clone()),
            network,
            head,
            decisions: VecDeque::new(),
            undo: BTreeMap::new(),
            stage: Stage::Log,
        })
    }

    /// What the network was made with.
    #[must_use]
    pub fn network(&self) -> &NetworkParameters {
        &self.network
    }

    /// Height of the last block in the tables.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.head.height
    }

    /// Up to which height blocks have been verified.
    #[must_use]
    pub fn verified_height(&self) -> u64 {
        self.chain.height()
    }

    /// The next rows of the replica's store, to be written in this order; nothing when all has been
    /// read and verified. Before that nothing of it is to be relied on: write it aside, and put it
    /// in place at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Write>>, DumpError> {
        loop {
            let writes = match self.stage {
                Stage::Log => self.log().await?,
                Stage::Headers => self.headers().await?,
                Stage::Blocks => self.blocks().await?,
                Stage::State => self.state().await?,
                Stage::Done => return Ok(None),
            };
            if !writes.is_empty() {
                return Ok(Some(writes));
            }
        }
    }

    /// The next entries of the decision log, each verified with its certificate.
    async fn log(&mut self) -> Result<Vec<Write>, DumpError> {
        let from = self.log.length();
        let which = format!("WHERE index >= {from} ORDER BY index LIMIT {BATCH_LOG_ENTRIES_MAX}");
        let mut writes = Vec::new();
        for row in self.rows(DECISIONS, &which).await? {
            let index = self.log.length();
            let what = || format!("decision {index}");
            let entry: LogEntry = last_field(&row)
                .and_then(|bytes| decode("log entry", bytes).ok())
                .ok_or_else(|| altered(what(), "its exact bytes do not decode"))?;
            compare(DECISIONS, &row, &rows::decision(&entry))
                .map_err(|reason| altered(what(), reason))?;
            if entry.record.index != index {
                return Err(altered(what(), "it is missing"));
            }
            self.log
                .append(&entry)
                .map_err(|error| altered(what(), error.to_string()))?;
            if let LogEvent::Decided { decision, .. } = &entry.record.event {
                let checkpoint = Checkpoint {
                    height: decision.height,
                    hash: decision.block,
                };
                self.decisions
                    .push_back((checkpoint, decision.history_root));
            }
            writes.push(Write::put(store::Table::Log, number_key(index), &entry));
        }
        if writes.is_empty() {
            if (self.log.length(), self.log.head()) != (self.head.log_length, self.head.log_head) {
                return Err(altered(
                    "the table decisions",
                    "its last entry is not the one that the table head names",
                ));
            }
            self.stage = Stage::Headers;
        }
        Ok(writes)
    }

    /// All headers, judged as a stranger's: their work, their times, their links.
    async fn headers(&mut self) -> Result<Vec<Write>, DumpError> {
        let genesis = SealedHeader {
            header: self.network.genesis(),
            seal: shared::block::Seal::Work,
        };
        let bound = self.decisions.iter().rev();
        let decided = bound
            .map(|(decided, _)| *decided)
            .find(|decided| decided.height <= self.head.height);
        if let Some(decided) = decided {
            self.chain.decide(decided);
        }
        let statement = BLOCKS.copy_out("ORDER BY height");
        let refused = |error| DumpError::of_statement(&self.target, error);
        let mut portions = self
            .connection
            .copy_out_raw(&statement)
            .await
            .map_err(refused)?;
        let mut reader = TupleReader::default();
        let mut expected = 0;
        while let Some(portion) = portions.try_next().await.map_err(refused)? {
            reader.feed(&portion);
            while let Some(row) = reader.next() {
                let sealed = sealed_header(expected, &row)?;
                if expected == 0 {
                    let made = BLOCKS.row(|tuple| rows::block(tuple, &genesis, 0));
                    compare(BLOCKS, &row, &made).map_err(|reason| altered_block(0, reason))?;
                } else {
                    // The clock of those who judged it first is not known.
                    self.chain
                        .insert_header(&sealed, sealed.header.timestamp_ms)
                        .map_err(|error| altered_block(expected, error.to_string()))?;
                }
                expected += 1;
            }
        }
        drop(portions);
        let best = self.chain.best_header();
        if (best.height, best.hash) != (self.head.height, self.head.hash)
            || expected != self.head.height + 1
        {
            return Err(altered(
                "the table blocks",
                "its last block is not the one that the table head names",
            ));
        }
        self.stage = Stage::Blocks;
        Ok(Vec::new())
    }

    /// The next blocks, verified and executed.
    async fn blocks(&mut self) -> Result<Vec<Write>, DumpError> {
        let first = self.chain.height() + 1;
        let last = (self.chain.height() + REBUILD_BLOCKS_MAX).min(self.head.height);
        if first > last {
            self.check_decisions()?;
            self.stage = Stage::State;
            return Ok(Vec::new());
        }
        let between = format!("WHERE height BETWEEN {first} AND {last} ORDER BY height");
        let blocks = self.rows(BLOCKS, &between).await?;
        let transactions = self
            .rows(TRANSACTIONS, &format!("{between}, position"))
            .await?;
        let mut transactions = transactions.into_iter().peekable();
        let missing: Vec<_> = self.chain.missing_bodies().take(blocks.len()).collect();
        for ((height, hash), row) in (first..=last).zip(missing).zip(blocks) {
            let mut of_block = Vec::new();
            while let Some(row) =
                transactions.next_if(|row| number_of(row).is_some_and(|at| at <= height))
            {
                of_block.push(row);
            }
            self.block(height, &hash, &row, &of_block)
                .map_err(|reason| altered_block(height, reason))?;
        }
        let changes = self.chain.advance(&|_| false);
        if let Some((hash, error)) = changes.condemned.first() {
            let header = self.chain.header_by_hash(hash);
            let height = header.map_or(0, |sealed| sealed.header.height);
            return Err(altered_block(height, error.to_string()));
        }
        if self.chain.height() < last {
            let height = self.chain.height() + 1;
            return Err(altered_block(height, "a decision names another block"));
        }
        for write in &changes.writes {
            if write.table == store::Table::Undo
                && let Some(height) = key_number(&write.key)
            {
                match &write.value {
                    Some(undo) => self.undo.insert(height, undo.clone()),
                    None => self.undo.remove(&height),
                };
            }
        }
        Ok(changes.writes)
    }

    /// Hands one block to the chain, after making its rows anew from their exact bytes.
    fn block(
        &mut self,
        height: u64,
        hash: &BlockHash,
        row: &[u8],
        transactions: &[Vec<u8>],
    ) -> Result<(), String> {
        let mut signed = Vec::new();
        let mut outcomes = Vec::new();
        for (position, row) in transactions.iter().enumerate() {
            let wrong = |reason| format!("transaction {position}: {reason}");
            let exact = last_field(row).ok_or_else(|| wrong("it has no exact bytes"))?;
            let transaction = decode("transaction", exact)
                .map_err(|error| format!("transaction {position}: {error}"))?;
            let outcome = field(TRANSACTIONS, row, "outcome")
                .and_then(rows::outcome_of)
                .ok_or_else(|| wrong("its outcome makes no sense"))?;
            let made = TRANSACTIONS.row(|tuple| {
                rows::transaction(tuple, height, position, &transaction, outcome);
            });
            compare(TRANSACTIONS, row, &made)
                .map_err(|reason| format!("transaction {position}: {reason}"))?;
            signed.push(transaction);
            outcomes.push(outcome);
        }
        let sealed = self.chain.header_by_hash(hash).ok_or("it has no header")?;
        let made = BLOCKS.row(|tuple| rows::block(tuple, sealed, signed.len()));
        compare(BLOCKS, row, &made)?;
        let body = Body {
            transactions: List::new(signed).ok_or("it has too many transactions")?,
            outcomes: Outcomes::truncated(outcomes),
        };
        self.chain
            .insert_body(hash, body)
            .map_err(|error| error.to_string())
    }

    /// Whether the decisions are about this chain.
    fn check_decisions(&self) -> Result<(), DumpError> {
        for (decided, history_root) in &self.decisions {
            if decided.height > self.chain.height() {
                break;
            }
            let root = self.chain.history_root_to(decided.height, &decided.hash);
            if self.chain.hash_at(decided.height) != Some(decided.hash)
                || root != Some(*history_root)
            {
                let reason = format!("the decision about it is about {}", decided.hash);
                return Err(altered_block(decided.height, reason));
            }
        }
        if self.chain.final_height() != self.head.final_height {
            return Err(altered(
                "the table head",
                format!("blocks are final up to {}", self.chain.final_height()),
            ));
        }
        Ok(())
    }

    /// Whether the present state in the tables is that of the last block.
    async fn state(&mut self) -> Result<Vec<Write>, DumpError> {
        let path_of_key = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).ok()?;
            Some(key_path(&Key::new(text).ok()?))
        };
        let path_of_account = |bytes: &[u8]| Some(account_path(&PublicKey(bytes.try_into().ok()?)));
        let path = |bytes: &[u8]| Some(Hash(bytes.try_into().ok()?));
        let rows = self.state_table(KEYS, path_of_key).await?
            + self.state_table(ACCOUNTS, path_of_account).await?
            + self.state_table(CONSENSUS_STATE, path).await?;
        let expected = self.chain.state().len();
        if rows != expected {
            return Err(altered(
                "one of the tables keys, accounts, consensus_state",
                format!("they should have {expected} rows together, and have {rows}"),
            ));
        }
        let undo: Vec<_> = self
            .undo
            .iter()
            .map(|(height, undo)| rows::undo(*height, undo))
            .collect();
        if self.rows(UNDO, "ORDER BY height").await? != undo {
            return Err(altered("the table undo", "it is not what the blocks say"));
        }
        self.stage = Stage::Done;
        Ok(Vec::new())
    }

    /// Compares all rows of a table of the state; returns how many there are. `path` finds the
    /// entry of a row by its first column.
    async fn state_table(
        &mut self,
        table: Table,
        path: impl Fn(&[u8]) -> Option<Path>,
    ) -> Result<usize, DumpError> {
        let refused = |error| DumpError::of_statement(&self.target, error);
        let statement = table.copy_out("");
        let mut portions = self
            .connection
            .copy_out_raw(&statement)
            .await
            .map_err(refused)?;
        let mut reader = TupleReader::default();
        let mut count = 0;
        while let Some(portion) = portions.try_next().await.map_err(refused)? {
            reader.feed(&portion);
            while let Some(row) = reader.next() {
                let named = Fields::new(&row).and_then(|mut fields| fields.next().flatten());
                let path = named.and_then(&path);
                let entry = path.and_then(|path| Some((path, self.chain.state().entry(&path)?)));
                let made = entry.map(|(path, entry)| rows::state_row(&path, entry));
                if made.is_none_or(|(_, made)| made != row) {
                    let shown = named.map_or_else(String::new, shown_name);
                    return Err(altered(
                        format!("the row {shown} of the table {}", table.name),
                        "it is not what the blocks say",
                    ));
                }
                count += 1;
            }
        }
        Ok(count)
    }

    async fn rows(&mut self, table: Table, which: &str) -> Result<Vec<Vec<u8>>, DumpError> {
        let refused = |error| DumpError::of_statement(&self.target, error);
        let statement = table.copy_out(which);
        let mut portions = self
            .connection
            .copy_out_raw(&statement)
            .await
            .map_err(refused)?;
        let mut reader = TupleReader::default();
        let mut rows = Vec::new();
        while let Some(portion) = portions.try_next().await.map_err(refused)? {
            reader.feed(&portion);
            while let Some(row) = reader.next() {
                rows.push(row);
            }
        }
        Ok(rows)
    }
}

/// The one network that is meant.
async fn the_one(target: &Target, wanted: Option<&str>) -> Result<NetworkId, DumpError> {
    let networks = networks(target).await?;
    let is_meant = |network: &&DumpedNetwork| {
        wanted.is_none_or(|wanted| network.name == wanted || network.id.to_string() == wanted)
    };
    let meant: Vec<_> = networks.iter().filter(is_meant).collect();
    if let [only] = meant.as_slice() {
        return Ok(only.id);
    }
    let named: Vec<_> = networks
        .iter()
        .map(|network| format!("{} ({})", network.name, network.id))
        .collect();
    Err(DumpError::NoDump {
        target: target.to_string(),
        wanted: match wanted {
            Some(wanted) => format!("exactly one network that is called {wanted}"),
            None => "exactly one network".to_owned(),
        },
        found: match named.as_slice() {
            [] => String::new(),
            named => format!("; name one of these: {}", named.join(", ")),
        },
    })
}

fn sealed_header(height: u64, row: &[u8]) -> Result<SealedHeader, DumpError> {
    let sealed: SealedHeader = last_field(row)
        .and_then(|bytes| decode("header", bytes).ok())
        .ok_or_else(|| altered_block(height, "its exact bytes do not decode"))?;
    if sealed.header.height == height {
        Ok(sealed)
    } else {
        Err(altered_block(height, "it is missing"))
    }
}

/// Names the first column in which a row is not what it should be.
fn compare(table: Table, came: &[u8], made: &[u8]) -> Result<(), String> {
    if came == made {
        return Ok(());
    }
    let fields = Fields::new(came).into_iter().flatten();
    let expected = Fields::new(made).into_iter().flatten();
    let names = table.columns.iter();
    let differing = names
        .zip(fields.zip(expected))
        .find(|(_, (came, expected))| came != expected);
    let column = differing.map_or("", |(name, _)| name);
    Err(format!(
        "its column {column} in the table {} is not what its exact bytes say",
        table.name
    ))
}

fn last_field(row: &[u8]) -> Option<&[u8]> {
    Fields::new(row)?.last().flatten()
}

fn field<'a>(table: Table, row: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let at = table.columns.iter().position(|column| *column == name)?;
    Fields::new(row)?.nth(at).flatten()
}

/// The number in the first column.
fn number_of(row: &[u8]) -> Option<u64> {
    let first = Fields::new(row)?.next().flatten()?;
    Some(u64::from_be_bytes(first.try_into().ok()?))
}

/// The first column of a row for people: text where it is text, hexadecimal otherwise.
fn shown_name(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(|c| !c.is_control()) => format!("{text:?}"),
        _ => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

fn altered(what: impl Into<String>, reason: impl Into<String>) -> DumpError {
    DumpError::Altered {
        what: what.into(),
        reason: reason.into(),
    }
}

fn altered_block(height: u64, reason: impl Into<String>) -> DumpError {
    DumpError::AlteredBlock {
        height,
        reason: reason.into(),
    }
}
