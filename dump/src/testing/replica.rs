//! A replica in memory that mines, reorganises and decides as it is told.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};

use shared::block::{Block, Body, Header, Seal, SealedHeader};
use shared::chain::{Chain, Checkpoint};
use shared::difficulty::Target;
use shared::encoding::{List, Text, decode};
use shared::finality::log::DecisionLog;
use shared::finality::{Ballot, Certificate, Decision, LogEntry, LogRecord, Roster, Step};
use shared::hash::BlockHash;
use shared::keys::{PublicKey, SecretKey};
use shared::message::Certified;
use shared::network::{Admission, Consensus, Holder, NetworkParameters, Stake, Work};
use shared::store::{Table, Write, number_key};
use shared::transaction::{Action, Expect, SignedTransaction, Transaction, Verified};
use tokio::sync::watch;

use crate::limits::{BATCH_LOG_ENTRIES_MAX, BLOCKS_PER_ANSWER_MAX};
use crate::source::{Position, Source, SourceError};

const CREATED_AT_MS: u64 = 1_700_000_000_000;
const SPACING_MS: u64 = 1_000;
/// One in two hashes meets this target.
const EASIEST_BITS: u32 = 0x207f_ffff;
/// Slots within which every holder is drawn.
const SLOTS_AHEAD: u64 = 100;
/// Who signs the log, and who alone votes.
const RELAY: u8 = 200;
const VOTER: u8 = 201;

/// Parameters of a network in which mining costs nothing.
#[must_use]
pub fn network(name: &str) -> NetworkParameters {
    NetworkParameters {
        name: Text::new(name).unwrap(),
        consensus: Consensus::Work(Work {
            spacing_ms: SPACING_MS,
            first_bits: EASIEST_BITS,
            easiest_bits: EASIEST_BITS,
        }),
        admission: Admission::Open,
        created_at_ms: CREATED_AT_MS,
        salt: [7; 16],
        relay: secret(RELAY).public_key(),
        block_reward: 50,
        transaction_work_bits: 0,
        state_bytes_per_account_max: 1 << 30,
        forced_changes_allowed: true,
    }
}

/// Parameters of a network in which those who are to produce hold the stake.
#[must_use]
pub fn stake_network(name: &str, producers: &[u8]) -> NetworkParameters {
    let holder = |number: &u8| Holder {
        key: secret(*number).public_key(),
        stake: 1_000,
    };
    let mut holders: Vec<_> = producers.iter().map(holder).collect();
    holders.sort_by_key(|holder| holder.key);
    NetworkParameters {
        consensus: Consensus::Stake(Stake {
            slot_ms: SPACING_MS,
            epoch_slots: 10,
            holders: List::new(holders).unwrap(),
        }),
        ..network(name)
    }
}

/// A member's key by number.
#[must_use]
pub fn secret(number: u8) -> &'static SecretKey {
    static KEYS: LazyLock<Vec<SecretKey>> = LazyLock::new(|| {
        let seeds = (0..=u8::MAX).map(|number| [number; 32]);
        seeds.map(|seed| SecretKey::from_seed(&seed)).collect()
    });
    KEYS.get(usize::from(number)).unwrap()
}

/// A replica, to be dumped and to be compared with what a dump yields; cheap to clone.
#[derive(Clone, Debug)]
pub struct TestReplica(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    network: NetworkParameters,
    positions: watch::Sender<Position>,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    chain: Chain,
    log: DecisionLog,
    /// Everything that a store of the replica would hold.
    rows: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
}

impl TestReplica {
    /// A replica that has only its genesis block, and a log that has only its first roster.
    #[must_use]
    pub fn new(network: NetworkParameters) -> Self {
        let inner = Inner {
            chain: Chain::new(network.clone()),
            log: DecisionLog::new(&network),
            rows: BTreeMap::new(),
        };
        let replica = Self(Arc::new(Shared {
            network,
            positions: watch::Sender::new(Position::default()),
            inner: Mutex::new(inner),
        }));
        replica.change(|inner| {
            let roster = Roster::of([secret(VOTER).public_key()]);
            let record = inner.log.record_forced(roster, CREATED_AT_MS).unwrap();
            inner.append(record);
        });
        replica
    }

    /// A transaction of the sender's next sequence, counted from the chain's state.
    #[must_use]
    pub fn sign(&self, sender: u8, ahead: u64, action: Action) -> SignedTransaction {
        let key = secret(sender);
        let account = self.read(|inner| inner.chain.state().account(&key.public_key()));
        let transaction = Transaction {
            network: self.0.network.id(),
            sender: key.public_key(),
            sequence: account.next_sequence + ahead,
            valid_until: None,
            action,
            work: 0,
        };
        SignedTransaction {
            signature: key.sign(&transaction.statement()),
            transaction,
        }
    }

