//! What `cargo xtask bench` measures of the shared crate, and of the relay under load. The shared
//! crate's work is the same on every machine; the clock is handed in, since a program and a
//! browser's worker have different ones.

pub mod chain;
#[cfg(not(target_arch = "wasm32"))]
pub mod fanout;
#[cfg(not(target_arch = "wasm32"))]
pub mod flood;
#[cfg(not(target_arch = "wasm32"))]
pub mod load;
#[cfg(not(target_arch = "wasm32"))]
pub mod program;
#[cfg(not(target_arch = "wasm32"))]
pub mod soak;

use serde::{Deserialize, Serialize};

/// Milliseconds since some moment.
pub type Clock = fn() -> f64;

/// One figure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// A name that programs find it by.
    pub what: String,
    /// Its value.
    pub value: f64,
}

/// What a line of output with a figure begins with; the rest is the figure in JSON.
pub const FIGURE_PREFIX: &str = "figure ";

impl Figure {
    /// A named figure.
    pub fn new(what: impl Into<String>, value: f64) -> Self {
        Self {
            what: what.into(),
            value,
        }
    }

    /// The line that carries it out of a program or a browser.
    #[must_use]
    pub fn line(&self) -> String {
        let json = serde_json::json!({ "what": self.what, "value": self.value });
        format!("{FIGURE_PREFIX}{json}")
    }
}

/// How long something takes, with what it gives.
fn timed<T>(clock: Clock, work: impl FnOnce() -> T) -> (f64, T) {
    let start_ms = clock();
    let made = work();
    (clock() - start_ms, made)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
