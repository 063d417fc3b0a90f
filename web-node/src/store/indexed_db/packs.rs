//! Rows that lie together: of tables that only grow, neighbours are kept in one value, a pack.
//!
//! A browser hands out small values one by one, which for 10,000 headers and as many log entries
//! takes ten times as long as for packs of them; and a start needs them all.

use borsh::{BorshDeserialize, BorshSerialize};
use shared::encoding::{decode, encode};
use shared::store::{Query, Row, Table, Write, key_number, number_key};
use wasm_bindgen::JsValue;

use super::database::{ObjectStore, Request};
use super::{key_range, to_bytes, to_js, walk};
use crate::store::StoreError;

/// Numbers that one pack covers. Who changes one row writes all of them.
const PACK_ROWS: u64 = 32;

/// Whether a table's rows lie in packs: those under numbers of which nearly all are there.
pub(super) const fn hold(table: Table) -> bool {
    matches!(table, Table::Headers | Table::Log)
}

/// Rows under [`PACK_ROWS`] numbers, ascending. The pack's key is the first of these numbers,
/// whether or not there is a row under it.
#[derive(Default, BorshSerialize, BorshDeserialize)]
struct Pack(Vec<(u64, Vec<u8>)>);

impl Pack {
    /// The empty one where there is none.
    fn read(value: &JsValue) -> Result<Self, StoreError> {
        if value.is_undefined() {
            return Ok(Self::default());
        }
        decode("pack of rows", &to_bytes(value))
            .map_err(|error| StoreError::Failed(error.to_string()))
    }

    fn set(&mut self, number: u64, value: Option<&Vec<u8>>) {
        let place = self.0.partition_point(|(before, _)| *before < number);
        self.0.retain(|(other, _)| *other != number);
        if let Some(value) = value {
            self.0.insert(place, (number, value.clone()));
        }
    }

    fn into_rows(self) -> impl DoubleEndedIterator<Item = Row> {
        self.0.into_iter().map(|(number, value)| Row {
            key: number_key(number),
            value,
        })
    }
}

/// Makes changes to a table's rows, one of each row.
pub(super) async fn write(store: &ObjectStore, changes: &[&Write]) -> Result<(), StoreError> {
    let mut packs: Vec<(u64, Vec<&Write>)> = Vec::new();
    for change in changes {
        let first = first_of(&change.key)?;
        match packs.iter_mut().find(|(other, _)| *other == first) {
            Some((_, of_pack)) => of_pack.push(change),
            None => packs.push((first, vec![change])),
        }
    }
    let requests = packs
        .iter()
        .map(|(first, _)| ask(store, *first))
        .collect::<Result<Vec<_>, StoreError>>()?;
    for ((first, of_pack), request) in packs.into_iter().zip(requests) {
        let mut pack = Pack::read(&request.answer().await?)?;
        for change in of_pack {
            pack.set(number(&change.key)?, change.value.as_ref());
        }
        let value = to_js(&encode(&pack));
        store.tell("put", &[value, to_js(&number_key(first))])?;
    }
    Ok(())
}

/// The rows that a query asks for.
pub(super) async fn load(store: &ObjectStore, query: &Query) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    match query {
        Query::Keys { keys, .. } => {
            // All requests first: they are answered in order, in one turn of the storage.
            let requests = keys
                .iter()
                .map(|key| Ok((key, ask(store, first_of(key)?)?)))
                .collect::<Result<Vec<_>, StoreError>>()?;
            for (key, request) in requests {
                let pack = Pack::read(&request.answer().await?)?;
                rows.extend(pack.into_rows().find(|row| row.key == *key));
            }
        }
        Query::Range {
            from,
            to,
            rows_max,
            newest_first,
            ..
        } => {
            let range = key_range(&number_key(first_of(from)?), to)?;
            let rows_max = usize::try_from(*rows_max).unwrap_or(usize::MAX);
            walk(store, range, *newest_first, |_, value| {
                let wanted = Pack::read(value)?.into_rows();
                let wanted = wanted.filter(|row| row.key >= *from && row.key < *to);
                let room = rows_max.saturating_sub(rows.len());
                if *newest_first {
                    rows.extend(wanted.rev().take(room));
                } else {
                    rows.extend(wanted.take(room));
                }
                Ok(rows.len() < rows_max)
            })
            .await?;
        }
    }
    Ok(rows)
}

/// All rows of these packs.
pub(super) fn rows(packs: impl Iterator<Item = JsValue>) -> Result<Vec<Row>, StoreError> {
    let mut rows = Vec::new();
    for pack in packs {
        rows.extend(Pack::read(&pack)?.into_rows());
    }
    Ok(rows)
}

fn ask(store: &ObjectStore, first: u64) -> Result<Request, StoreError> {
    store.ask("get", &[to_js(&number_key(first))])
}

/// The key of the pack that has a row.
fn first_of(key: &[u8]) -> Result<u64, StoreError> {
    Ok(number(key)? / PACK_ROWS * PACK_ROWS)
}

fn number(key: &[u8]) -> Result<u64, StoreError> {
    key_number(key).ok_or_else(|| {
        let bytes = key.len();
        StoreError::Failed(format!(
            "this table has numbers as keys, one of {bytes} bytes came"
        ))
    })
}
