//! Scripts of events: what waits is delivered, out of order, twice, spoiled or never; time passes;
//! users want things; storage fails; and one side lies, with its own key.

use arbitrary::{Result, Unstructured};
use shared::encoding::Text;
use shared::keys::Signature;
use shared::node::interface::{self as node, Command};
use shared::relay::interface as relay;
use shared::transaction::Expect;

use crate::lies::lie;
use crate::world::{Party, World, secret};

const STEPS_MAX: usize = 96;

/// Who lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Liar {
    /// The relay, to the first node.
    Relay,
    /// Members, and strangers that open connections, to the relay.
    Members,
}

/// Plays the input.
pub(crate) fn run(liar: Liar, input: &[u8]) {
    let mut world = World::new();
    let mut script = Unstructured::new(input);
    for request in 0..STEPS_MAX {
        let request = u64::try_from(request).unwrap_or(u64::MAX);
        if script.is_empty() || step(&mut world, liar, request, &mut script).is_err() {
            break;
        }
    }
}

fn step(world: &mut World, liar: Liar, request: u64, script: &mut Unstructured<'_>) -> Result<()> {
    let victim = match liar {
        Liar::Relay => Party::Node(0),
        Liar::Members => Party::Relay,
    };
    match script.int_in_range(0..=15)? {
        0 | 1 => world.settle(),
        2 => {
            let party = *script.choose(&[Party::Relay, Party::Node(0), Party::Node(1)])?;
            world.deliver(party, 0);
        }
        3 => {
            let place = place(world, victim, script)?;
            world.deliver(victim, place);
        }
        4 => repeat(world, victim, script)?,
        5 => spoil(world, victim, script)?,
        6 => fail(world, victim, script)?,
        7 => pass_time(world, script)?,
        8 => {
            let index = script.int_in_range(0..=1)?;
            let command = command(script)?;
            world.tell_node(index, node::Event::Command(request, command));
        }
        9 => mine(world, request, script)?,
        10 => disturb(world, script)?,
        11 => {
            let bytes: &[u8] = {
                let count = script.int_in_range(0..=48)?.min(script.len());
                script.bytes(count)?
            };
            say(world, liar, bytes.to_vec(), script)?;
        }
        _ => {
            let message = lie(world, script)?;
            say(world, liar, message.to_frame(), script)?;
        }
    }
    Ok(())
}

fn place(world: &World, party: Party, script: &mut Unstructured<'_>) -> Result<usize> {
    script.int_in_range(0..=world.inbox_len(party).saturating_sub(1))
}

/// A waiting event comes twice.
fn repeat(world: &mut World, victim: Party, script: &mut Unstructured<'_>) -> Result<()> {
    let place = place(world, victim, script)?;
    match victim {
        Party::Relay => {
            if let Some(event) = world.relay_inbox.get(place).cloned() {
                world.tell_relay(event);
            }
        }
        Party::Node(index) => {
            if let Some(event) = world.nodes[index].inbox.get(place).cloned() {
                world.tell_node(index, event);
            }
        }
    }
    Ok(())
}

/// One byte of a waiting frame, or of a loaded row, is another one.
fn spoil(world: &mut World, victim: Party, script: &mut Unstructured<'_>) -> Result<()> {
    let place = place(world, victim, script)?;
    let bytes = match victim {
        Party::Relay => match world.relay_inbox.get_mut(place) {
            Some(relay::Event::Frame { frame, .. }) => Some(frame),
            Some(relay::Event::Loaded(_, rows)) => rows.first_mut().map(|row| &mut row.value),
            _ => None,
        },
        Party::Node(index) => match world.nodes[index].inbox.get_mut(place) {
            Some(node::Event::Frame(frame)) => Some(frame),
            Some(node::Event::Loaded(_, rows)) => rows.first_mut().map(|row| &mut row.value),
            _ => None,
        },
    };
    if let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) {
        let at = script.int_in_range(0..=bytes.len() - 1)?;
        bytes[at] ^= script.arbitrary::<u8>()?;
    }
    world.deliver(victim, place);
    Ok(())
}

