//! Fuzz targets: each takes any bytes as a script of what strangers do, and panics where `shared`
//! breaks a promise. `cargo xtask fuzz` searches for such bytes; `tests/corpus.rs` replays those that
//! were found.
//!
//! A target is a plain function, so that an input can be replayed by any compiler and in a debugger.

#![forbid(unsafe_code)]
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is how a target reports what it found"
)]

mod block_import;
mod decode;
mod events;
mod files;
#[cfg(test)]
mod found;
mod lies;
pub mod seeds;
mod world;

/// What is fuzzed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Bytes to every type that is sent or stored: what is read is written back as it came.
    Decode,
    /// Blocks, good and bad, in any order, into a replica.
    BlockImport,
    /// The same where the proof is stake.
    StakeImport,
    /// Events in any order into a node whose relay lies.
    NodeEvents,
    /// Events in any order into a relay whose members lie.
    RelayEvents,
    /// A receipt's file to its reader.
    Receipt,
    /// A chain's file to its reader, whole and in pieces.
    ChainFile,
}

impl Target {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Decode,
        Self::BlockImport,
        Self::StakeImport,
        Self::NodeEvents,
        Self::RelayEvents,
        Self::Receipt,
        Self::ChainFile,
    ];

    /// Its name on the command line and of its folders.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Decode => "decode",
            Self::BlockImport => "block_import",
            Self::StakeImport => "stake_import",
            Self::NodeEvents => "node_events",
            Self::RelayEvents => "relay_events",
            Self::Receipt => "receipt",
            Self::ChainFile => "chain_file",
        }
    }

    /// The target of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// Plays one input.
    ///
    /// # Panics
    ///
    /// Where a promise is broken.
    pub fn run(self, input: &[u8]) {
        match self {
            Self::Decode => decode::run(input),
            Self::BlockImport => block_import::run(world::network(), input),
            Self::StakeImport => block_import::run(world::stake_network(), input),
            Self::NodeEvents => events::run(events::Liar::Relay, input),
            Self::RelayEvents => events::run(events::Liar::Members, input),
            Self::Receipt => files::receipt(input),
            Self::ChainFile => files::chain(input),
        }
    }
}
