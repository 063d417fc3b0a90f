//! Rows of the named tables: read, put, removed.

use shared::store::{Query, Row, Rows, Table, Write};
use sqlx::SqliteConnection;

use super::NetworkNumber;

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
        }
    };
}

/// Everything that a core needs in memory, each table in the order of its keys.
pub(super) async fn load_all(
    connection: &mut SqliteConnection,
    network: NetworkNumber,
) -> sqlx::Result<Rows> {
    let mut rows = Rows::default();
    for table in Rows::TABLES {
        let statement = statement!(
            table,
            "SELECT key, value FROM",
            "WHERE network = ?1 ORDER BY key"
        );
        let pairs: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(statement)
            .bind(network.0)
            .fetch_all(&mut *connection)
            .await?;
        rows.insert(table, pairs.into_iter().map(row).collect());
    }
    Ok(rows)
}

/// The rows that a query asks for.
pub(super) async fn load(
    connection: &mut SqliteConnection,
    network: NetworkNumber,
    query: Query,
) -> sqlx::Result<Vec<Row>> {
    match query {
        Query::Keys { table, keys } => {
            let statement = statement!(
                table,
                "SELECT value FROM",
                "WHERE network = ?1 AND key = ?2"
            );
            let mut rows = Vec::new();
            for key in keys {
                let value: Option<Vec<u8>> = sqlx::query_scalar(statement)
                    .bind(network.0)
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
                    "WHERE network = ?1 AND key >= ?2 AND key < ?3 ORDER BY key DESC LIMIT ?4"
                )
            } else {
                statement!(
                    table,
                    "SELECT key, value FROM",
                    "WHERE network = ?1 AND key >= ?2 AND key < ?3 ORDER BY key LIMIT ?4"
                )
            };
            let pairs: Vec<(Vec<u8>, Vec<u8>)> = sqlx::query_as(statement)
                .bind(network.0)
                .bind(from)
                .bind(to)
                .bind(rows_max)
                .fetch_all(connection)
                .await?;
            Ok(pairs.into_iter().map(row).collect())
        }
    }
}

/// Carries out one change, inside a transaction of the caller.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    network: NetworkNumber,
    write: &Write,
) -> sqlx::Result<()> {
    let query = match &write.value {
        Some(value) => sqlx::query(statement!(
            write.table,
            "INSERT INTO",
            "(network, key, value) VALUES (?1, ?2, ?3) ON CONFLICT (network, key) DO UPDATE SET value = excluded.value"
        ))
        .bind(network.0)
        .bind(write.key.as_slice())
        .bind(value.as_slice()),
        None => sqlx::query(statement!(
            write.table,
            "DELETE FROM",
            "WHERE network = ?1 AND key = ?2"
        ))
        .bind(network.0)
        .bind(write.key.as_slice()),
    };
    query.execute(connection).await.map(drop)
}

fn row((key, value): (Vec<u8>, Vec<u8>)) -> Row {
    Row { key, value }
}
