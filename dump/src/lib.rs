//! A chain as PostgreSQL tables: [`Dumper`] keeps them up to date, [`Rebuild`] reads them back.
//!
//! A dump is one more replica, whose store is a PostgreSQL schema: it follows the blocks of a
//! [`Source`] through the same chain code as every node, and writes what that changes. Blocks,
//! current state and height commit together, so the tables are a chain at any moment.
//!
//! docs/postgres.md describes the tables for those who query them.
#![forbid(unsafe_code)]

mod batch;
mod dumper;
mod error;
mod follower;
pub mod limits;
mod loader;
mod progress;
mod rebuild;
mod rows;
mod schema;
mod source;
mod target;
#[cfg(feature = "testing")]
pub mod testing;
mod tuple;
mod writer;

pub use dumper::{Dumper, Handle};
pub use error::{DumpError, ErrorClass};
pub use progress::{State, Status};
pub use rebuild::{DumpedNetwork, Rebuild, networks};
pub use source::{Position, Source, SourceError, blocks_of};
pub use target::{Target, TargetError};
