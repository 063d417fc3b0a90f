//! What the relay itself keeps beside its networks' rows: its key, and which networks there are.

use shared::encoding::{decode, encode};
use shared::keys::SecretKey;
use shared::network::NetworkParameters;
use sqlx::SqliteConnection;

use super::{NetworkNumber, StoredNetwork};

#[derive(Debug)]
pub(super) enum CatalogueError {
    Sqlite(sqlx::Error),
    /// Which row, and what is wrong with it.
    Row(&'static str, String),
}

impl From<sqlx::Error> for CatalogueError {
    fn from(error: sqlx::Error) -> Self {
        Self::Sqlite(error)
    }
}

pub(super) async fn identity(
    connection: &mut SqliteConnection,
    new_seed: [u8; 32],
) -> Result<SecretKey, CatalogueError> {
    sqlx::query("INSERT INTO identity (number, seed) VALUES (1, ?1) ON CONFLICT DO NOTHING")
        .bind(new_seed.as_slice())
        .execute(&mut *connection)
        .await?;
    let seed: Vec<u8> = sqlx::query_scalar("SELECT seed FROM identity WHERE number = 1")
        .fetch_one(connection)
        .await?;
    let seed = <[u8; 32]>::try_from(seed)
        .map_err(|seed| CatalogueError::Row("a key", format!("it has {} bytes", seed.len())))?;
    Ok(SecretKey::from_seed(&seed))
}

pub(super) async fn networks(
    connection: &mut SqliteConnection,
) -> Result<Vec<StoredNetwork>, CatalogueError> {
    let rows: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("SELECT number, parameters FROM networks ORDER BY number")
            .fetch_all(connection)
            .await?;
    rows.into_iter()
        .map(|(number, parameters)| {
            let parameters = decode("network's parameters", &parameters)
                .map_err(|error| CatalogueError::Row("a network", error.to_string()))?;
            Ok(StoredNetwork {
                number: NetworkNumber(number),
                parameters,
            })
        })
        .collect()
}

pub(super) async fn add_network(
    connection: &mut SqliteConnection,
    parameters: &NetworkParameters,
) -> Result<NetworkNumber, CatalogueError> {
    let number = sqlx::query_scalar(
        "INSERT INTO networks (id, name, parameters) VALUES (?1, ?2, ?3) RETURNING number",
    )
    .bind(parameters.id().as_bytes().as_slice())
    .bind(parameters.name.as_str())
    .bind(encode(parameters))
    .fetch_one(connection)
    .await?;
    Ok(NetworkNumber(number))
}
