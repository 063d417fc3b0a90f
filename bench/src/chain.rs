//! The ledger: importing a chain, one more block on a long one, one more entry in a large state.

mod material;

use shared::block::{Body, SealedHeader};
use shared::chain::Checkpoint;
use shared::encoding::{decode, encode};
use shared::hash::{Hash, Tag};
use shared::keys::Points;
use shared::limits::POINTS_MAX;
use shared::replica::Replica;
use shared::state::tree::StateTree;
use shared::state::{Account, Entry};
use shared::store::Rows;

use crate::{Clock, Figure, median, timed};
use material::{LATE_MS, Miner, network};

/// Blocks of the chain that is imported.
const IMPORT_BLOCKS: u64 = 10_000;
/// Transactions in each of them.
const TRANSACTIONS_PER_BLOCK: usize = 10;
/// Blocks whose memory is measured.
const MEMORY_BLOCKS: u64 = 5_000;
/// Lengths of history.
pub const HISTORIES: [u64; 3] = [1_000, 10_000, 100_000];
/// Numbers of entries.
pub const STATES: [u64; 3] = [1_000, 100_000, 1_000_000];
/// Bodies that come in one answer.
const PORTION_BLOCKS: usize = 64;
/// Blocks measured on top of each history.
const MEASURED_BLOCKS: u64 = 301;
/// Changes measured in each state.
const MEASURED_UPDATES: u64 = 2_000;
/// So often, of other entries each time, so that no round finds what it needs near by.
const UPDATE_ROUNDS: u64 = 9;
/// Between two of them: odd, so that they are far from one another.
const STRIDE: u64 = 7_919;
/// Hashes of an entry and its leaf; above those there is one for each level.
const LEAF_HASHES: usize = 2;

/// A block as it travels.
struct Encoded {
    sealed: Vec<u8>,
    body: Vec<u8>,
}

/// Everything about the ledger. Memory comes first, while none lies about freed.
#[must_use]
pub fn all(clock: Clock, memory_bytes: fn() -> f64) -> Vec<Figure> {
    let mut figures = memory(memory_bytes, MEMORY_BLOCKS);
    figures.extend(import(clock, IMPORT_BLOCKS));
    figures.extend(one_more_block(clock, &HISTORIES));
    figures.extend(state_update(clock, &STATES));
    figures
}

/// Verified import of a chain, and the bare cost of its signature checks beside it.
///
/// Imported is what a node that joins does: headers are decoded, hashed and judged; bodies are
/// decoded, hashed against their header and executed, with every signature verified and every
/// state root computed; the rows for the store are made, and dropped. Signature checks alternate
/// with portions of the import, so that both see the same machine.
fn import(clock: Clock, blocks: u64) -> Vec<Figure> {
    let mut miner = Miner::new();
    let encoded: Vec<_> = (0..blocks)
        .map(|_| {
            let block = miner.mine(TRANSACTIONS_PER_BLOCK);
            Encoded {
                sealed: encode(&block.sealed),
                body: encode(&block.body),
            }
        })
        .collect();
    let tip = miner.chain.tip();
    drop(miner);

    let Ok(mut replica) = Replica::restore(network(), &Rows::default(), None) else {
        return Vec::new();
    };
    // A newcomer has the log before it asks for headers.
    replica.decide(Checkpoint {
        height: tip.height,
        hash: tip.hash,
    });
    let (mut import_ms, hashes) = timed(clock, || {
        encoded
            .iter()
            .filter_map(|block| {
                let sealed: SealedHeader = decode("header", &block.sealed).ok()?;
                replica.insert_header(&sealed, LATE_MS).ok()?;
                Some(sealed.header.hash())
            })
            .collect::<Vec<_>>()
    });
    let mut signatures_ms = 0.0;
    let mut points = Points::at_most(POINTS_MAX);
    let mut rows = 0;
    for (bodies, hashes) in encoded
        .chunks(PORTION_BLOCKS)
        .zip(hashes.chunks(PORTION_BLOCKS))
    {
        let (portion_ms, written) = timed(clock, || {
            for (block, hash) in bodies.iter().zip(hashes) {
                if let Ok(body) = decode::<Body>("body", &block.body) {
                    // What is refused is missing at the end.
                    let _ = replica.insert_body(hash, body);
                }
            }
            replica.advance().writes.len()
        });
        import_ms += portion_ms;
        rows += written;
        signatures_ms += bare_signatures(clock, bodies, &mut points);
    }
    let transactions = blocks as f64 * TRANSACTIONS_PER_BLOCK as f64;
    let imported = replica.chain().height();
    vec![
        Figure::new("imported blocks", imported as f64),
        Figure::new("imported rows", rows as f64),
        Figure::new("import ms", import_ms),
        Figure::new("bare signature checks ms", signatures_ms),
        Figure::new("import transactions per s", transactions / import_ms * 1e3),
        Figure::new("import over signature checks", import_ms / signatures_ms),
    ]
}

