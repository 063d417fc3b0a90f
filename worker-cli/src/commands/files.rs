//! `receipt`, `verify`, `export` and `import`: what leaves a replica and can be checked anywhere.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde_json::json;
use shared::chain_file::{VerifiedChain, Verifier};
use shared::hash::TransactionId;
use shared::limits::RECEIPT_BYTES_MAX;
use shared::node::interface::{Answer, Command, ImportStep};
use shared::receipt::{Receipt, VerifiedReceipt};

use super::lookup::outcome;
use crate::access::Access;
use crate::failure::{Class, Failure};
use crate::folder::FolderError;
use crate::node::now_ms;
use crate::output::{GOOD, Output, Report, plain, time};

/// Bytes of a file that are handed over at once.
const PART_BYTES: usize = 256 * 1024;
/// How receipts begin, shared's word for it.
const RECEIPT_MAGIC: &[u8] = b"tabchain-receipt";

/// The receipt of a final transaction, as a file.
pub(super) async fn receipt(
    node: &mut Access,
    id: TransactionId,
    out: Option<&Path>,
) -> Result<Report, Failure> {
    let Answer::Receipt(file) = node.command(Command::Receipt { id }).await? else {
        return Err(Failure::new(Class::Defect, "the node gave another answer"));
    };
    let named = PathBuf::from(format!("{id}.tabreceipt"));
    let path = out.unwrap_or(&named);
    fs::write(path, &file).map_err(FolderError::io(path))?;
    let json = json!({ "transaction": id.to_string(), "file": path, "bytes": file.len() });
    let shown = path.display();
    let text = format!(
        "{GOOD}written{GOOD:#} {shown}\n  anybody can check it: block-chain-worker verify {shown}"
    );
    Ok(Report::new(json, text))
}

/// Verifies a receipt or a chain file; needs neither relay nor data folder.
pub(super) fn verify(path: &Path, output: Output) -> Result<Report, Failure> {
    let mut file = File::open(path).map_err(FolderError::io(path))?;
    let bytes_total = file.metadata().map_err(FolderError::io(path))?.len();
    let mut first = part(&mut file, path)?;
    if first.starts_with(RECEIPT_MAGIC) {
        // A byte more than it may have: what is too long is then refused as such.
        let rest = (RECEIPT_BYTES_MAX + 1).saturating_sub(first.len());
        first.extend(read(&mut file, path, rest)?);
        let receipt = Receipt::from_file(&first).map_err(|error| invalid(&error))?;
        let verified = receipt.verify().map_err(|error| invalid(&error))?;
        return Ok(of_receipt(&verified));
    }
    let bar = output.progress("verifying bytes");
    bar.set_length(bytes_total);
    let mut verifier = Verifier::new(None);
    let mut next = first;
    while !next.is_empty() {
        verifier
            .feed(&next, now_ms())
            .map_err(|error| invalid(&error))?;
        bar.inc(u64::try_from(next.len()).unwrap_or(0));
        next = part(&mut file, path)?;
    }
    bar.finish_and_clear();
    let verified = verifier.finish().map_err(|error| invalid(&error))?;
    Ok(of_chain("verified", &verified))
}

/// Writes the replica as a chain file; complete, or not there.
pub(super) async fn export(node: &mut Access, path: &Path) -> Result<Report, Failure> {
    let aside = path.with_added_extension("part");
    let mut file = File::create_new(&aside).map_err(FolderError::io(&aside))?;
    let written = write_parts(node, &mut file, &aside).await;
    let moved = written.and_then(|bytes| {
        fs::rename(&aside, path)
            .map_err(FolderError::io(path))
            .map(|()| bytes)
            .map_err(Failure::from)
    });
    if moved.is_err() {
        // It is of no use to anybody.
        let _ = fs::remove_file(&aside);
    }
    let bytes = moved?;
    let json = json!({ "file": path, "bytes": bytes });
    let text = format!("{GOOD}exported{GOOD:#} {bytes} bytes to {}", path.display());
    Ok(Report::new(json, text))
}

