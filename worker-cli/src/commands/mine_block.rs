//! `mine_block`: mine one block, or produce one by stake, until it is stored.

use std::time::Duration;

use serde_json::json;
use shared::keys::PublicKey;
use shared::node::interface::{Answer, BlockSummary, Command, MiningPause};
use tokio::time::timeout;

use crate::access::Access;
use crate::failure::{Class, Failure};
use crate::output::{GOOD, Output, Report};

/// How long a block of one's own is waited for before another is mined: a block of somebody else
/// may have been quicker.
const CHAIN_PATIENCE: Duration = Duration::from_secs(2);
/// How long the members' decision is waited for.
const DECISION_PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn run(node: &mut Access, output: Output) -> Result<Report, Failure> {
    let (key, height) = node
        .until(|seen| Some((seen.view.key, seen.view.chain.height)))
        .await?;
    let spinner = output.spinner("mining");
    let mined = mined(node, key, height, &spinner).await;
    spinner.finish_and_clear();
    let block = mined?;
    let height = block.header.height;
    let (has_voters, is_stake) = node
        .until(|seen| {
            let has_voters = seen.view.members.iter().any(|member| member.status.stays);
            Some((has_voters, seen.view.stake.is_some()))
        })
        .await?;
    let decided = node.until(|seen| (seen.view.chain.final_height >= height).then_some(()));
    let is_final = has_voters && matches!(timeout(DECISION_PATIENCE, decided).await, Ok(Ok(())));
    let json = json!({
        "height": height,
        "hash": block.hash.to_string(),
        "transactions": block.transactions,
        "nonce": block.header.nonce.to_string(),
        "final": is_final,
    });
    let standing = if is_final { "final" } else { "not final yet" };
    let done = if is_stake { "produced" } else { "mined" };
    let text = format!(
        "{GOOD}{done}{GOOD:#} block {height} with {} transactions, {standing}\n  hash  {}",
        block.transactions, block.hash
    );
    Ok(Report::new(json, text))
}

/// How a wait for one's turn ends.
#[derive(PartialEq)]
enum Turn {
    Taken,
    /// In proof of stake, nobody without stake has one.
    Never,
}

/// Mines until a block of this node's is in its chain, as stored.
async fn mined(
    node: &mut Access,
    key: PublicKey,
    above: u64,
    spinner: &indicatif::ProgressBar,
) -> Result<BlockSummary, Failure> {
    loop {
        let found = node.until(|seen| Some(seen.view.mining.found)).await?;
        node.command(Command::StartMining { once: true }).await?;
        let turn = node.until(|seen| {
            let mining = &seen.view.mining;
            if mining.paused == Some(MiningPause::NoStake) {
                return Some(Turn::Never);
            }
            spinner.set_message(match mining.paused {
                Some(MiningPause::Undecided) => {
                    "waiting until the members have decided the blocks before".to_owned()
                }
                Some(MiningPause::Syncing) => "waiting for blocks".to_owned(),
                Some(MiningPause::NoRelay) => "waiting for the relay".to_owned(),
                _ if seen.view.stake.is_some() => "waiting for a slot of one's own".to_owned(),
                _ => format!("mining, {} hashes/s", mining.hashes_per_second),
            });
            (mining.found > found).then_some(Turn::Taken)
        });
        if turn.await? == Turn::Never {
            node.command(Command::StopMining).await?;
            return Err(Failure::new(
                Class::NotYet,
                "this key has no stake that counts now: a `transfer` from somebody who has gives it \
                 some, which counts one to two epochs later",
            ));
        }
        let own = timeout(CHAIN_PATIENCE, own_block(node, key, above)).await;
        if let Ok(block) = own {
            return block;
        }
    }
}

/// What is read here is durable: a read comes after the writes before it.
async fn own_block(node: &mut Access, key: PublicKey, above: u64) -> Result<BlockSummary, Failure> {
    let newest = Command::Blocks {
        from: u64::MAX,
        count: 20,
    };
    let mut after = 0;
    loop {
        let seen = node.see(after).await?;
        after = seen.version;
        let Answer::Blocks(blocks) = node.command(newest.clone()).await? else {
            return Err(Failure::new(Class::Defect, "the node gave another answer"));
        };
        let own = blocks
            .into_iter()
            .find(|block| block.header.producer == key && block.header.height > above);
        if let Some(own) = own {
            return Ok(own);
        }
    }
}
