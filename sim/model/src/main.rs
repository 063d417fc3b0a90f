//! `cargo xtask model`: explores every configuration, then breaks each rule, and prints what came
//! of it. With the name of a broken rule, prints the events that show why it is one.

#![forbid(unsafe_code)]

use std::process::ExitCode;

use model::check::{explore, refute};
use model::mutation::Mutation;
use model::system::System;
use model::worlds;

fn main() -> ExitCode {
    let holds = match std::env::args().nth(1) {
        None => {
            let holds = print_configurations();
            println!();
            print_mutations() && holds
        }
        Some(name) => print_counterexample(&name),
    };
    if holds {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn print_configurations() -> bool {
    println!(
        "{:45} {:>9} {:>6} {:>8}  result",
        "configuration", "states", "depth", "seconds"
    );
    let mut all_hold = true;
    for world in worlds::all() {
        let explored = explore(world);
        let result = match (explored.refuted.first(), &explored.unmet[..]) {
            (None, []) => "holds".to_owned(),
            (None, unmet) => format!("never met: {}", unmet.join(", ")),
            (Some((property, events)), _) => format!("REFUTED: {property}, by {events:?}"),
        };
        all_hold &= explored.holds();
        println!(
            "{:45} {:>9} {:>6} {:>8.1}  {result}",
            explored.name,
            explored.states,
            explored.depth,
            explored.took.as_secs_f64(),
        );
    }
    all_hold
}

fn print_mutations() -> bool {
    println!(
        "{:45} {:>9} {:>6}  refuted by",
        "broken rule", "states", "events"
    );
    let mut all_refuted = true;
    for mutation in Mutation::ALL {
        let name = format!("{mutation:?}");
        let (world, property) = worlds::refuting(mutation);
        let found = refute(&System::new(world, Some(mutation)));
        all_refuted &= found
            .as_ref()
            .is_some_and(|found| found.property == property);
        match found {
            Some(found) => println!(
                "{name:45} {:>9} {:>6}  {}",
                found.states,
                found.events.len(),
                found.property,
            ),
            None => println!("{name:45} {:>16}  NOT REFUTED", ""),
        }
    }
    all_refuted
}

fn print_counterexample(name: &str) -> bool {
    let named = Mutation::ALL
        .into_iter()
        .find(|mutation| format!("{mutation:?}") == name);
    let Some(mutation) = named else {
        eprintln!(
            "error: no rule is broken as {name}; these are: {:?}",
            Mutation::ALL
        );
        return false;
    };
    let (world, _) = worlds::refuting(mutation);
    let Some(found) = refute(&System::new(world, Some(mutation)).with_names()) else {
        eprintln!("error: {name} was not refuted");
        return false;
    };
    println!("not so: {}", found.property);
    for (number, event) in (1..).zip(found.events) {
        println!("{number:3}. {event:?}");
    }
    true
}