/// Only the checks, as the import makes them, on transactions that are decoded already.
fn bare_signatures(clock: Clock, blocks: &[Encoded], points: &mut Points) -> f64 {
    let statements: Vec<_> = blocks
        .iter()
        .filter_map(|block| decode::<Body>("body", &block.body).ok())
        .flat_map(|body| body.transactions.into_iter())
        .map(|signed| {
            (
                signed.transaction.sender,
                signed.transaction.statement(),
                signed.signature,
            )
        })
        .collect();
    let (ms, valid) = timed(clock, || {
        statements
            .iter()
            .filter(|(sender, statement, signature)| {
                points.verify(sender, statement, signature).is_ok()
            })
            .count()
    });
    if valid == statements.len() {
        ms
    } else {
        f64::NAN
    }
}

/// The median cost of one more block, on histories of these lengths.
///
/// The blocks of the histories are empty and the state is small in each, so that only the length
/// differs; the measured blocks have transactions, and each history has its turn at each of them,
/// so that all see the same machine.
fn one_more_block(clock: Clock, histories: &[u64]) -> Vec<Figure> {
    let mut miners: Vec<_> = histories
        .iter()
        .map(|history| {
            let mut miner = Miner::new();
            while miner.chain.height() < *history {
                miner.mine(0);
            }
            miner
        })
        .collect();
    let mut costs = vec![Vec::new(); miners.len()];
    for _ in 0..MEASURED_BLOCKS {
        for (miner, costs) in miners.iter_mut().zip(&mut costs) {
            let block = miner.draft(TRANSACTIONS_PER_BLOCK);
            let (ms, ()) = timed(clock, || miner.deliver(&block, false));
            miner.settle();
            costs.push(ms);
        }
    }
    let figure = |(history, costs): (&u64, Vec<f64>)| {
        Figure::new(format!("one more block at {history} ms"), median(costs))
    };
    histories.iter().zip(costs).map(figure).collect()
}

/// The mean cost of changing one entry, root included, in states of these sizes: in time, of the
/// quickest round, and in hashes. The time has in it how far away a state of that size lies in memory.
fn state_update(clock: Clock, sizes: &[u64]) -> Vec<Figure> {
    let measured = |size: u64, round: u64| {
        let updates = round * MEASURED_UPDATES..(round + 1) * MEASURED_UPDATES;
        updates.map(move |update| (update, update * STRIDE % size))
    };
    let each = |size: u64| {
        let mut tree = StateTree::default();
        for number in 0..size {
            set(&mut tree, account(number, 0));
        }
        let _ = tree.root();
        let rounds = (0..UPDATE_ROUNDS).map(|round| {
            let (ms, _) = timed(clock, || {
                measured(size, round).fold(Hash::ZERO, |_, (update, number)| {
                    set(&mut tree, account(number, 1 + update));
                    tree.root()
                })
            });
            ms
        });
        let ms = rounds.fold(f64::INFINITY, f64::min);
        let hashes: usize = measured(size, 0)
            .map(|(_, number)| tree.prove(&account(number, 0).path()).siblings.len() + LEAF_HASHES)
            .sum();
        let mean = |sum: f64| sum / MEASURED_UPDATES as f64;
        [
            Figure::new(format!("state update among {size} us"), mean(ms * 1e3)),
            Figure::new(
                format!("state update among {size} hashes"),
                mean(hashes as f64),
            ),
        ]
    };
    sizes.iter().copied().flat_map(each).collect()
}

fn account(number: u64, balance: u64) -> Entry {
    let account = Account {
        balance,
        next_sequence: number,
        state_bytes: 0,
    };
    let key = Tag::HISTORY.hash(&[&number.to_le_bytes()]).0;
    Entry::Account(shared::keys::PublicKey(key), account)
}

fn set(tree: &mut StateTree, entry: Entry) {
    tree.set(entry.path(), Some(entry));
}

/// How many bytes a chain of so many blocks holds in memory, by a measure of the whole program's.
fn memory(bytes_used: fn() -> f64, blocks: u64) -> Vec<Figure> {
    let before = bytes_used();
    let mut miner = Miner::new();
    while miner.chain.height() < blocks {
        miner.mine(TRANSACTIONS_PER_BLOCK);
    }
    let per_thousand = (bytes_used() - before) / blocks as f64 * 1e3;
    vec![Figure::new("memory per 1000 blocks bytes", per_thousand)]
}
