//! The schema of one network: found or made, proved to be ours, and kept to one dumper.

mod found;
mod make;

use shared::encoding::decode;
use shared::hash::NetworkId;
use shared::network::NetworkParameters;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

pub(crate) use self::make::{TABLES_VERSION, make_indexes};

use self::found::{Found, check_server, find, may_write};
use self::make::migrate;
use crate::error::DumpError;
use crate::rebuild::DumpedNetwork;
use crate::target::Target;

/// The name of a network's schema: letters and digits only, so that it needs no quotes.
pub(crate) fn name(network: &NetworkId) -> String {
    let digits = network.to_string();
    format!("tabchain_{}", digits.get(..16).unwrap_or(&digits))
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

/// Makes the names of the schema's tables enough.
async fn enter(connection: &mut PgConnection, schema: &str) -> sqlx::Result<()> {
    sqlx::query(AssertSqlSafe(format!("SET search_path TO {schema}")))
        .execute(connection)
        .await
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schemas_name_is_made_of_letters_and_digits() {
        assert_eq!(name(&NetworkId([0xab; 32])), "tabchain_abababababababab");
    }
}
