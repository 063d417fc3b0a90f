//! What strangers can make a chain keep.

use super::{Chain, index_of};
use crate::held::Held;
use crate::limits::{
    BODIES_PER_REQUEST_MAX, POINTS_MAX, SIDE_BODIES_MAX, SIDE_HEADERS_MAX, UNDECIDED_BLOCKS_MAX,
};

impl Chain {
    /// Headers off the way to the best one.
    pub(super) fn side_headers(&self) -> usize {
        let on_the_way = self.best.len() + self.plan.len();
        self.headers.len().saturating_sub(on_the_way)
    }

    /// Bodies of undecided blocks, of those that were asked for, and of side branches.
    pub(super) fn bodies_max() -> usize {
        index_of(UNDECIDED_BLOCKS_MAX) + BODIES_PER_REQUEST_MAX + SIDE_BODIES_MAX
    }

    /// What is kept of blocks that are not final, and of who signed.
    pub(crate) fn held(&self) -> [Held; 3] {
        // A reorganisation leaves a branch beside those that came as such, and the body that is
        // executed next is taken in any case.
        let branch_max = index_of(UNDECIDED_BLOCKS_MAX);
        let headers_max = SIDE_HEADERS_MAX + branch_max;
        let bodies_max = Self::bodies_max() + branch_max;
        [
            Held::new("side headers", self.side_headers(), headers_max),
            Held::new("bodies", self.bodies.len(), bodies_max),
            Held::new("points of keys", self.verifier.senders(), POINTS_MAX),
        ]
    }
}
