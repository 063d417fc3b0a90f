//! The schema of one network: found or made, proved to be ours, and kept to one dumper.

use shared::block::{Body, Seal, SealedHeader};
use shared::encoding::{decode, encode};
use shared::hash::{Hash, NetworkId};
use shared::network::NetworkParameters;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, Transaction};
use tracing::warn;

use crate::error::DumpError;
use crate::limits::SERVER_VERSION_MIN;
use crate::rebuild::DumpedNetwork;
use crate::rows::{self, BLOCKS};
use crate::target::Target;
use crate::tuple::Rows;

/// The statements that bring the tables from each version to the next, from none to the first on.
const MIGRATIONS: [&str; 1] = [include_str!("../migrations/0001_tables.sql")];

/// What is made once the tables have caught up, and a name in it.
const INDEXES: &str = include_str!("../migrations/indexes.sql");
const LAST_OF_INDEXES: &str = "transactions_block";

/// The version of the tables that this program writes.
pub(crate) const TABLES_VERSION: i32 = 1;

/// The name of a network's schema: letters and digits only, so that it needs no quotes.
pub(crate) fn name(network: &NetworkId) -> String {
    let digits = network.to_string();
    format!("tabchain_{}", digits.get(..16).unwrap_or(&digits))
}

/// What was found where a network's schema should be.
enum Found {
    Nothing,
    /// A schema without any table: an administrator may have made it for us.
    Empty,
    Ours {
        tables_version: i32,
    },
}

impl Found {
    /// 0 where there are no tables.
    fn tables_version(&self) -> i32 {
        match self {
            Self::Nothing | Self::Empty => 0,
            Self::Ours { tables_version } => *tables_version,
        }
    }
}

/// Connects, claims the network's schema for this connection, and makes or updates the tables.
pub(crate) async fn open_for_writing(
    target: &Target,
    network: &NetworkParameters,
) -> Result<PgConnection, DumpError> {
    let mut connection = target.connect().await?;
    let refused = |error| DumpError::of_statement(target, error);
    check_server(&mut connection, target).await?;
    claim(&mut connection, target, &network.id()).await?;
    let schema = name(&network.id());
    let found = find(&mut connection, &schema, &network.id())
        .await
        .map_err(refused)??;
    if let Found::Ours { .. } = found
        && !may_write(&mut connection, &schema).await.map_err(refused)?
    {
        return Err(DumpError::Rights {
            user: target.user().to_owned(),
            reason: format!("it may not write the tables in {schema}"),
        });
    }
    if found.tables_version() < TABLES_VERSION {
        migrate(&mut connection, &schema, network, &found)
            .await
            .map_err(refused)?;
    }
    enter(&mut connection, &schema).await.map_err(refused)?;
    Ok(connection)
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

/// Connects to read a network's schema, in a transaction that sees one moment and writes nothing.
pub(crate) async fn open_for_reading(
    target: &Target,
    network: &NetworkId,
) -> Result<PgConnection, DumpError> {
    let mut connection = target.connect().await?;
    let refused = |error| DumpError::of_statement(target, error);
    let schema = name(network);
    let found = find(&mut connection, &schema, network)
        .await
        .map_err(refused)??;
    match found {
        Found::Ours { tables_version } if tables_version == TABLES_VERSION => {}
        Found::Ours { tables_version } => {
            return Err(DumpError::OlderTables {
                schema,
                came: tables_version,
                known: TABLES_VERSION,
            });
        }
        Found::Nothing | Found::Empty => {
            return Err(DumpError::NoDump {
                target: target.to_string(),
                wanted: format!("network {network}"),
                found: String::new(),
            });
        }
    }
    enter(&mut connection, &schema).await.map_err(refused)?;
    sqlx::query("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .execute(&mut connection)
        .await
        .map_err(refused)?;
    Ok(connection)
}

/// The networks that have a schema of ours which this user may read.
pub(crate) async fn dumped_networks(
    connection: &mut PgConnection,
) -> sqlx::Result<Vec<DumpedNetwork>> {
    let schemas: Vec<String> = sqlx::query_scalar(
        "SELECT nspname::text FROM pg_namespace
         WHERE nspname ~ '^tabchain_[0-9a-f]{16}$' AND has_schema_privilege(oid, 'USAGE')
         ORDER BY nspname",
    )
    .fetch_all(&mut *connection)
    .await?;
    let mut networks = Vec::new();
    for schema in schemas {
        let query = format!("SELECT id, name FROM {schema}.network");
        let row: Result<Option<(Vec<u8>, String)>, _> = sqlx::query_as(AssertSqlSafe(query))
            .fetch_optional(&mut *connection)
            .await;
        let (id, name) = match row {
            Ok(Some(row)) => row,
            Ok(None) => continue,
            // It is somebody else's, or not for this user.
            Err(sqlx::Error::Database(_) | sqlx::Error::ColumnDecode { .. }) => continue,
            Err(error) => return Err(error),
        };
        if let Ok(id) = <[u8; 32]>::try_from(id) {
            let id = NetworkId(id);
            networks.push(DumpedNetwork { id, name });
        }
    }
    Ok(networks)
}

/// What the network was made with, as the schema has it, and as its id proves it.
pub(crate) async fn parameters(
    connection: &mut PgConnection,
    target: &Target,
    network: &NetworkId,
) -> Result<NetworkParameters, DumpError> {
    let bytes: Vec<u8> = sqlx::query_scalar("SELECT parameters FROM network")
        .fetch_one(connection)
        .await
        .map_err(|error| DumpError::of_statement(target, error))?;
    decode("network's parameters", &bytes)
        .ok()
        .filter(|parameters: &NetworkParameters| parameters.id() == *network)
        .ok_or_else(|| DumpError::Altered {
            what: "the table network".into(),
            reason: "the parameters are not those of its id".into(),
        })
}

/// Releases the claim and says goodbye, so that the next dumper need not wait for the server to
/// notice.
pub(crate) async fn close(connection: PgConnection) {
    // Whatever goes wrong here, the server releases the claim with the connection.
    let _ = connection.close().await;
}

/// What a server says of itself.
#[derive(sqlx::FromRow)]
struct Server {
    version_num: i32,
    version: String,
    encoding: String,
    is_read_only: bool,
}

async fn check_server(connection: &mut PgConnection, target: &Target) -> Result<(), DumpError> {
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

/// Takes the network's advisory lock for as long as the connection lives.
async fn claim(
    connection: &mut PgConnection,
    target: &Target,
    network: &NetworkId,
) -> Result<(), DumpError> {
    let (first, _) = network.0.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
    let is_ours: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(i64::from_be_bytes(*first))
        .fetch_one(connection)
        .await
        .map_err(|error| DumpError::of_statement(target, error))?;
    if is_ours {
        Ok(())
    } else {
        Err(DumpError::Busy {
            target: target.to_string(),
        })
    }
}

async fn find(
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
async fn may_write(connection: &mut PgConnection, schema: &str) -> sqlx::Result<bool> {
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

/// Makes the schema if need be, and brings the tables to the present version: all of it or
/// nothing.
async fn migrate(
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

/// Makes the names of the schema's tables enough.
async fn enter(connection: &mut PgConnection, schema: &str) -> sqlx::Result<()> {
    sqlx::query(AssertSqlSafe(format!("SET search_path TO {schema}")))
        .execute(connection)
        .await
        .map(drop)
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

    #[test]
    fn a_schemas_name_is_made_of_letters_and_digits() {
        assert_eq!(name(&NetworkId([0xab; 32])), "tabchain_abababababababab");
    }
}