async fn write_parts(node: &mut Access, file: &mut File, path: &Path) -> Result<u64, Failure> {
    let mut bytes = 0;
    let mut begin = true;
    loop {
        let Answer::Part(part) = node.command(Command::Export { begin }).await? else {
            return Err(Failure::new(Class::Defect, "the node gave another answer"));
        };
        begin = false;
        if part.is_empty() {
            file.sync_all().map_err(FolderError::io(path))?;
            return Ok(bytes);
        }
        bytes += u64::try_from(part.len()).unwrap_or(0);
        file.write_all(&part).map_err(FolderError::io(path))?;
    }
}

/// Reads a chain file into the replica: once to verify all of it, once to write it.
pub(super) async fn import(
    node: &mut Access,
    path: &Path,
    output: Output,
) -> Result<Report, Failure> {
    let mut answer = Answer::Done;
    for (begin, message) in [
        (ImportStep::Verify, "verifying bytes"),
        (ImportStep::Write, "importing bytes"),
    ] {
        let mut file = File::open(path).map_err(FolderError::io(path))?;
        let bar = output.progress(message);
        bar.set_length(file.metadata().map_err(FolderError::io(path))?.len());
        node.command(Command::Import(begin)).await?;
        loop {
            let next = part(&mut file, path)?;
            if next.is_empty() {
                break;
            }
            bar.inc(u64::try_from(next.len()).unwrap_or(0));
            node.command(Command::Import(ImportStep::Bytes(next)))
                .await?;
        }
        answer = node.command(Command::Import(ImportStep::End)).await?;
        bar.finish_and_clear();
    }
    match answer {
        Answer::ChainFile(verified) => Ok(of_chain("imported", &verified)),
        _ => Err(Failure::new(Class::Defect, "the node gave another answer")),
    }
}

/// The next part of a file; empty at its end.
fn part(file: &mut File, path: &Path) -> Result<Vec<u8>, Failure> {
    read(file, path, PART_BYTES)
}

/// The next bytes of a file; fewer at its end.
fn read(file: &mut File, path: &Path, bytes_max: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    file.take(limit)
        .read_to_end(&mut bytes)
        .map_err(FolderError::io(path))?;
    Ok(bytes)
}

fn invalid(error: &impl ToString) -> Failure {
    Failure::new(Class::Invalid, error.to_string())
}

fn of_receipt(verified: &VerifiedReceipt) -> Report {
    let json = json!({
        "kind": "receipt",
        "network": { "id": verified.network.to_string(), "name": verified.name },
        "transaction": verified.id.to_string(),
        "sender": verified.transaction.transaction.sender.to_string(),
        "height": verified.height,
        "block": verified.block.to_string(),
        "timestamp_ms": verified.timestamp_ms,
        "outcome": outcome(verified.outcome),
        "signers": verified.signers,
        "members": verified.members,
        "forced_changes": verified.forced_changes,
        "log_head": verified.log_head.to_string(),
    });
    let text = format!(
        "{GOOD}the receipt holds{GOOD:#}: transaction {}\n  stands in block {} of {}, of {}\n  network  {}\n  sender   {}\n  outcome  {}\n  final    by {} of {} members, after {} forced changes\n  compare the network's id with the one that you trust",
        verified.id,
        verified.height,
        plain(&verified.name),
        time(verified.timestamp_ms),
        verified.network,
        verified.transaction.transaction.sender,
        outcome(verified.outcome),
        verified.signers,
        verified.members,
        verified.forced_changes,
    );
    Report::new(json, text)
}

fn of_chain(word: &str, verified: &VerifiedChain) -> Report {
    let json = json!({
        "kind": "chain",
        "network": { "id": verified.network.to_string(), "name": verified.name },
        "height": verified.height,
        "final_height": verified.final_height,
        "tip": verified.tip.to_string(),
        "transactions": verified.transactions,
        "state_root": verified.state_root.to_string(),
        "log_length": verified.log_length,
        "log_head": verified.log_head.to_string(),
        "forced_changes": verified.forced_changes,
    });
    let text = format!(
        "{GOOD}{word}{GOOD:#} the chain of {} up to block {}, final up to {}\n  network       {}\n  tip           {}\n  transactions  {}",
        plain(&verified.name),
        verified.height,
        verified.final_height,
        verified.network,
        verified.tip,
        verified.transactions,
    );
    Report::new(json, text)
}
