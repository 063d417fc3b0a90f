//! `get_chain`: blocks, the newest first.

use serde_json::{Value, json};
use shared::node::interface::{Answer, BlockSummary, Command};

use crate::access::Access;
use crate::arguments::GetChain;
use crate::failure::{Class, Failure};
use crate::limits::BLOCKS_PER_PAGE_MAX;
use crate::output::{FAINT, Report, short, table, time};

pub(super) async fn run(node: &mut Access, options: &GetChain) -> Result<Report, Failure> {
    let chain = node.until(|seen| Some(seen.view.chain.clone())).await?;
    if let Some(from) = options.from.filter(|from| *from > chain.height) {
        return Err(Failure::new(
            Class::NotFound,
            format!(
                "there is no block {from}: the chain's height is {}",
                chain.height
            ),
        ));
    }
    let blocks = blocks(node, options).await?;
    let json = json!({
        "height": chain.height,
        "final_height": chain.final_height,
        "blocks": blocks.iter().map(block_json).collect::<Vec<_>>(),
    });
    let mut rows = table([
        "height",
        "time (UTC)",
        "hash",
        "producer",
        "transactions",
        "state",
    ]);
    for block in &blocks {
        rows.add_row([
            block.header.height.to_string(),
            time(block.header.timestamp_ms),
            short(&block.hash),
            block.header.producer.short(),
            block.transactions.to_string(),
            standing(block).to_owned(),
        ]);
    }
    let mut text = rows.to_string();
    if let Some(lowest) = blocks.last().map(|block| block.header.height)
        && lowest > 0
    {
        let older = lowest - 1;
        text = format!("{text}\n{FAINT}older ones: get_chain --from {older}{FAINT:#}");
    }
    Ok(Report::new(json, text))
}

async fn blocks(node: &mut Access, options: &GetChain) -> Result<Vec<BlockSummary>, Failure> {
    let mut blocks = Vec::new();
    let mut from = options.from.unwrap_or(u64::MAX);
    let mut missing = options.count;
    while missing > 0 {
        let count = u32::try_from(missing)
            .unwrap_or(BLOCKS_PER_PAGE_MAX)
            .min(BLOCKS_PER_PAGE_MAX);
        let Answer::Blocks(page) = node.command(Command::Blocks { from, count }).await? else {
            return Err(Failure::new(Class::Defect, "the node gave another answer"));
        };
        let lowest = page.last().map(|block| block.header.height);
        missing = missing.saturating_sub(u64::try_from(page.len()).unwrap_or(u64::MAX));
        blocks.extend(page);
        match lowest {
            None | Some(0) => break,
            Some(lowest) => from = lowest - 1,
        }
    }
    Ok(blocks)
}

fn standing(block: &BlockSummary) -> &'static str {
    if block.is_damaged {
        "damaged"
    } else if block.is_final {
        "final"
    } else {
        ""
    }
}

fn block_json(block: &BlockSummary) -> Value {
    let header = &block.header;
    json!({
        "height": header.height,
        "hash": block.hash.to_string(),
        "previous": header.previous.to_string(),
        "timestamp_ms": header.timestamp_ms,
        "producer": header.producer.to_string(),
        "tx_root": header.tx_root.to_string(),
        "state_root": header.state_root.to_string(),
        "bits": format!("{:#010x}", header.bits),
        "nonce": header.nonce.to_string(),
        "transactions": block.transactions,
        "final": block.is_final,
        "damaged": block.is_damaged,
    })
}