/// A waiting event is lost, or says that the storage failed.
fn fail(world: &mut World, victim: Party, script: &mut Unstructured<'_>) -> Result<()> {
    let place = place(world, victim, script)?;
    let reason = "the disk is full".to_owned();
    match victim {
        Party::Relay if place < world.relay_inbox.len() => match world.relay_inbox.remove(place) {
            relay::Event::Loaded(id, _) => {
                world.tell_relay(relay::Event::LoadFailed(id, reason));
            }
            relay::Event::Written(id) => {
                world.tell_relay(relay::Event::WriteFailed(id, reason));
            }
            _ => {}
        },
        Party::Node(index) if place < world.nodes[index].inbox.len() => {
            match world.nodes[index].inbox.remove(place) {
                node::Event::Loaded(id, _) => {
                    world.tell_node(index, node::Event::LoadFailed(id, reason));
                }
                node::Event::Written(id) => {
                    world.tell_node(index, node::Event::WriteFailed(id, reason));
                }
                _ => {}
            }
        }
        _ => {}
    }
    Ok(())
}

fn pass_time(world: &mut World, script: &mut Unstructured<'_>) -> Result<()> {
    let spans_ms = [1, 100, 1_000, 5_000, 10_000, 20_000, 61_000, 3_600_000];
    world.now_ms += *script.choose(&spans_ms)?;
    world.tell_relay(relay::Event::Wake);
    for index in 0..world.nodes.len() {
        world.tell_node(index, node::Event::Wake);
    }
    Ok(())
}

fn command(script: &mut Unstructured<'_>) -> Result<Command> {
    let key = Text::truncated(script.choose(&["", "a", "b"])?);
    Ok(match script.int_in_range(0..=11)? {
        0 | 1 => Command::Put {
            key,
            value: Text::truncated("value"),
            expect: *script.choose(&[Expect::Anything, Expect::Absent])?,
        },
        2 => Command::Transfer {
            to: secret(2).public_key(),
            amount: script.arbitrary()?,
        },
        3 => Command::StartMining {
            once: script.arbitrary()?,
        },
        4 => Command::StopMining,
        5 => Command::Blocks {
            from: script.arbitrary()?,
            count: script.arbitrary()?,
        },
        6 => Command::Block {
            height: script.arbitrary()?,
        },
        7 => Command::Pending {
            skip: script.arbitrary()?,
            count: script.arbitrary()?,
        },
        8 => Command::Lookup { key },
        9 => Command::CheckConsistency,
        10 => Command::Tamper {
            height: script.int_in_range(0..=3)?,
        },
        _ => {
            let rare = [Command::Repair, Command::Reconnect, Command::Disconnect];
            script.choose(&rare)?.clone()
        }
    })
}

/// A node mines a block, and everything that follows from it happens.
fn mine(world: &mut World, request: u64, script: &mut Unstructured<'_>) -> Result<()> {
    let index = script.int_in_range(0..=1)?;
    let command = Command::StartMining { once: true };
    world.tell_node(index, node::Event::Command(request, command));
    world.now_ms += 10_000;
    world.tell_node(index, node::Event::Wake);
    world.settle();
    if let Some(found) = world.nodes[index].nonce() {
        world.tell_node(index, found);
    }
    world.settle();
    Ok(())
}

fn disturb(world: &mut World, script: &mut Unstructured<'_>) -> Result<()> {
    let index = script.int_in_range(0..=1)?;
    match script.int_in_range(0..=7)? {
        0 => world.disconnect(index),
        1 => world.restart_node(index),
        2 => world.restart_relay(),
        3 => world.tell_node(index, node::Event::Woken),
        4 => world.tell_node(index, node::Event::Visible(script.arbitrary()?)),
        5 => world.tell_node(index, node::Event::HashRate(script.arbitrary()?)),
        6 => {
            let found = node::Event::NonceFound {
                work: script.arbitrary()?,
                version: script.arbitrary()?,
                nonce: script.arbitrary()?,
            };
            world.tell_node(index, found);
        }
        _ => {
            let (id, bytes) = (script.int_in_range(0..=20)?, script.arbitrary()?);
            let signature = Signature(two(bytes));
            world.tell_node(index, node::Event::Signed(id, signature));
        }
    }
    Ok(())
}

fn two(half: [u8; 32]) -> [u8; 64] {
    let mut whole = [0; 64];
    whole[..32].copy_from_slice(&half);
    whole
}

/// The liar sends a frame to its victim.
fn say(world: &mut World, liar: Liar, frame: Vec<u8>, script: &mut Unstructured<'_>) -> Result<()> {
    match liar {
        Liar::Relay => world.tell_node(0, node::Event::Frame(frame)),
        Liar::Members => {
            let stranger = if script.ratio(1, 8)? {
                Some(world.open())
            } else {
                None
            };
            if stranger.is_some() {
                world.settle();
            }
            if let Some(connection) = stranger.or(world.nodes[1].connection) {
                world.tell_relay(relay::Event::Frame { connection, frame });
            }
        }
    }
    Ok(())
}
