//! Blocks into a replica: a builder makes honest ones on several branches, the input spoils them,
//! and delivers headers and bodies in its own order.
//!
//! What must hold: the replica's state is that of a replay of its best chain from genesis; what
//! was decided stays; nothing condemned is on the best chain; what it takes for evidence is some.

use std::collections::BTreeMap;

use arbitrary::{Result, Unstructured};
use shared::block::{Block, Header, Seal, SealedHeader};
use shared::chain::{Chain, Checkpoint};
use shared::difficulty::Target;
use shared::encoding::{List, Text};
use shared::hash::BlockHash;
use shared::keys::{PublicKey, SecretKey};
use shared::message::{AnnouncedBody, BlockAnnouncement};
use shared::network::NetworkParameters;
use shared::replica::{Announced, Replica};
use shared::state::State;
use shared::store::Rows;
use shared::transaction::{Action, Expect, SignedTransaction, Transaction, Verified};

use crate::world::{CREATED_AT_MS, HOLDERS, SPACING_MS, secret};

const STEPS_MAX: usize = 64;
/// Slots in which somebody is drawn for certain.
const SLOTS_AHEAD: u64 = 100;

struct Import {
    network: NetworkParameters,
    replica: Replica,
    now_ms: u64,
    /// What was made, good or bad, with the chain that ends in its parent.
    blocks: Vec<(Block, Vec<usize>)>,
    /// Who was named as a producer.
    producers: BTreeMap<PublicKey, SecretKey>,
    /// What was final at some time.
    final_blocks: BTreeMap<u64, BlockHash>,
}

/// Plays the input.
pub(crate) fn run(network: NetworkParameters, input: &[u8]) {
    let replica = Replica::restore(network.clone(), &Rows::default(), None)
        .expect("an empty store is a replica at genesis");
    let mut import = Import {
        network,
        replica,
        now_ms: CREATED_AT_MS + SPACING_MS,
        blocks: Vec::new(),
        producers: BTreeMap::new(),
        final_blocks: BTreeMap::new(),
    };
    let mut script = Unstructured::new(input);
    for _ in 0..STEPS_MAX {
        if script.is_empty() || import.step(&mut script).is_err() {
            break;
        }
        import.check();
    }
    import.compare_with_a_replay();
}

impl Import {
    fn step(&mut self, script: &mut Unstructured<'_>) -> Result<()> {
        match script.int_in_range(0..=9)? {
            0..=2 => self.produce(script)?,
            3 => self.spoil(script)?,
            4 => {
                if let Some(block) = self.pick(script)? {
                    let _ = self.replica.insert_header(&block.sealed, self.now_ms);
                }
            }
            5 => {
                if let Some(block) = self.pick(script)? {
                    let hash = block.sealed.header.hash();
                    let _ = self.replica.insert_body(&hash, block.body);
                }
            }
            6 => self.announce(script)?,
            7 => self.decide(script)?,
            8 => {
                let span_ms: u32 = script.arbitrary()?;
                self.now_ms += u64::from(span_ms) % (100 * SPACING_MS);
                for due in self.replica.due(self.now_ms) {
                    let _ = self.replica.announced(due, self.now_ms);
                }
            }
            _ => {
                if let Some(block) = self.pick(script)? {
                    for signed in block.body.transactions.into_vec() {
                        let sender = signed.transaction.sender;
                        let _ = self.replica.admit(signed, sender);
                    }
                }
            }
        }
        let _ = self.replica.advance();
        Ok(())
    }

    fn pick(&self, script: &mut Unstructured<'_>) -> Result<Option<Block>> {
        if self.blocks.is_empty() {
            return Ok(None);
        }
        Ok(Some(script.choose(&self.blocks)?.0.clone()))
    }

    /// An honest block upon any other, or upon genesis.
    fn produce(&mut self, script: &mut Unstructured<'_>) -> Result<()> {
        let parent = script.int_in_range(0..=self.blocks.len())?.checked_sub(1);
        let branch: Vec<usize> = parent.map_or_else(Vec::new, |parent| {
            let before = self.blocks[parent].1.iter().copied();
            before.chain([parent]).collect()
        });
        let mut chain = self.chain_of(&branch);
        if chain.height() != u64::try_from(branch.len()).unwrap_or(u64::MAX) {
            // A spoiled block is on the way: nothing honest stands upon it.
            return Ok(());
        }
        let mut transactions = Vec::new();
        for _ in 0..script.int_in_range(0..=3)? {
            let verified = Verified::trusted(self.transaction(script, &chain)?);
            transactions.push(verified);
        }
        let Some((timestamp_ms, producer)) = self.turn(script, &chain)? else {
            return Ok(());
        };
        if let Ok((mut header, body)) = chain.template(producer, timestamp_ms, &transactions) {
            header.tx_root = body.root();
            let sealed = self.sealed(header);
            self.blocks.push((Block { sealed, body }, branch));
        }
        Ok(())
    }

