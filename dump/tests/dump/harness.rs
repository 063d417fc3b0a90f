//! What the tests share.

use std::collections::BTreeMap;
use std::time::Duration;

use dump::testing::{PostgresServer, TestReplica, network};
use dump::{DumpError, Dumper, Handle, Rebuild, State, Target};
use shared::store::Table;
use tokio::time::{Instant, sleep};

/// The tables of a replica's store that follow from its chain and its log.
const REBUILT: [Table; 7] = [
    Table::Headers,
    Table::Bodies,
    Table::Undo,
    Table::State,
    Table::Transactions,
    Table::KeyHistory,
    Table::Log,
];

const TABLES: [&str; 7] = [
    "blocks",
    "transactions",
    "keys",
    "accounts",
    "consensus_state",
    "undo",
    "decisions",
];

pub(crate) type Rows = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

pub(crate) fn replica() -> TestReplica {
    TestReplica::new(network("test"))
}

pub(crate) fn target(server: &PostgresServer) -> Target {
    Target::parse(&server.url("ledger")).unwrap()
}

pub(crate) async fn start(server: &PostgresServer, replica: &TestReplica) -> Handle {
    Dumper::start(target(server), replica.clone())
        .await
        .unwrap()
}

/// The schema of the test network.
pub(crate) fn schema() -> String {
    format!("tabchain_{}", &network("test").id().to_string()[..16])
}

/// The first column of the first row that a query on the network's tables yields.
pub(crate) fn ask(server: &PostgresServer, query: &str) -> String {
    server.psql(
        "ledger",
        &format!("SET search_path TO {}; {query}", schema()),
    )
}

pub(crate) fn counts(server: &PostgresServer) -> Vec<String> {
    TABLES
        .iter()
        .map(|table| {
            ask(
                server,
                &format!("SELECT '{table} ' || count(*) FROM {table}"),
            )
        })
        .collect()
}

/// Mines blocks with a transaction in each of several senders, all but the last two final.
pub(crate) fn grow(replica: &TestReplica, blocks: u64) {
    for _ in 0..blocks {
        let height = replica.height() + 1;
        let mut transactions = Vec::new();
        for sender in 1..=3 {
            let key = format!("key/{}", (height + u64::from(sender)) % 7);
            transactions.push(replica.put(sender, 0, &key, &format!("at {height} \"é\\\t")));
        }
        replica.mine(4, &transactions);
        if height > 2 {
            replica.decide(height - 2);
        }
    }
}

pub(crate) async fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until a dump has everything that the replica has.
pub(crate) async fn caught_up(handle: &Handle, replica: &TestReplica) {
    let height = replica.height();
    let final_height = replica.final_height();
    wait_until("the dump has caught up", || {
        let status = handle.status();
        assert!(
            !status.state.has_ended(),
            "{:?} {:?}",
            status.state,
            status.last_error
        );
        status.state == State::Following
            && status.height == Some(height)
            && status.final_height == Some(final_height)
    })
    .await;
}

/// Reads a dump back.
pub(crate) async fn rebuild(target: &Target) -> Result<Rows, DumpError> {
    let mut rebuild = Rebuild::open(target, None).await?;
    let mut rows = Rows::new();
    while let Some(writes) = rebuild.next().await? {
        for write in writes {
            match write.value {
                Some(value) => rows.insert((write.table, write.key), value),
                None => rows.remove(&(write.table, write.key)),
            };
        }
    }
    Ok(rows)
}

/// Whether what a dump yields is what the replica's store holds.
pub(crate) async fn assert_rebuilt(target: &Target, replica: &TestReplica) {
    let rebuilt = rebuild(target).await.unwrap();
    let mut original = replica.rows();
    original.retain(|(table, _), _| REBUILT.contains(table));
    for table in REBUILT {
        let of = |rows: &Rows| {
            let rows = rows.iter().filter(|((at, _), _)| *at == table);
            rows.map(|((_, key), value)| (key.clone(), value.clone()))
                .collect::<Vec<_>>()
        };
        assert_eq!(of(&rebuilt), of(&original), "table {}", table.name());
    }
}

/// Numbers without order, the same for each seed (xorshift64*, Vigna 2016).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// A number below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % end
    }
}
