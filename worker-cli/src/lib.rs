//! `block-chain-worker`: the same node as in a browser tab, for servers, scripts and the back row.
//!
//! [`arguments`] says what can be typed. Each command is a file in [`commands`]; it acts through
//! [`access`], on the worker that runs in the data folder (over [`control`]) or on a node of its
//! own ([`node`]) that joins, acts and leaves.
#![deny(unsafe_code)]

pub mod access;
pub mod arguments;
pub mod commands;
pub mod control;
mod dial;
pub mod failure;
pub mod folder;
pub mod key;
pub mod limits;
pub mod mining;
pub mod node;
pub mod output;
pub mod relay_url;
mod rest;
pub mod token;
