//! A model of finality: the rules of voters, rosters, the relay's log and forced changes, explored
//! in every order of events on small configurations. docs/adr/0050 says what is left out, and why
//! nothing is missed by it.
//!
//! Start with [`state`], then `rules`, then [`properties`].

#![forbid(unsafe_code)]
#![expect(
    clippy::indexing_slicing,
    reason = "voters and decisions are numbered by their places; a wrong number shall end the check"
)]

pub mod check;
pub mod configuration;
pub mod mutation;
pub mod properties;
mod rules;
pub mod state;
mod symmetry;
pub mod system;
pub mod worlds;
