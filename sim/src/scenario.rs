//! One run: a workload and faults for a while, then peace, then the account.

use shared::node::interface::Command;
use shared::transaction::{Expect, Key, Value};

use crate::Met;
use crate::invariants::{Memory, Violation};
use crate::world::World;

/// How long faults go on.
const FAULTS_MS: u64 = 600_000;
/// How long peace lasts before the account: a forced change, and then some.
const PEACE_MS: u64 = 300_000;

/// Runs a seed. A failure says what was violated, and at which step.
pub fn run(seed: u64, is_traced: bool) -> Result<Met, Violation> {
    let mut world = World::new(seed, is_traced);
    let mut memory = Memory::default();
    let nodes = world.rng.usize(1..=7);
    for _ in 0..nodes {
        let index = world.add_node();
        // Clocks are off by minutes in one run of three.
        if seed.is_multiple_of(3)
            && let ahead_ms = world.rng.i64(-300_000..300_000)
            && let Some(sim) = world.nodes.get_mut(index)
        {
            sim.clock_ahead_ms = ahead_ms;
        }
    }
    let peace_ms = world.now_ms + FAULTS_MS;
    while world.now_ms < peace_ms {
        let pause_ms = world.rng.u64(200..8_000);
        let until_ms = world.now_ms + pause_ms;
        pass(&mut world, &mut memory, until_ms)?;
        something_happens(&mut world, &mut memory);
    }
    heal(&mut world, &mut memory);
    let end_ms = world.now_ms + PEACE_MS;
    pass(&mut world, &mut memory, end_ms)?;
    for index in 0..world.nodes.len() {
        world.command(index, Command::StopMining);
    }
    let rest_ms = world.now_ms + 60_000;
    pass(&mut world, &mut memory, rest_ms)?;
    memory
        .check_end(&world)
        .map_err(|what| violation(&world, what))?;
    let mut met = world.met.clone();
    for sim in &world.nodes {
        if let Some(node) = &sim.node {
            met.reorganisations += node.view().chain.reorganisations;
            met.acknowledged = met
                .acknowledged
                .max(u64::try_from(memory.note_acknowledged(node)).unwrap_or(u64::MAX));
        }
    }
    Ok(met)
}

/// Lets time pass, and checks every node that has done something.
fn pass(world: &mut World, memory: &mut Memory, until_ms: u64) -> Result<(), Violation> {
    while let Some(concerned) = world.step(until_ms) {
        let Some(index) = concerned else {
            continue;
        };
        let Some(node) = world.nodes.get(index).and_then(|sim| sim.node.as_ref()) else {
            continue;
        };
        memory
            .check_node(index, node)
            .map_err(|what| violation(world, what))?;
        memory.note_acknowledged(node);
    }
    world.now_ms = world.now_ms.max(until_ms);
    Ok(())
}

fn something_happens(world: &mut World, memory: &mut Memory) {
    let index = world.rng.usize(0..world.nodes.len());
    let is_running = world.nodes.get(index).is_some_and(|sim| sim.node.is_some());
    match world.rng.u32(0..100) {
        0..45 if is_running => {
            let key = Key::truncated(&format!("key {}", world.rng.u32(0..5)));
            let value = Value::truncated(&format!("value {}", world.rng.u32(..)));
            let expect = Expect::Anything;
            world.command(index, Command::Put { key, value, expect });
        }
        45..65 if is_running => world.command(index, Command::StartMining { once: false }),
        65..70 if is_running => world.command(index, Command::StopMining),
        70..78 => {
            let span_ms = world.rng.u64(100..40_000);
            world.cut(index, span_ms);
        }
        78..83 if is_running => {
            let span_ms = world.rng.u64(1_000..40_000);
            world.freeze(index, span_ms);
        }
        83..90 if is_running => world.crash_node(index),
        90..96 => restart(world, memory, index),
        96..98 => {
            world.crash_relay();
            world.start_relay();
        }
        98 => {
            if world.relay.is_some() {
                world.crash_relay();
            } else {
                world.start_relay();
            }
        }
        _ => {
            let delay_max_ms = world.rng.u64(1..3_000);
            if let Some(sim) = world.nodes.get_mut(index) {
                sim.delay_max_ms = delay_max_ms;
            }
        }
    }
    if world.relay.is_none() && world.rng.u32(0..5) == 0 {
        world.start_relay();
    }
}

fn heal(world: &mut World, memory: &mut Memory) {
    world.trace(|| "faults are over".to_owned());
    if world.relay.is_none() {
        world.start_relay();
    }
    let now_ms = world.now_ms;
    for index in 0..world.nodes.len() {
        restart(world, memory, index);
        if let Some(sim) = world.nodes.get_mut(index) {
            sim.cut_until_ms = sim.cut_until_ms.min(now_ms);
            sim.delay_max_ms = 50;
        }
        world.command(index, Command::StartMining { once: false });
    }
}

fn restart(world: &mut World, memory: &mut Memory, index: usize) {
    if world.nodes.get(index).is_some_and(|sim| sim.node.is_none()) {
        memory.forget(index);
        world.start_node(index);
    }
}

fn violation(world: &World, what: String) -> Violation {
    Violation {
        step: world.met.steps,
        what,
    }
}
