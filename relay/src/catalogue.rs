//! What the relay keeps beside its networks' rows: its key, and which networks there are.

use shared::encoding::{decode, encode};
use shared::hash::NetworkId;
use shared::keys::SecretKey;
use shared::network::NetworkParameters;
use sqlite_store::{Program, ReplicaNumber, WorkError};
use sqlx::SqliteConnection;
use sqlx::migrate::Migrator;

use crate::tokens::TokenHash;

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The relay as the owner of its file.
pub(crate) const RELAY: Program = Program {
    name: "relay",
    folder_option: "--data",
    migrations: Some(&MIGRATIONS),
};

/// A network as the file has it.
#[derive(Clone, Debug)]
pub(crate) struct StoredNetwork {
    /// Where its rows are.
    pub(crate) replica: ReplicaNumber,
    /// What it was made with.
    pub(crate) parameters: NetworkParameters,
    /// The token of whoever made it; none where the relay's start did.
    pub(crate) administrator: Option<TokenHash>,
}

/// The relay's key; made from `new_seed` at the first start.
pub(crate) async fn identity(
    connection: &mut SqliteConnection,
    new_seed: [u8; 32],
) -> Result<SecretKey, WorkError> {
    sqlx::query("INSERT INTO identity (number, seed) VALUES (1, ?1) ON CONFLICT DO NOTHING")
        .bind(new_seed.as_slice())
        .execute(&mut *connection)
        .await?;
    let seed: Vec<u8> = sqlx::query_scalar("SELECT seed FROM identity WHERE number = 1")
        .fetch_one(connection)
        .await?;
    let seed = <[u8; 32]>::try_from(seed)
        .map_err(|seed| unreadable("a key", format!("it has {} bytes", seed.len())))?;
    Ok(SecretKey::from_seed(&seed))
}

/// Keeps `token` as the operator's: in place of the one before, or only where there is none.
/// Returns what is kept then.
pub(crate) async fn operator(
    connection: &mut SqliteConnection,
    token: TokenHash,
    replace: bool,
) -> Result<TokenHash, WorkError> {
    let statement = if replace {
        "INSERT INTO operator (number, token_hash) VALUES (1, ?1)
         ON CONFLICT DO UPDATE SET token_hash = excluded.token_hash"
    } else {
        "INSERT INTO operator (number, token_hash) VALUES (1, ?1) ON CONFLICT DO NOTHING"
    };
    sqlx::query(statement)
        .bind(token.0.as_slice())
        .execute(&mut *connection)
        .await?;
    let hash: Vec<u8> = sqlx::query_scalar("SELECT token_hash FROM operator WHERE number = 1")
        .fetch_one(connection)
        .await?;
    token_hash(hash)
}

fn token_hash(bytes: Vec<u8>) -> Result<TokenHash, WorkError> {
    let hash = bytes
        .try_into()
        .map_err(|bytes: Vec<u8>| unreadable("a token", format!("it has {} bytes", bytes.len())))?;
    Ok(TokenHash(hash))
}

/// All networks, oldest first.
pub(crate) async fn networks(
    connection: &mut SqliteConnection,
) -> Result<Vec<StoredNetwork>, WorkError> {
    let rows: Vec<(i64, Vec<u8>, Option<Vec<u8>>)> =
        sqlx::query_as("SELECT number, parameters, administrator FROM networks ORDER BY number")
            .fetch_all(connection)
            .await?;
    rows.into_iter()
        .map(|(number, parameters, administrator)| {
            let parameters = decode("network's parameters", &parameters)
                .map_err(|error| unreadable("a network", error.to_string()))?;
            Ok(StoredNetwork {
                replica: ReplicaNumber(number),
                parameters,
                administrator: administrator.map(token_hash).transpose()?,
            })
        })
        .collect()
}

