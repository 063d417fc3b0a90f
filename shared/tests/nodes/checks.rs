//! Consistency checks: how many are led, and how much each member reads for them.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::encoding::List;
use shared::message::{CheckQuery, CheckReport, Message};
use shared::node::interface::{Answer, Command};

use crate::world::World;

#[test]
fn a_check_that_is_asked_for_again_at_once_is_run_again() {
    let mut world = World::new(3);
    world.pass(1_000);
    world.mine(1);
    world.pass(1_000);
    assert_eq!(world.ask(2, Command::CheckConsistency), Answer::Done);
    assert_eq!(world.view(2).check.unwrap().agree.len(), 3);
    assert_eq!(world.ask(1, Command::Tamper { height: 1 }), Answer::Done);
    assert_eq!(world.ask(2, Command::CheckConsistency), Answer::Done);
    world.pass(1_000);
    assert_eq!(world.view(2).check.unwrap().differ.to_vec(), [(2, 1)]);

    for index in [0, 1, 2] {
        world.command(index, Command::CheckConsistency);
    }
    let before = world.view(0).check.unwrap().check.1;
    world.pass(1_000);
    let report = world.view(0).check.unwrap();
    assert_eq!(report.check.1, before + 2, "those meanwhile share one");
}

#[test]
fn questions_and_reports_that_pile_up_are_read_for_once_more_and_no_oftener() {
    let mut world = World::new(3);
    world.pass(1_000);
    for _ in 0..3 {
        world.mine(0);
        world.pass(1_000);
    }
    let height = world.view(1).chain.final_height;
    let report = CheckReport {
        check: (1, 1),
        height,
        agree: List::default(),
        differ: List::truncated([(world.view(1).id.unwrap(), 1)]),
        silent: List::default(),
    };
    let question = CheckQuery {
        check: (1, 1),
        member: None,
        start: 0,
        end: height + 1,
    };
    for message in [Message::CheckReport(report), Message::Check(question)] {
        let reads_for = |world: &mut World, count: usize| {
            let before = world.nodes[1].reads;
            for _ in 0..count {
                world.tell(1, &message);
            }
            world.settle();
            world.nodes[1].reads - before
        };
        let once = reads_for(&mut world, 1);
        assert!(once > 0);
        assert_eq!(reads_for(&mut world, 2), 2 * once);
        assert_eq!(reads_for(&mut world, 50), 2 * once);
    }
    assert_eq!(world.ask(1, Command::Tamper { height: 2 }), Answer::Done);
    assert_eq!(world.ask(2, Command::CheckConsistency), Answer::Done);
    world.pass(1_000);
    assert_eq!(world.view(1).damaged, [2], "what is found is still found");
}
