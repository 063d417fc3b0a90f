//! The chain as a file: out of the node part by part, and into it, verified before anything is
//! written.

use js_sys::{Array, Uint8Array};
use shared::chain_file::VerifiedChain;
use shared::node::interface::{Answer, Command, CommandError, ImportStep};
use web_sys::Blob;

use super::client::Client;
use super::files;

/// Bytes that the node is given at once: enough to keep it busy for some milliseconds.
const PART_BYTES: f64 = 262_144.0;

/// Why it did not come to an end.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Unfinished {
    /// The node refused.
    Refused(CommandError),
    /// The browser did not do its part.
    Browser(String),
    /// The node worker crashed.
    Lost,
}

/// Offers the replica as a file. Returns how many bytes it has.
pub(super) async fn export(client: &Client, name: &str) -> Result<u64, Unfinished> {
    let parts = Array::new();
    let mut bytes_total = 0;
    let mut begin = true;
    loop {
        let bytes = match client.answer(Command::Export { begin }).await {
            Some(Answer::Part(bytes)) => bytes,
            other => return Err(unfinished(other)),
        };
        if bytes.is_empty() {
            break;
        }
        bytes_total += bytes.len() as u64;
        parts.push(&Uint8Array::from(bytes.as_slice()));
        begin = false;
    }
    files::offer(name, &parts).map_err(Unfinished::Browser)?;
    Ok(bytes_total)
}

/// Reads a file into the replica: once to verify it, once to take it in. `on_progress` gets the
/// share of both that is done, in percent.
pub(super) async fn import(
    client: &Client,
    file: &Blob,
    on_progress: impl Fn(u32),
) -> Result<Box<VerifiedChain>, Unfinished> {
    feed(client, ImportStep::Verify, file, &|share| {
        on_progress(percent(share / 2.0))
    })
    .await?;
    feed(client, ImportStep::Write, file, &|share| {
        on_progress(percent(0.5 + share / 2.0));
    })
    .await
}

async fn feed(
    client: &Client,
    begin: ImportStep,
    file: &Blob,
    on_progress: &dyn Fn(f64),
) -> Result<Box<VerifiedChain>, Unfinished> {
    let mut step = begin;
    let mut from = 0.0;
    loop {
        let is_last = step == ImportStep::End;
        match client.answer(Command::Import(step)).await {
            Some(Answer::ChainFile(chain)) if is_last => return Ok(chain),
            Some(Answer::Done) if !is_last => {}
            other => return Err(unfinished(other)),
        }
        let to = (from + PART_BYTES).min(file.size());
        step = if from < to {
            let bytes = files::read(file, from, to).await;
            ImportStep::Bytes(bytes.map_err(Unfinished::Browser)?)
        } else {
            ImportStep::End
        };
        from = to;
        on_progress(from / file.size());
    }
}

/// Why an answer is not the one that was waited for.
pub(super) fn unfinished(answer: Option<Answer>) -> Unfinished {
    match answer {
        Some(Answer::Failed(error)) => Unfinished::Refused(error),
        _ => Unfinished::Lost,
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share between 0 and 1"
)]
fn percent(share: f64) -> u32 {
    (share * 100.0) as u32
}
