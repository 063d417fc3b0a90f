//! One batch into the tables, in one transaction.

use shared::hash::BlockHash;
use sqlx::{Connection, PgConnection, Postgres, Transaction};

use crate::error::DumpError;
use crate::follower::{Batch, Head};
use crate::rows::{
    self, ACCOUNTS, BLOCKS, CONSENSUS_STATE, DECISIONS, KEYS, TRANSACTIONS, Table, UNDO,
};
use crate::target::Target;
use crate::tuple::{Rows, saturated};

/// A transaction in which a batch stands, and which is not committed.
pub(crate) struct Prepared<'c> {
    transaction: Transaction<'c, Postgres>,
}

/// Sends everything of a batch but the commit. Where this is given up, the tables stay as they were.
pub(crate) async fn send<'c>(
    connection: &'c mut PgConnection,
    target: &Target,
    batch: Batch,
) -> Result<Prepared<'c>, DumpError> {
    let refused = |error| DumpError::of_statement(target, error);
    let mut transaction = connection.begin().await.map_err(refused)?;
    if !move_head(&mut transaction, &batch.from, &batch.to)
        .await
        .map_err(refused)?
    {
        return Err(DumpError::Altered {
            what: "the table head".into(),
            reason: "somebody else changed it".into(),
        });
    }
    change(&mut transaction, batch).await.map_err(refused)?;
    Ok(Prepared { transaction })
}

impl Prepared<'_> {
    /// Makes the batch count. Where this fails, it may count all the same.
    pub(crate) async fn commit(self) -> sqlx::Result<()> {
        self.transaction.commit().await
    }
}

/// False where the tables do not stand where the batch begins.
async fn move_head(
    transaction: &mut Transaction<'_, Postgres>,
    from: &Head,
    to: &Head,
) -> sqlx::Result<bool> {
    let moved = sqlx::query(
        "UPDATE head SET height = $1, hash = $2, final_height = $3, log_length = $4,
             log_head = $5, written_at = now()
         WHERE height = $6 AND hash = $7 AND log_length = $8 AND log_head = $9",
    )
    .bind(saturated(to.height))
    .bind(shown(&to.hash))
    .bind(saturated(to.final_height))
    .bind(saturated(to.log_length))
    .bind(to.log_head.0.as_slice())
    .bind(saturated(from.height))
    .bind(shown(&from.hash))
    .bind(saturated(from.log_length))
    .bind(from.log_head.0.as_slice())
    .execute(&mut **transaction)
    .await?;
    Ok(moved.rows_affected() == 1)
}

async fn change(transaction: &mut Transaction<'_, Postgres>, batch: Batch) -> sqlx::Result<()> {
    if batch.kept_height < batch.from.height {
        sqlx::query("DELETE FROM blocks WHERE height > $1")
            .bind(saturated(batch.kept_height))
            .execute(&mut **transaction)
            .await?;
    }
    copy(transaction, BLOCKS, batch.blocks).await?;
    copy(transaction, TRANSACTIONS, batch.transactions).await?;

    if !batch.replaced_keys.is_empty() {
        sqlx::query("DELETE FROM keys WHERE key = ANY($1)")
            .bind(&batch.replaced_keys)
            .execute(&mut **transaction)
            .await?;
    }
    copy(transaction, KEYS, batch.keys).await?;
    if !batch.replaced_accounts.is_empty() {
        sqlx::query("DELETE FROM accounts WHERE owner = ANY($1)")
            .bind(&batch.replaced_accounts)
            .execute(&mut **transaction)
            .await?;
    }
    copy(transaction, ACCOUNTS, batch.accounts).await?;
    if !batch.replaced_consensus_state.is_empty() {
        sqlx::query("DELETE FROM consensus_state WHERE path = ANY($1)")
            .bind(&batch.replaced_consensus_state)
            .execute(&mut **transaction)
            .await?;
    }
    copy(transaction, CONSENSUS_STATE, batch.consensus_state).await?;

    if !batch.replaced_undo.is_empty() {
        sqlx::query("DELETE FROM undo WHERE height = ANY($1)")
            .bind(&batch.replaced_undo)
            .execute(&mut **transaction)
            .await?;
    }
    copy(transaction, UNDO, batch.undo).await?;
    copy(transaction, DECISIONS, batch.decisions).await
}

async fn copy(
    transaction: &mut Transaction<'_, Postgres>,
    table: Table,
    rows: Rows,
) -> sqlx::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut copy = transaction.copy_in_raw(&table.copy_in()).await?;
    copy.send(rows.finish()).await?;
    copy.finish().await.map(drop)
}

fn shown(hash: &BlockHash) -> Vec<u8> {
    rows::shown(hash).to_vec()
}
