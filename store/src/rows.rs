//! Rows of the named tables: read, put, removed.

use shared::store::{Query, Row, Rows, Table, Write};
use sqlx::{QueryBuilder, SqliteConnection};

use crate::ReplicaNumber;

/// Rows that one statement puts or removes, the most first where there are as many: a tenth of the
/// cost of as many statements. Few sizes, so that there are few statements to prepare.
const ROWS_PER_STATEMENT: [usize; 3] = [32, 8, 1];

/// One statement for each table, so that every SQL text is a constant of the program.
macro_rules! statement {
    ($table:expr, $before:literal, $after:literal) => {
        match $table {
            Table::Meta => concat!($before, " meta ", $after),
            Table::Headers => concat!($before, " headers ", $after),
            Table::Bodies => concat!($before, " bodies ", $after),
            Table::Undo => concat!($before, " undo ", $after),
            Table::State => concat!($before, " state ", $after),
            Table::Transactions => concat!($before, " transactions ", $after),
            Table::KeyHistory => concat!($before, " key_history ", $after),
            Table::Pending => concat!($before, " pending ", $after),
            Table::Log => concat!($before, " log ", $after),
            Table::Members => concat!($before, " members ", $after),
            Table::Votes => concat!($before, " votes ", $after),
            Table::Evidence => concat!($before, " evidence ", $after),
        }
    };
}

/// Everything that a node needs in memory, each table in the order of its keys.
pub(crate) async fn load_all(
    connection: &mut SqliteConnection,
    replica: ReplicaNumber,
) -> sqlx::Result<Rows> {
    let mut rows = Rows::default();
    for table in Rows::TABLES {
        let statement = statement!(
            table,
            "SELECT key, value FROM",
            "WHERE replica = ?1 ORDER BY key"
        );
        let pairs: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(statement)
            .bind(replica.0)
            .fetch_all(&mut *connection)
            .await?;
        rows.insert(table, pairs.into_iter().map(row).collect());
    }
    Ok(rows)
}

/// The rows that a query asks for.
pub(crate) async fn load(
    connection: &mut SqliteConnection,
    replica: ReplicaNumber,
    query: Query,
) -> sqlx::Result<Vec<Row>> {
    match query {
        Query::Keys { table, keys } => {
            let statement = statement!(
                table,
                "SELECT value FROM",
                "WHERE replica = ?1 AND key = ?2"
            );
            let mut rows = Vec::new();
            for key in keys {
                let value: Option<Vec<u8>> = sqlx::query_scalar(statement)
                    .bind(replica.0)
                    .bind(key.as_slice())
                    .fetch_optional(&mut *connection)
                    .await?;
                rows.extend(value.map(|value| Row { key, value }));
            }
            Ok(rows)
        }
        Query::Range {
            table,
            from,
            to,
            rows_max,
            newest_first,
        } => {
            let statement = if newest_first {
                statement!(
                    table,
                    "SELECT key, value FROM",
                    "WHERE replica = ?1 AND key >= ?2 AND key < ?3 ORDER BY key DESC LIMIT ?4"
                )
            } else {
                statement!(
                    table,
                    "SELECT key, value FROM",
                    "WHERE replica = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4"
                )
            };
            let pairs: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(statement)
                .bind(replica.0)
                .bind(from)
                .bind(to)
                .bind(rows_max)
                .fetch_all(connection)
                .await?;
            Ok(pairs.into_iter().map(row).collect())
        }
    }
}

/// Removes every row of the tables that belong to a replica, inside a transaction of the caller.
pub(crate) async fn clear(
    connection: &mut SqliteConnection,
    replica: ReplicaNumber,
) -> sqlx::Result<()> {
    for table in Table::ALL {
        if table.belongs_to_replica() {
            sqlx::query(statement!(table, "DELETE FROM", "WHERE replica = ?1"))
                .bind(replica.0)
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

/// Carries out a batch, or several as one, inside a transaction of the caller. Tables do not depend on each other, so
/// each gets its changes in one go, in their order.
pub(crate) async fn write(
    connection: &mut SqliteConnection,
    replica: ReplicaNumber,
    batch: &[&Write],
) -> sqlx::Result<()> {
    for table in Table::ALL {
        let changes = batch.iter().copied();
        let changes: Vec<_> = changes.filter(|write| write.table == table).collect();
        for run in changes.chunk_by(|one, next| one.value.is_some() == next.value.is_some()) {
            let mut rest = run;
            for rows in ROWS_PER_STATEMENT {
                let mut bulks = rest.chunks_exact(rows);
                for bulk in bulks.by_ref() {
                    change(connection, replica, table, bulk).await?;
                }
                rest = bulks.remainder();
            }
        }
    }
    Ok(())
}

/// Puts rows, or removes rows, by one statement.
async fn change(
    connection: &mut SqliteConnection,
    replica: ReplicaNumber,
    table: Table,
    changes: &[&Write],
) -> sqlx::Result<()> {
    let puts = changes
        .iter()
        .filter_map(|write| Some((write.key.as_slice(), write.value.as_deref()?)));
    let mut query = if changes.iter().any(|write| write.value.is_some()) {
        let mut query =
            QueryBuilder::new(statement!(table, "INSERT INTO", "(replica, key, value) "));
        query.push_values(puts, |mut row, (key, value)| {
            row.push_bind(replica.0).push_bind(key).push_bind(value);
        });
        query.push(" ON CONFLICT (replica, key) DO UPDATE SET value = excluded.value");
        query
    } else {
        let mut query =
            QueryBuilder::new(statement!(table, "DELETE FROM", "WHERE (replica, key) IN "));
        query.push_tuples(changes, |mut row, write| {
            row.push_bind(replica.0).push_bind(write.key.as_slice());
        });
        query
    };
    query.build().execute(connection).await.map(drop)
}

fn row((key, value): (Vec<u8>, Vec<u8>)) -> Row {
    Row { key, value }
}
