//! What a source has, as portions.

use tokio::sync::watch;
use tokio::task::JoinError;

use super::task::{End, Stopped};
use crate::batch::Portion;
use crate::error::DumpError;
use crate::follower::Follower;
use crate::limits::BLOCKS_PER_ANSWER_MAX;
use crate::source::{Position, Source, SourceError};

/// Takes from the source what there is, up to one portion. It ends its batch where there is no
/// more, or where the batch must end.
pub(super) async fn gather<S: Source>(
    source: &S,
    positions: &mut watch::Receiver<Position>,
    stopped: &Stopped,
    follower: Follower,
    must_end: bool,
) -> Result<(Follower, Portion), End> {
    stopped
        .or(gather_all(source, positions, follower, must_end))
        .await
        .ok_or(End::Stopped)?
        .map_err(End::Failed)
}

async fn gather_all<S: Source>(
    source: &S,
    positions: &mut watch::Receiver<Position>,
    mut follower: Follower,
    must_end: bool,
) -> Result<(Follower, Portion), DumpError> {
    let blocks_max = u64::try_from(BLOCKS_PER_ANSWER_MAX).unwrap_or(u64::MAX);
    loop {
        let position = *positions.borrow_and_update();
        while follower.head().log_length < position.log_length
            && !follower.knows_decisions_for(blocks_max)
        {
            let entries = source.log_from(follower.head().log_length).await?;
            if entries.is_empty() {
                break;
            }
            follower.take_log(entries)?;
        }
        let blocks = source.blocks_after(&follower.locator()).await?;
        let has_more;
        (follower, has_more) = off_the_runtime(move || {
            let has_more = follower.take_blocks(blocks)?;
            Ok((follower, has_more))
        })
        .await?;
        if follower.has_portion() || !has_more {
            let is_last = must_end || !has_more;
            return off_the_runtime(move || {
                let portion = follower.take_portion(is_last);
                Ok((follower, portion))
            })
            .await;
        }
    }
}

/// Executing blocks takes a while: other tasks go on meanwhile.
pub(super) async fn off_the_runtime<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DumpError> + Send + 'static,
) -> Result<T, DumpError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error: JoinError| {
            // The runtime is ending, or there is a defect that the log has already.
            Err(SourceError::Failed(error.to_string()).into())
        })
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, VecDeque};

    use shared::chain::Chain;
    use shared::hash::Hash;

    use super::*;
    use crate::limits::PORTION_BLOCKS_MAX;
    use crate::testing::{TestReplica, network};

    #[tokio::test]
    async fn a_batch_ends_where_it_must_or_where_there_is_no_more() {
        let replica = TestReplica::new(network("test"));
        let portion = u64::try_from(PORTION_BLOCKS_MAX).unwrap();
        for height in 1..=portion + 100 {
            replica.mine(1, &[]);
            replica.decide(height);
        }
        for must_end in [false, true] {
            let chain = Chain::new(network("test"));
            let log = (0, Hash::ZERO);
            let mut follower = Follower::new(chain, HashMap::new(), log, VecDeque::new());
            let mut positions = replica.positions();
            let mut portions = Vec::new();
            loop {
                let gathered = gather_all(&replica, &mut positions, follower, must_end).await;
                let (so_far, portion) = gathered.unwrap();
                if portion.from == portion.to {
                    break;
                }
                portions.push((portion.blocks.len(), portion.state.is_some()));
                follower = so_far;
            }
            let (first, last) = (portions[0], portions[1]);
            let expected = PORTION_BLOCKS_MAX..PORTION_BLOCKS_MAX + 100;
            assert!(expected.contains(&first.0), "{first:?}");
            assert_eq!(first.0 + last.0, PORTION_BLOCKS_MAX + 100);
            assert_eq!((first.1, last.1), (must_end, true));
        }
    }
}
