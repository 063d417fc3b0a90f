//! Mining: what is searched, when it is searched anew, and what becomes of a nonce.

use super::Node;
use super::interface::{Effect, MiningPause, MiningWork};
use super::producing::SignedSlot;
use crate::block::{Block, Body, Header, Seal, SealedHeader};
use crate::difficulty::Target;
use crate::hash::Tag;
use crate::limits::{TEMPLATE_AGE_MAX_MS, TEMPLATE_REFRESH_MS};

/// What follows 180 bytes in SHA-256: a single one bit, zeros, and the length in bits.
const PADDING: [u8; 12] = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x05, 0xa0];

/// What is being mined.
#[derive(Debug, Default)]
pub(super) struct Mining {
    /// Whether the user wants to mine.
    pub(super) wanted: bool,
    /// Whether to stop after one block.
    once: bool,
    work: Option<Work>,
    /// Whether the miners have been given work and not been told to stop.
    is_searching: bool,
    /// Whether transactions came in since the work was given out.
    is_pool_newer: bool,
    pub(super) hashes_per_second: u64,
    /// Blocks found since the start.
    pub(super) found: u64,
    /// Where the proof is stake: what was signed last.
    pub(super) signed: Option<SignedSlot>,
    /// Since when the relay was heard without a gap, and its clock is known; the session may be
    /// over.
    pub(super) in_touch_since_ms: Option<u64>,
}

#[derive(Debug)]
struct Work {
    number: u64,
    header: Header,
    body: Body,
    since_ms: u64,
}

impl Mining {
    /// When the work has to be renewed.
    pub(super) fn due_ms(&self) -> Option<u64> {
        let work = self.work.as_ref()?;
        let age_max_ms = if self.is_pool_newer {
            TEMPLATE_REFRESH_MS
        } else {
            TEMPLATE_AGE_MAX_MS
        };
        Some(work.since_ms + age_max_ms)
    }
}

impl Node {
    pub(super) fn start_mining(&mut self, now_ms: u64, once: bool) {
        self.mining.wanted = true;
        self.mining.once = once;
        self.view_changed = true;
        self.renew_work(now_ms);
    }

    pub(super) fn halt_mining(&mut self) {
        self.mining.wanted = false;
        self.stop_work();
    }

    pub(super) fn set_hash_rate(&mut self, hashes_per_second: u64) {
        if self.mining.work.is_some() {
            self.mining.hashes_per_second = hashes_per_second;
            self.view_changed = true;
        }
    }

    /// Why there is nothing to search although it is wanted.
    pub(super) fn mining_pause(&self) -> Option<MiningPause> {
        let Some(ledger) = &self.ledger else {
            return Some(MiningPause::NoNetwork);
        };
        let chain = ledger.replica.chain();
        if chain.is_paused() {
            Some(MiningPause::Undecided)
        } else if chain.final_height() < chain.decided().height
            || (chain.missing_bodies().next().is_some() && !ledger.sync.waits_in_vain(chain))
        {
            Some(MiningPause::Syncing)
        } else {
            self.stake_pause(chain)
        }
    }

    /// Gives out new work upon the present tip.
    pub(super) fn renew_work(&mut self, now_ms: u64) {
        if !self.mining.wanted {
            return;
        }
        if self.mining_pause().is_some() {
            return self.stop_work();
        }
        if self.is_staked() {
            return self.take_turn(now_ms);
        }
        let time_ms = self.network_time_ms(now_ms);
        let number = self.request();
        let Some(ledger) = &mut self.ledger else {
            return;
        };
        let (header, body) = ledger.replica.template(self.key, time_ms);
        let Ok(target) = Target::from_compact(header.bits) else {
            return;
        };
        self.effects.push(Effect::Mine(MiningWork {
            work: number,
            header: header.clone(),
            target: target.to_bytes(),
        }));
        self.mining.is_searching = true;
        self.mining.is_pool_newer = false;
        self.mining.work = Some(Work {
            number,
            header,
            body,
            since_ms: now_ms,
        });
    }

    /// A decision may have ended a pause.
    pub(super) fn renew_work_if_paused(&mut self, now_ms: u64) {
        if self.mining.work.is_none() {
            self.renew_work(now_ms);
        }
    }

    pub(super) fn wake_mining(&mut self, now_ms: u64) {
        if self.is_staked() {
            self.view_changed = true;
            self.renew_work(now_ms);
        } else if self.mining.due_ms().is_some_and(|due_ms| due_ms <= now_ms) {
            self.renew_work(now_ms);
        }
    }

    /// Transactions came in or went.
    pub(super) fn pool_changed(&mut self) {
        self.mining.is_pool_newer = true;
        self.view_changed = true;
    }

    pub(super) fn nonce_found(&mut self, now_ms: u64, number: u64, version: u32, nonce: u64) {
        let Some(work) = self.mining.work.take_if(|work| work.number == number) else {
            return;
        };
        let mut header = work.header;
        header.version = version;
        header.nonce = nonce;
        let block = Block {
            sealed: SealedHeader {
                header,
                seal: Seal::Work,
            },
            body: work.body,
        };
        self.produced(now_ms, &block);
        self.renew_work_if_paused(now_ms);
    }

    /// A block of this node's own is whole.
    pub(super) fn produced(&mut self, now_ms: u64, block: &Block) {
        self.mining.found += 1;
        if self.mining.once {
            self.halt_mining();
        }
        self.own_block(now_ms, block);
    }

    fn is_staked(&self) -> bool {
        let ledger = self.ledger.as_ref();
        ledger.is_some_and(|ledger| ledger.replica.chain().network().stake().is_some())
    }

    fn stop_work(&mut self) {
        self.mining.work = None;
        if core::mem::take(&mut self.mining.is_searching) {
            self.effects.push(Effect::StopMining);
        }
        self.mining.hashes_per_second = 0;
        self.view_changed = true;
    }
}

/// What a miner, whatever it runs on, begins with.
impl MiningWork {
    /// The three blocks that SHA-256 hashes of tag and header (FIPS 180-4), with this version and
    /// the low half of the nonce, word 11 of the last block. The high half, word 12, is zero.
    #[must_use]
    pub fn blocks(&self, version: u32, nonce_low: u32) -> [[u8; 64]; 3] {
        let header = Header {
            version,
            ..self.header.clone()
        };
        let header = header.encoded();
        let without_nonce = header.get(..Header::BYTES - 8).unwrap_or_default();
        let message = [
            Tag::HEADER.bytes(),
            without_nonce,
            &nonce_low.to_le_bytes(),
            &[0; 4],
            &PADDING,
        ]
        .concat();
        let (blocks, _) = message.as_chunks();
        let mut blocks = blocks.iter().copied();
        core::array::from_fn(|_| blocks.next().unwrap_or([0; 64]))
    }

    /// The target as words, the most significant first.
    #[must_use]
    pub fn target_words(&self) -> [u32; 8] {
        let (words, _) = self.target.as_chunks();
        let mut words = words.iter().rev().map(|bytes| u32::from_le_bytes(*bytes));
        core::array::from_fn(|_| words.next().unwrap_or_default())
    }
}
