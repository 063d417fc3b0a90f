//! What `cargo xtask bench` measures of whole browsers: `measure NAME` prints each figure as a
//! line that begins with `figure `, the rest in JSON.

mod mining;
mod page;
mod static_server;

use anyhow::{Result, bail};
use serde_json::json;

fn main() -> Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("mining") => mining::measure(),
        Some("page") => page::measure(),
        other => bail!("expected `measure mining` or `measure page`, got {other:?}"),
    }
}

/// Prints one figure, in the form that `bench::Figure::line` has as well.
fn figure(what: &str, value: f64) {
    println!("figure {}", json!({ "what": what, "value": value }));
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
