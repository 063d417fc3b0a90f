//! The node: `handle(now, event) -> effects`.

pub mod interface;
