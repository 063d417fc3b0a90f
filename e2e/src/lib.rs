//! Tabchain as its users meet it: several tabs of a real Chromium, and a real relay between them.
//!
//! A test is a [`scenario`](scenario::run): it has a relay, a port, a data folder and browser
//! profiles of its own, ends every process that it started, and leaves screenshots and logs
//! behind when it fails. Nothing in here sleeps for a fixed time: [`wait`] polls a condition
//! until it holds or its deadline has passed.

pub mod browser;
pub mod downloads;
pub mod driver;
pub mod environment;
mod evidence;
pub mod proxy;
pub mod relay;
pub mod scenario;
mod service;
pub mod tab;
pub mod wait;
pub mod worker;

pub use browser::Browser;
pub use proxy::Proxy;
pub use relay::{Network, Relay};
pub use scenario::{Address, World};
pub use tab::{Page, Tab};
pub use worker::Worker;