/// Adds a network.
pub(crate) async fn add_network(
    connection: &mut SqliteConnection,
    parameters: NetworkParameters,
    administrator: Option<TokenHash>,
) -> Result<ReplicaNumber, WorkError> {
    let number = sqlx::query_scalar(
        "INSERT INTO networks (id, name, parameters, administrator)
         VALUES (?1, ?2, ?3, ?4) RETURNING number",
    )
    .bind(parameters.id().as_bytes().as_slice())
    .bind(parameters.name.as_str())
    .bind(encode(&parameters))
    .bind(administrator.map(|token| token.0.to_vec()))
    .fetch_one(connection)
    .await?;
    Ok(ReplicaNumber(number))
}

/// Removes a network and its dumps. Its replica's rows stay until `relay prune`.
pub(crate) async fn remove_network(
    connection: &mut SqliteConnection,
    id: NetworkId,
) -> Result<(), WorkError> {
    for statement in [
        "DELETE FROM dumps WHERE network = ?1",
        "DELETE FROM networks WHERE id = ?1",
    ] {
        sqlx::query(statement)
            .bind(id.as_bytes().as_slice())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// The dumps that were started and not stopped: network and target.
pub(crate) async fn dumps(
    connection: &mut SqliteConnection,
) -> Result<Vec<(NetworkId, String)>, WorkError> {
    let rows: Vec<(Vec<u8>, String)> = sqlx::query_as("SELECT network, target FROM dumps")
        .fetch_all(connection)
        .await?;
    rows.into_iter()
        .map(|(network, target)| {
            let network = <[u8; 32]>::try_from(network).map_err(|id| {
                unreadable("a dump", format!("its network has {} bytes", id.len()))
            })?;
            Ok((NetworkId(network), target))
        })
        .collect()
}

/// Keeps a dump.
pub(crate) async fn add_dump(
    connection: &mut SqliteConnection,
    network: NetworkId,
    target: String,
) -> Result<(), WorkError> {
    sqlx::query("INSERT INTO dumps (network, target) VALUES (?1, ?2) ON CONFLICT DO NOTHING")
        .bind(network.as_bytes().as_slice())
        .bind(target)
        .execute(connection)
        .await?;
    Ok(())
}

/// Forgets a dump.
pub(crate) async fn remove_dump(
    connection: &mut SqliteConnection,
    network: NetworkId,
    target: String,
) -> Result<(), WorkError> {
    sqlx::query("DELETE FROM dumps WHERE network = ?1 AND target = ?2")
        .bind(network.as_bytes().as_slice())
        .bind(target)
        .execute(connection)
        .await?;
    Ok(())
}

fn unreadable(what: &'static str, reason: String) -> WorkError {
    WorkError::Row { what, reason }
}

#[cfg(test)]
mod tests {
    use sqlite_store::Store;
    use tempfile::TempDir;

    use super::*;
    use crate::network::test_parameters;

    async fn open(folder: &TempDir) -> Store {
        Store::open(folder.path(), &RELAY).await.unwrap()
    }

    #[tokio::test]
    async fn the_identity_is_made_once() {
        let folder = TempDir::new().unwrap();
        let mut keys = Vec::new();
        for seed in [[1; 32], [2; 32]] {
            let mut store = open(&folder).await;
            let key = store.run(|file| Box::pin(identity(file, seed)));
            keys.push(key.await.unwrap().public_key());
        }
        assert_eq!(keys[0], keys[1]);
    }

    #[tokio::test]
    async fn networks_are_listed_oldest_first_with_rows_of_their_own() {
        let folder = TempDir::new().unwrap();
        let mut added = Vec::new();
        for name in ["second", "first"] {
            let mut store = open(&folder).await;
            let parameters = test_parameters(name);
            let added_parameters = parameters.clone();
            let replica = store.run(|file| Box::pin(add_network(file, added_parameters, None)));
            added.push((replica.await.unwrap(), parameters));
        }
        assert_ne!(added[0].0, added[1].0);
        let listed = open(&folder)
            .await
            .run(|file| Box::pin(networks(file)))
            .await;
        let listed = listed.unwrap().into_iter();
        let listed: Vec<_> = listed.map(|one| (one.replica, one.parameters)).collect();
        assert_eq!(listed, added);
    }
}