    /// When somebody may put a block upon a chain, and who.
    fn turn(
        &mut self,
        script: &mut Unstructured<'_>,
        chain: &Chain,
    ) -> Result<Option<(u64, PublicKey)>> {
        let late: u16 = script.arbitrary()?;
        let number: u8 = script.arbitrary()?;
        if self.network.stake().is_none() {
            let late_ms = u64::from(late) * 10;
            let producer = self.producer(number);
            return Ok(Some((chain.timestamp_min_ms() + late_ms, producer)));
        }
        let tip = chain.header(chain.height()).expect("every chain has a tip");
        let parent = chain.slot_at(tip.header.timestamp_ms).unwrap_or_default();
        let first = parent + 1 + u64::from(late) % SLOTS_AHEAD;
        let producer = self.producer(HOLDERS[usize::from(number) % HOLDERS.len()].0);
        let turn = chain.next_turn(first, SLOTS_AHEAD, &[producer]);
        Ok(turn.map(|(slot, key)| (chain.slot_start_ms(slot), key)))
    }

    fn producer(&mut self, number: u8) -> PublicKey {
        let secret = secret(number);
        let key = secret.public_key();
        self.producers.insert(key, secret);
        key
    }

    /// The header with its producer's signature, or with a nonce that meets its target where one
    /// is found soon.
    fn sealed(&self, mut header: Header) -> SealedHeader {
        let seal = match self.producers.get(&header.producer) {
            Some(secret) if self.network.stake().is_some() => {
                let statement = SealedHeader::statement(&self.network.id(), &header.hash());
                Seal::Stake(secret.sign(&statement))
            }
            _ => {
                search(&mut header);
                Seal::Work
            }
        };
        SealedHeader { header, seal }
    }

    fn transaction(
        &self,
        script: &mut Unstructured<'_>,
        chain: &Chain,
    ) -> Result<SignedTransaction> {
        let sender = secret(script.int_in_range(1..=3)?);
        let key = sender.public_key();
        let sequence = chain.state().account(&key).next_sequence;
        let action = if script.arbitrary()? {
            Action::Transfer {
                to: secret(script.int_in_range(1..=3)?).public_key(),
                amount: script.arbitrary()?,
            }
        } else {
            Action::Put {
                key: Text::truncated(["a", "b", "c"][script.int_in_range(0..=2)?]),
                value: Text::truncated("value"),
                expect: match script.int_in_range(0..=1)? {
                    0 => Expect::Anything,
                    _ => Expect::Absent,
                },
            }
        };
        let transaction = Transaction {
            network: self.network.id(),
            sender: key,
            sequence,
            valid_until: script.arbitrary()?,
            action,
            work: 0,
        };
        Ok(SignedTransaction {
            signature: sender.sign(&transaction.statement()),
            transaction,
        })
    }

    /// A copy of a block with one thing wrong, sealed again or not.
    fn spoil(&mut self, script: &mut Unstructured<'_>) -> Result<()> {
        if self.blocks.is_empty() {
            return Ok(());
        }
        let (mut block, branch) = script.choose(&self.blocks)?.clone();
        let header = &mut block.sealed.header;
        match script.int_in_range(0..=11)? {
            0 => header.version = script.arbitrary()?,
            1 => header.height = script.arbitrary()?,
            2 => header.timestamp_ms = script.arbitrary()?,
            3 => header.previous = BlockHash(script.arbitrary()?),
            4 => header.tx_root.0 = script.arbitrary()?,
            5 => header.state_root.0 = script.arbitrary()?,
            6 => header.bits = script.arbitrary()?,
            7 => header.nonce = script.arbitrary()?,
            8 => header.producer = self.producer(script.arbitrary()?),
            9 => {
                let mut transactions = block.body.transactions.clone().into_vec();
                transactions.pop();
                block.body.transactions = List::truncated(transactions);
            }
            10 => {
                let mut transactions = block.body.transactions.clone().into_vec();
                if let Some(signed) = transactions.first_mut() {
                    signed.transaction.sequence = script.arbitrary()?;
                }
                block.body.transactions = List::truncated(transactions);
                header.tx_root = block.body.root();
            }
            _ => {
                block.body.outcomes = List::default();
                header.tx_root = block.body.root();
            }
        }
        if script.arbitrary()? {
            block.sealed = self.sealed(block.sealed.header);
        }
        self.blocks.push((block, branch));
        Ok(())
    }