    /// The same, writing a value under a key.
    #[must_use]
    pub fn put(&self, sender: u8, ahead: u64, key: &str, value: &str) -> SignedTransaction {
        let action = Action::Put {
            key: Text::new(key).unwrap(),
            value: Text::new(value).unwrap(),
            expect: Expect::Anything,
        };
        self.sign(sender, ahead, action)
    }

    /// Puts a block of these transactions on the chain.
    pub fn mine(&self, producer: u8, transactions: &[SignedTransaction]) {
        self.change(|inner| {
            let block = draft(&mut inner.chain, producer, SPACING_MS, transactions);
            inner.deliver(&block);
        });
    }

    /// Replaces the last blocks by one more, of the transactions that `fill` yields with a replica
    /// that stands where the branches part; or adds them where nothing is to be replaced.
    pub fn reorganise(&self, depth: u64, fill: impl Fn(&Self) -> Vec<SignedTransaction>) {
        let rival = Self::new(self.0.network.clone());
        let kept = self.height() - depth;
        rival.take(&self.blocks(1, kept), &self.log());
        let transactions = fill(&rival);
        let producer = 90 + u8::try_from(depth).unwrap();
        rival.change(|inner| {
            // Later than what it replaces, so that it is another block.
            let block = draft(&mut inner.chain, producer, SPACING_MS + 7, &transactions);
            inner.deliver(&block);
        });
        for _ in 0..depth {
            rival.mine(producer, &[]);
        }
        let branch = rival.blocks(kept + 1, rival.height());
        self.change(|inner| branch.iter().for_each(|block| inner.deliver(block)));
        assert_eq!(self.tip(), rival.tip(), "the longer branch has more work");
    }

    /// Decides the block at a height.
    pub fn decide(&self, height: u64) {
        self.change(|inner| {
            let chain = &inner.chain;
            let block = chain.hash_at(height).unwrap();
            let decision = Decision {
                network: chain.network_id(),
                instance: inner.log.next_instance(),
                height,
                block,
                history_root: chain.history_root_to(height, &block).unwrap(),
                forced_changes: inner.log.forced_changes(),
                next_roster: inner.log.roster().clone(),
            };
            let ballot = Ballot {
                network: decision.network,
                roster: inner.log.roster_hash(),
                instance: decision.instance,
                forced_changes: decision.forced_changes,
                round: 1,
                step: Step::Precommit,
                value: Some(decision.hash()),
            };
            let signature = secret(VOTER).sign(&ballot.statement());
            let certificate = Certificate {
                round: 1,
                signatures: List::new(vec![(0, signature)]).unwrap(),
            };
            let certified = Certified {
                decision,
                certificate,
            };
            let record = inner.log.record_decided(certified, CREATED_AT_MS).unwrap();
            inner.append(record);
            inner.decide(height, block);
        });
    }

    /// The height of the chain.
    #[must_use]
    pub fn height(&self) -> u64 {
        self.read(|inner| inner.chain.height())
    }

    /// The height up to which the chain is final.
    #[must_use]
    pub fn final_height(&self) -> u64 {
        self.read(|inner| inner.chain.final_height())
    }

    /// The hash of the last block.
    #[must_use]
    pub fn tip(&self) -> BlockHash {
        self.read(|inner| inner.chain.tip().hash)
    }

    /// Blocks of the best chain, from one height to another.
    #[must_use]
    pub fn blocks(&self, from: u64, to: u64) -> Vec<Block> {
        self.read(|inner| {
            (from..=to)
                .map(|height| inner.block(height).unwrap())
                .collect()
        })
    }

    /// All rows of its store.
    #[must_use]
    pub fn rows(&self) -> BTreeMap<(Table, Vec<u8>), Vec<u8>> {
        self.read(|inner| inner.rows.clone())
    }

    /// All entries of its log.
    #[must_use]
    pub fn log(&self) -> Vec<LogEntry> {
        self.read(|inner| inner.log_from(0, usize::MAX))
    }

    /// Takes blocks and the rest of a log from elsewhere, as far as it decides these blocks.
    pub fn take(&self, blocks: &[Block], log: &[LogEntry]) {
        self.change(|inner| {
            blocks.iter().for_each(|block| {
                inner.deliver(block);
                let next = usize::try_from(inner.log.length()).unwrap();
                for entry in log.iter().skip(next) {
                    if inner.log_height(entry) > inner.chain.height() {
                        break;
                    }
                    inner.log.append(entry).unwrap();
                    inner.keep_entry(entry);
                    let last = *inner.log.last();
                    inner.decide(last.height, last.block);
                }
            });
        });
    }

    fn read<T>(&self, read: impl FnOnce(&Inner) -> T) -> T {
        read(&self.0.inner.lock().unwrap())
    }

