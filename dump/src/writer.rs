//! One batch into the tables, in one transaction.

use shared::hash::BlockHash;
use sqlx::{Connection, PgConnection, Postgres, Transaction};

use crate::batch::{Head, Portion, PortionRows, StateRows};
use crate::error::DumpError;
use crate::rows::{
    self, ACCOUNTS, BLOCKS, CONSENSUS_STATE, DECISIONS, KEYS, TRANSACTIONS, Table, UNDO,
};
use crate::target::Target;
use crate::tuple::{Rows, saturated};

/// A transaction of the database that takes portions in. Where it is given up, the tables stay as
/// they were.
pub(crate) struct Writer<'c> {
    transaction: Transaction<'c, Postgres>,
    target: &'c Target,
}

impl<'c> Writer<'c> {
    /// Begins where the tables stand, and keeps everyone else from moving them.
    pub(crate) async fn begin(
        connection: &'c mut PgConnection,
        target: &'c Target,
        from: &Head,
    ) -> Result<Self, DumpError> {
        let refused = |error| DumpError::of_statement(target, error);
        let mut transaction = connection.begin().await.map_err(refused)?;
        if !stands_at(&mut transaction, from).await.map_err(refused)? {
            return Err(DumpError::Altered {
                what: "the table head".into(),
                reason: "somebody else changed it".into(),
            });
        }
        Ok(Self {
            transaction,
            target,
        })
    }

    /// Sends a portion; with the last one of a batch, where the tables stand after it.
    pub(crate) async fn send(
        &mut self,
        portion: Portion,
        rows: PortionRows,
    ) -> Result<(), DumpError> {
        let sent = send(&mut self.transaction, portion, rows).await;
        sent.map_err(|error| DumpError::of_statement(self.target, error))
    }

    /// Makes the batch count. Where this fails, it may count all the same.
    pub(crate) async fn commit(self) -> Result<(), DumpError> {
        let committed = self.transaction.commit().await;
        committed.map_err(|error| DumpError::of_statement(self.target, error))
    }
}

async fn stands_at(transaction: &mut Transaction<'_, Postgres>, head: &Head) -> sqlx::Result<bool> {
    let found = sqlx::query(
        "SELECT FROM head WHERE height = $1 AND hash = $2 AND log_length = $3 AND log_head = $4
         FOR UPDATE",
    )
    .bind(saturated(head.height))
    .bind(shown(&head.hash))
    .bind(saturated(head.log_length))
    .bind(head.log_head.0.as_slice())
    .fetch_optional(&mut **transaction)
    .await?;
    Ok(found.is_some())
}

async fn move_head(transaction: &mut Transaction<'_, Postgres>, to: &Head) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE head SET height = $1, hash = $2, final_height = $3, log_length = $4,
             log_head = $5, written_at = now()",
    )
    .bind(saturated(to.height))
    .bind(shown(&to.hash))
    .bind(saturated(to.final_height))
    .bind(saturated(to.log_length))
    .bind(to.log_head.0.as_slice())
    .execute(&mut **transaction)
    .await
    .map(drop)
}

async fn send(
    transaction: &mut Transaction<'_, Postgres>,
    portion: Portion,
    rows: PortionRows,
) -> sqlx::Result<()> {
    if portion.kept_height < portion.from.height {
        for taken_back in [
            "DELETE FROM transactions WHERE height > $1",
            "DELETE FROM blocks WHERE height > $1",
        ] {
            sqlx::query(taken_back)
                .bind(saturated(portion.kept_height))
                .execute(&mut **transaction)
                .await?;
        }
    }
    copy(transaction, BLOCKS, rows.blocks).await?;
    copy(transaction, TRANSACTIONS, rows.transactions).await?;
    copy(transaction, DECISIONS, rows.decisions).await?;
    if let Some(state) = portion.state {
        send_state(transaction, state).await?;
        move_head(transaction, &portion.to).await?;
    }
    Ok(())
}

async fn send_state(
    transaction: &mut Transaction<'_, Postgres>,
    state: StateRows,
) -> sqlx::Result<()> {
    if !state.replaced_keys.is_empty() {
        sqlx::query("DELETE FROM keys WHERE key = ANY($1)")
            .bind(&state.replaced_keys)
            .execute(&mut **transaction)
            .await?;
    }
    copy(transaction, KEYS, state.keys).await?;
    if !state.replaced_accounts.is_empty() {
        sqlx::query("DELETE FROM accounts WHERE owner = ANY($1)")
            .bind(&state.replaced_accounts)
            .execute(&mut **transaction)
            .await?;
    }
    copy(transaction, ACCOUNTS, state.accounts).await?;
    if !state.replaced_consensus_state.is_empty() {
        sqlx::query("DELETE FROM consensus_state WHERE path = ANY($1)")
            .bind(&state.replaced_consensus_state)
            .execute(&mut **transaction)
            .await?;
    }
    copy(transaction, CONSENSUS_STATE, state.consensus_state).await?;
    if !state.replaced_undo.is_empty() {
        sqlx::query("DELETE FROM undo WHERE height = ANY($1)")
            .bind(&state.replaced_undo)
            .execute(&mut **transaction)
            .await?;
    }
    copy(transaction, UNDO, state.undo).await
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
