//! What there is: the server, and what stands where a network's schema should be.

use shared::hash::NetworkId;
use sqlx::{AssertSqlSafe, PgConnection};

use super::make::TABLES_VERSION;
use crate::error::DumpError;
use crate::limits::SERVER_VERSION_MIN;
use crate::target::Target;

/// What a server says of itself.
#[derive(sqlx::FromRow)]
struct Server {
    version_num: i32,
    version: String,
    encoding: String,
    is_read_only: bool,
}

pub(super) async fn check_server(
    connection: &mut PgConnection,
    target: &Target,
) -> Result<(), DumpError> {
    let server: Server = sqlx::query_as(
        "SELECT current_setting('server_version_num')::int AS version_num,
                current_setting('server_version') AS version,
                current_setting('server_encoding') AS encoding,
                pg_is_in_recovery() OR current_setting('transaction_read_only')::bool
                    AS is_read_only",
    )
    .fetch_one(connection)
    .await
    .map_err(|error| DumpError::of_statement(target, error))?;
    server.check(target)
}

impl Server {
    fn check(self, target: &Target) -> Result<(), DumpError> {
        if self.version_num < SERVER_VERSION_MIN {
            return Err(DumpError::ServerTooOld { came: self.version });
        }
        if self.encoding != "UTF8" {
            return Err(DumpError::Encoding {
                came: self.encoding,
            });
        }
        if self.is_read_only {
            return Err(DumpError::ReadOnly {
                target: target.to_string(),
            });
        }
        Ok(())
    }
}

/// What was found where a network's schema should be.
pub(super) enum Found {
    Nothing,
    /// A schema without any table: an administrator may have made it for us.
    Empty,
    Ours {
        tables_version: i32,
    },
}

impl Found {
    /// 0 where there are no tables.
    pub(super) fn tables_version(&self) -> i32 {
        match self {
            Self::Nothing | Self::Empty => 0,
            Self::Ours { tables_version } => *tables_version,
        }
    }
}

pub(super) async fn find(
    connection: &mut PgConnection,
    schema: &str,
    network: &NetworkId,
) -> sqlx::Result<Result<Found, DumpError>> {
    let foreign = |reason: &str| {
        Ok(Err(DumpError::Foreign {
            schema: schema.to_owned(),
            reason: reason.to_owned(),
        }))
    };
    let relations: Option<i64> = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = pg_namespace.oid)
         FROM pg_namespace WHERE nspname = $1",
    )
    .bind(schema)
    .fetch_optional(&mut *connection)
    .await?;
    match relations {
        None => return Ok(Ok(Found::Nothing)),
        Some(0) => return Ok(Ok(Found::Empty)),
        Some(_) => {}
    }
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT attname::text FROM pg_attribute
         JOIN pg_class ON pg_class.oid = attrelid
         JOIN pg_namespace ON pg_namespace.oid = relnamespace
         WHERE nspname = $1 AND relname = 'network' AND relkind = 'r' AND attnum > 0",
    )
    .bind(schema)
    .fetch_all(&mut *connection)
    .await?;
    let is_complete = ["id", "parameters", "tables_version"]
        .iter()
        .all(|needed| columns.iter().any(|column| column == needed));
    if !is_complete {
        return foreign("it has no table network that names one");
    }
    let query = format!("SELECT id, tables_version FROM {schema}.network");
    let row: Result<Option<(Vec<u8>, i32)>, _> = sqlx::query_as(AssertSqlSafe(query))
        .fetch_optional(connection)
        .await;
    if let Err(sqlx::Error::ColumnDecode { .. }) = row {
        return foreign("its table network has other columns");
    }
    match row? {
        Some((id, _)) if id != network.0 => foreign("its table network names another network"),
        Some((_, came)) if came > TABLES_VERSION => Ok(Err(DumpError::NewerTables {
            schema: schema.to_owned(),
            came,
            known: TABLES_VERSION,
        })),
        Some((_, tables_version)) => Ok(Ok(Found::Ours { tables_version })),
        None => foreign("its table network is empty"),
    }
}

/// Whether this user may change all tables of a schema.
pub(super) async fn may_write(connection: &mut PgConnection, schema: &str) -> sqlx::Result<bool> {
    sqlx::query_scalar(
        "SELECT bool_and(has_table_privilege(pg_class.oid, 'INSERT')
                AND has_table_privilege(pg_class.oid, 'UPDATE')
                AND has_table_privilege(pg_class.oid, 'DELETE'))
         FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
         WHERE nspname = $1 AND relkind = 'r'",
    )
    .bind(schema)
    .fetch_one(connection)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(version_num: i32, encoding: &str, is_read_only: bool) -> Result<(), DumpError> {
        let server = Server {
            version_num,
            version: "11.22".into(),
            encoding: encoding.into(),
            is_read_only,
        };
        server.check(&Target::parse("postgresql://db/ledger").unwrap())
    }

    #[test]
    fn servers_that_cannot_hold_a_ledger_are_refused() {
        assert!(check(120_000, "UTF8", false).is_ok());
        assert!(check(180_001, "UTF8", false).is_ok());
        let refusal = check(110_022, "UTF8", false).unwrap_err();
        assert!(matches!(refusal, DumpError::ServerTooOld { .. }));
        assert_eq!(
            refusal.to_string(),
            "PostgreSQL 12 or newer is needed, the server is 11.22"
        );
        let refusal = check(150_000, "SQL_ASCII", false).unwrap_err();
        assert!(matches!(refusal, DumpError::Encoding { .. }));
        let refusal = check(150_000, "UTF8", true).unwrap_err();
        assert!(matches!(refusal, DumpError::ReadOnly { .. }));
    }
}
