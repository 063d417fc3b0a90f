//! The tables of a network's schema made, and brought to the present version.

use shared::block::{Body, Seal, SealedHeader};
use shared::encoding::encode;
use shared::hash::Hash;
use shared::network::NetworkParameters;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, Transaction};
use tracing::warn;

use super::found::Found;
use crate::error::DumpError;
use crate::rows::{self, BLOCKS};
use crate::target::Target;
use crate::tuple::Rows;

/// The statements that bring the tables from each version to the next, from none to the first on.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/0001_tables.sql")];

/// What is made once the tables have caught up, and a name in it.
const INDEXES: &str = include_str!("../../migrations/indexes.sql");
const LAST_OF_INDEXES: &str = "transactions_block";

/// The version of the tables that this program writes.
pub(crate) const TABLES_VERSION: i32 = 1;

/// Makes the schema if need be, and brings the tables to the present version: all of it or
/// nothing.
pub(super) async fn migrate(
    connection: &mut PgConnection,
    schema: &str,
    network: &NetworkParameters,
    found: &Found,
) -> sqlx::Result<()> {
    let from = found.tables_version();
    let mut transaction = connection.begin().await?;
    if let Found::Nothing = found {
        run(&mut transaction, format!("CREATE SCHEMA {schema}")).await?;
    }
    run(
        &mut transaction,
        format!("SET LOCAL search_path TO {schema}"),
    )
    .await?;
    let done = usize::try_from(from).unwrap_or_default();
    for migration in MIGRATIONS.iter().skip(done) {
        sqlx::raw_sql(*migration).execute(&mut *transaction).await?;
    }
    if from == 0 {
        begin_chain(&mut transaction, network).await?;
        describe(&mut transaction, schema, network).await?;
    }
    sqlx::query("UPDATE network SET tables_version = $1")
        .bind(TABLES_VERSION)
        .execute(&mut *transaction)
        .await?;
    make_reader(&mut transaction, schema).await?;
    transaction.commit().await
}

/// The network and its genesis block.
async fn begin_chain(
    transaction: &mut Transaction<'_, Postgres>,
    network: &NetworkParameters,
) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO network (id, name, parameters, tables_version) VALUES ($1, $2, $3, 0)",
    )
    .bind(network.id().0.as_slice())
    .bind(network.name.as_str())
    .bind(encode(network))
    .execute(&mut **transaction)
    .await?;
    let sealed = SealedHeader {
        header: network.genesis(),
        seal: Seal::Work,
    };
    let (mut blocks, mut none) = (Rows::default(), Rows::default());
    rows::push_block(&mut blocks, &mut none, &sealed, &Body::default());
    let mut copy = transaction.copy_in_raw(&BLOCKS.copy_in()).await?;
    copy.send(blocks.finish()).await?;
    copy.finish().await?;
    sqlx::query(
        "INSERT INTO head (height, hash, final_height, log_length, log_head, written_at)
         VALUES (0, $1, 0, 0, $2, now())",
    )
    .bind(rows::shown(&sealed.header.hash()).as_slice())
    .bind(Hash::ZERO.0.as_slice())
    .execute(&mut **transaction)
    .await?;
    Ok(())
}

async fn describe(
    transaction: &mut Transaction<'_, Postgres>,
    schema: &str,
    network: &NetworkParameters,
) -> sqlx::Result<()> {
    let comment: String = sqlx::query_scalar("SELECT format('COMMENT ON SCHEMA %I IS %L', $1, $2)")
        .bind(schema)
        .bind(format!("The Tabchain network {}", network.name))
        .fetch_one(&mut **transaction)
        .await?;
    let mut attempt = transaction.begin().await?;
    match run(&mut attempt, comment).await {
        Ok(()) => attempt.commit().await,
        // A schema that an administrator made for us is not ours to describe.
        Err(_) => attempt.rollback().await,
    }
}

/// The role that has what `rebuild` and people who ask need, and no more. Where this user may not
/// make roles, an administrator does: docs/postgres.md has the statements.
async fn make_reader(
    transaction: &mut Transaction<'_, Postgres>,
    schema: &str,
) -> sqlx::Result<()> {
    let role = format!("{schema}_reader");
    let (exists, may_create): (bool, bool) = sqlx::query_as(
        "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1), rolcreaterole OR rolsuper
         FROM pg_roles WHERE rolname = current_user",
    )
    .bind(&role)
    .fetch_one(&mut **transaction)
    .await?;
    if !exists && !may_create {
        return Ok(());
    }
    let mut attempt = transaction.begin().await?;
    let made = async {
        if !exists {
            run(&mut attempt, format!("CREATE ROLE {role} NOLOGIN")).await?;
        }
        run(
            &mut attempt,
            format!("GRANT USAGE ON SCHEMA {schema} TO {role}"),
        )
        .await?;
        let select = format!("GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}");
        run(&mut attempt, select).await
    };
    match made.await {
        Ok(()) => attempt.commit().await,
        Err(error) => {
            warn!(role, "the role for readers was not made: {error}");
            attempt.rollback().await
        }
    }
}

/// Makes the indexes and constraints that rows in bulk do better without, where they are not there.
pub(crate) async fn make_indexes(
    connection: &mut PgConnection,
    target: &Target,
) -> Result<(), DumpError> {
    let made = async {
        let is_there: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT FROM pg_constraint
                 WHERE conname = $1 AND connamespace = current_schema()::regnamespace)",
        )
        .bind(LAST_OF_INDEXES)
        .fetch_one(&mut *connection)
        .await?;
        if is_there {
            return Ok(());
        }
        let mut transaction = connection.begin().await?;
        sqlx::raw_sql(INDEXES).execute(&mut *transaction).await?;
        transaction.commit().await
    };
    made.await
        .map_err(|error| DumpError::of_statement(target, error))
}

async fn run(transaction: &mut Transaction<'_, Postgres>, statement: String) -> sqlx::Result<()> {
    sqlx::query(AssertSqlSafe(statement))
        .execute(&mut **transaction)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_migration_leads_to_the_present_version() {
        assert_eq!(MIGRATIONS.len(), usize::try_from(TABLES_VERSION).unwrap());
    }

    #[test]
    fn the_name_by_which_indexes_are_found_is_the_last_one_made() {
        let statements = INDEXES.trim().trim_end_matches(';');
        let (_, last) = statements.rsplit_once(';').unwrap();
        assert!(last.contains(LAST_OF_INDEXES), "{last}");
    }
}
