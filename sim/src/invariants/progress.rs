//! The promise that who keeps bodies back holds up nobody.
//!
//! It is another rule than the core's: it asks of each replica only whether it lags behind an honest
//! member's chain that it has all of.

use shared::chain::{Chain, Checkpoint};

use super::{Broken, Who};
use crate::world::World;

/// A replica that has all of an honest member's chain, and is behind it, goes there.
pub(super) fn the_best_that_is_here_is_executed(
    world: &World,
    who: Who,
    chain: &Chain,
) -> Result<(), Broken> {
    for index in 0..world.nodes.len() {
        let Some(other) = world.honest(index).and_then(|node| node.replica()) else {
            continue;
        };
        let other = other.chain();
        if other.tip().work > chain.tip().work && has_all_of(chain, other) {
            let what = format!(
                "{who:?} stays at {:?}, and has all of node {index}'s chain to {:?}",
                chain.tip(),
                other.tip()
            );
            return Err(("the best branch whose bodies are here is executed", what));
        }
    }
    Ok(())
}

/// Whether nothing keeps a chain from going to another one's tip: it has all bodies on the way
/// there, and those of its own blocks that would be taken back, and neither a decision stands against
/// it nor a block that members may be bound to.
fn has_all_of(chain: &Chain, other: &Chain) -> bool {
    let is_here = |hash| chain.body(&hash).is_some();
    let shared = (0..=other.height())
        .rev()
        .find(|height| chain.hash_at(*height) == other.hash_at(*height));
    let Some(shared) = shared.filter(|shared| *shared >= chain.final_height()) else {
        return false;
    };
    let contains =
        |chain: &Chain, block: Checkpoint| chain.hash_at(block.height) == Some(block.hash);
    let leaves = |block| contains(chain, block) && !contains(other, block);
    let decided = chain.decided();
    let mut way = (shared + 1..=other.height()).filter_map(|height| other.hash_at(height));
    let mut back = (shared + 1..=chain.height()).filter_map(|height| chain.hash_at(height));
    (decided.height <= shared || contains(other, decided))
        && !chain.justified().is_some_and(leaves)
        && way.all(is_here)
        && back.all(is_here)
}
