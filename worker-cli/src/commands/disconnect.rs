//! `disconnect`: leave the network.

use serde_json::json;
use tokio::time::timeout;

use crate::access::Place;
use crate::arguments::Global;
use crate::control::Client;
use crate::failure::{Class, Failure};
use crate::output::{GOOD, Report};

/// Other commands leave by themselves: only a running worker is there to be ended.
pub(super) async fn run(global: &Global) -> Result<Report, Failure> {
    let place = Place::remembered(global)?;
    let Some(client) = Client::connect(&place.folder.socket()).await? else {
        let json = json!({ "was_running": false });
        let text = "no worker is running in this data folder: nothing to leave".to_owned();
        return Ok(Report::new(json, text));
    };
    let left = timeout(global.timeout(), client.leave()).await;
    left.map_err(|_| {
        Failure::new(
            Class::TimedOut,
            "the worker did not end in time: end its process",
        )
    })??;
    let json = json!({ "was_running": true });
    Ok(Report::new(
        json,
        format!("{GOOD}left{GOOD:#} the network; the worker has ended"),
    ))
}