    fn change(&self, change: impl FnOnce(&mut Inner)) {
        let mut inner = self.0.inner.lock().unwrap();
        change(&mut inner);
        let tip = inner.chain.tip();
        self.0.positions.send_replace(Position {
            height: tip.height,
            tip: tip.hash,
            log_length: inner.log.length(),
        });
    }
}

impl Inner {
    fn deliver(&mut self, block: &Block) {
        let hash = block.sealed.header.hash();
        let now_ms = block.sealed.header.timestamp_ms;
        self.chain.insert_header(&block.sealed, now_ms).unwrap();
        self.chain.insert_body(&hash, block.body.clone()).unwrap();
        self.advance();
    }

    fn decide(&mut self, height: u64, hash: BlockHash) {
        self.chain.decide(Checkpoint { height, hash });
        self.advance();
    }

    fn advance(&mut self) {
        // Whoever made the blocks has verified the signatures.
        let changes = self.chain.advance(&|_| true);
        assert!(changes.condemned.is_empty(), "{:?}", changes.condemned);
        for Write { table, key, value } in changes.writes {
            match value {
                Some(value) => self.rows.insert((table, key), value),
                None => self.rows.remove(&(table, key)),
            };
        }
    }

    fn append(&mut self, record: LogRecord) {
        let entry = LogEntry {
            signature: secret(RELAY).sign(&record.statement()),
            record,
        };
        self.log.append(&entry).unwrap();
        self.keep_entry(&entry);
    }

    fn keep_entry(&mut self, entry: &LogEntry) {
        let write = Write::put(Table::Log, number_key(entry.record.index), entry);
        self.rows
            .insert((write.table, write.key), write.value.unwrap());
    }

    fn log_height(&self, entry: &LogEntry) -> u64 {
        match &entry.record.event {
            shared::finality::LogEvent::Decided { decision, .. } => decision.height,
            shared::finality::LogEvent::Forced { .. } => 0,
        }
    }

    fn block(&self, height: u64) -> Option<Block> {
        let body = self.rows.get(&(Table::Bodies, number_key(height)))?;
        Some(Block {
            sealed: self.chain.header(height)?.clone(),
            body: decode("body", body).unwrap(),
        })
    }

    fn log_from(&self, index: u64, count_max: usize) -> Vec<LogEntry> {
        self.rows
            .range((Table::Log, number_key(index))..=(Table::Log, number_key(u64::MAX)))
            .take(count_max)
            .map(|(_, bytes)| decode("log entry", bytes).unwrap())
            .collect()
    }
}

fn draft(
    chain: &mut Chain,
    producer: u8,
    after_ms: u64,
    transactions: &[SignedTransaction],
) -> Block {
    let verified: Vec<_> = transactions
        .iter()
        .cloned()
        .map(Verified::trusted)
        .collect();
    let last_ms = chain.header(chain.height()).unwrap().header.timestamp_ms;
    let secret = secret(producer);
    let producer: PublicKey = secret.public_key();
    let is_stake = chain.network().stake().is_some();
    let timestamp_ms = if is_stake {
        let next = chain.slot_at(last_ms).unwrap() + 1;
        let turn = chain.next_turn(next, SLOTS_AHEAD, &[producer]);
        chain.slot_start_ms(turn.unwrap().0)
    } else {
        last_ms + after_ms
    };
    let template = chain.template(producer, timestamp_ms, &verified);
    let (mut header, body): (Header, Body) = template.unwrap();
    let seal = if is_stake {
        let statement = SealedHeader::statement(&chain.network_id(), &header.hash());
        Seal::Stake(secret.sign(&statement))
    } else {
        let target = Target::from_compact(header.bits).unwrap();
        while !target.is_met_by(&header.hash()) {
            header.nonce += 1;
        }
        Seal::Work
    };
    let sealed = SealedHeader { header, seal };
    Block { sealed, body }
}

impl Source for TestReplica {
    fn network(&self) -> &NetworkParameters {
        &self.0.network
    }

    fn positions(&self) -> watch::Receiver<Position> {
        self.0.positions.subscribe()
    }

    async fn blocks_after(&self, locator: &[BlockHash]) -> Result<Vec<Block>, SourceError> {
        self.read(|inner| {
            let shared = locator.iter().find_map(|hash| inner.chain.height_of(hash));
            let first = shared.expect("genesis is in every locator") + 1;
            let blocks = (first..=inner.chain.height()).take(BLOCKS_PER_ANSWER_MAX);
            Ok(blocks.map(|height| inner.block(height).unwrap()).collect())
        })
    }

    async fn log_from(&self, index: u64) -> Result<Vec<LogEntry>, SourceError> {
        Ok(self.read(|inner| inner.log_from(index, BATCH_LOG_ENTRIES_MAX)))
    }
}
