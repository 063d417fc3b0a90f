//! Slots: every tab of a browser is a node of its own, with a replica and a key of its own. A
//! slot belongs to one tab at a time, and a reloaded tab gets its own back.

mod leases;
mod web_locks;

use super::inbox::Inbox;
use crate::ports::{Slots, Tab};
use crate::store::StoreError;

/// Tabs of one browser that can be nodes at a time.
const SLOTS_MAX: u32 = 64;

/// Why a tab has no slot.
#[derive(Debug, thiserror::Error)]
pub(super) enum SlotError {
    /// All are taken.
    #[error("{SLOTS_MAX} tabs of this browser are nodes already: close one, and reload")]
    AllTaken,
    /// The storage with the leases failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A slot, for as long as this worker lives.
pub(super) struct Claim {
    pub(super) slot: u32,
    pub(super) kept_by: Slots,
}

/// Claims a slot: the tab's own where it can be had, otherwise the lowest free one.
pub(super) async fn claim(tab: Tab, inbox: &Inbox) -> Result<Claim, SlotError> {
    if let Some(locks) = web_locks::manager()
        && let Ok(locked) = web_locks::claim(&locks, tab).await
    {
        return Ok(Claim {
            slot: locked.ok_or(SlotError::AllTaken)?,
            kept_by: Slots::WebLocks,
        });
    }
    let slot = leases::claim(tab, inbox).await?;
    Ok(Claim {
        slot,
        kept_by: Slots::Leases,
    })
}

/// The slots, a tab's own first.
fn in_order(tab: Tab) -> impl Iterator<Item = u32> {
    let own = tab.slot.filter(|slot| *slot < SLOTS_MAX);
    own.into_iter()
        .chain((0..SLOTS_MAX).filter(move |slot| Some(*slot) != own))
}