    fn announce(&mut self, script: &mut Unstructured<'_>) -> Result<()> {
        let Some(block) = self.pick(script)? else {
            return Ok(());
        };
        let body = if script.arbitrary()? {
            AnnouncedBody::Full(block.body)
        } else {
            AnnouncedBody::Compact {
                transactions: List::truncated(
                    block.body.transactions.iter().map(SignedTransaction::hash),
                ),
                outcomes: block.body.outcomes,
            }
        };
        let announcement = BlockAnnouncement {
            sealed: block.sealed,
            body,
        };
        if let Announced::Refused(error) = self.replica.announced(announcement, self.now_ms) {
            assert!(!error.to_string().is_empty());
        }
        Ok(())
    }

    /// A decision for a block that the replica has executed: no other is logged while the relay
    /// and two thirds of the roster are honest.
    fn decide(&mut self, script: &mut Unstructured<'_>) -> Result<()> {
        let chain = self.replica.chain();
        let height = script.int_in_range(0..=chain.height())?;
        if let Some(hash) = chain.hash_at(height) {
            self.replica.decide(Checkpoint { height, hash });
        }
        Ok(())
    }

    fn check(&mut self) {
        let chain = self.replica.chain();
        for (height, hash) in &self.final_blocks {
            assert_eq!(
                chain.hash_at(*height),
                Some(*hash),
                "a final block was left"
            );
        }
        let height = chain.final_height();
        if let Some(hash) = chain.hash_at(height) {
            self.final_blocks.insert(height, hash);
        }
        assert!(chain.decided().height <= chain.height());
        for evidence in self.replica.take_evidence() {
            let convicted = evidence.verify(&self.network).map(|one| one.key);
            assert!(convicted.is_ok_and(|key| self.producers.contains_key(&key)));
        }
    }

    /// A chain of these blocks; their signatures are the builder's own.
    fn chain_of(&self, branch: &[usize]) -> Chain {
        let mut chain = Chain::new(self.network.clone());
        for &index in branch {
            let block = &self.blocks[index].0;
            let hash = block.sealed.header.hash();
            let _ = chain.insert_header(&block.sealed, u64::MAX / 2);
            let _ = chain.insert_body(&hash, block.body.clone());
            let _ = chain.advance(&|_| true);
        }
        chain
    }

    /// The best chain, executed by one who knows nothing else.
    fn compare_with_a_replay(&self) {
        let best = self.replica.chain();
        let mut chain = Chain::new(self.network.clone());
        for height in 1..=best.height() {
            let sealed = best.header(height).expect("all headers up to the tip");
            let hash = sealed.header.hash();
            chain
                .insert_header(sealed, u64::MAX / 2)
                .expect("an accepted header is accepted again");
            // Two blocks may share a header and differ in the body; the header names which.
            let candidates = self
                .blocks
                .iter()
                .filter(|(block, _)| block.sealed.header.hash() == hash);
            let taken = candidates
                .map(|(block, _)| chain.insert_body(&hash, block.body.clone()))
                .any(|taken| taken.is_ok());
            assert!(taken, "no body is that of an executed block");
            let changes = chain.advance(&|_| false);
            assert!(changes.condemned.is_empty(), "{:?}", changes.condemned);
        }
        assert_eq!(chain.tip(), best.tip());
        let root_of = |chain: &Chain| State::from_entries(chain.state().entries().cloned()).root();
        assert_eq!(root_of(&chain), root_of(best));
        assert_eq!(chain.history().root(), best.history().root());
    }
}

fn search(header: &mut Header) {
    let Ok(target) = Target::from_compact(header.bits) else {
        return;
    };
    for nonce in 0..64 {
        header.nonce = nonce;
        if target.is_met_by(&header.hash()) {
            break;
        }
    }
}
