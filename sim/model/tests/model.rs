//! The rules hold in every configuration, and each broken one is found out.

use model::check::{explore, refute};
use model::configuration::Configuration;
use model::mutation::Mutation;
use model::properties::DECISIONS_AGREE;
use model::system::System;
use model::worlds;

#[track_caller]
fn holds(world: Configuration) {
    let explored = explore(world);
    assert!(explored.holds(), "{explored:#?}");
}

#[test]
fn voters_agree_with_a_quarter_of_them_faulty() {
    holds(worlds::agreement(3));
}

#[test]
fn voters_agree_with_a_third_of_them_faulty() {
    holds(worlds::a_third_faulty());
}

#[test]
fn rosters_decide_their_successors() {
    holds(worlds::succession());
}

#[test]
fn a_forced_change_makes_a_late_certificate_void() {
    holds(worlds::forced_change());
}

#[test]
fn a_forced_change_that_keeps_its_roster_makes_old_votes_void() {
    holds(worlds::kept_roster());
}

#[test]
fn a_roster_that_comes_back_does_not_vote_twice() {
    holds(worlds::returning_roster());
}

#[test]
fn a_relay_that_restarts_has_told_nothing_that_it_forgets() {
    holds(worlds::relay_restart());
}

#[test]
fn a_restored_key_abstains_until_the_log_moves_on() {
    holds(worlds::restored_key());
}

#[test]
fn a_restored_key_does_not_vote_without_its_lock() {
    holds(worlds::restored_lock());
}

#[test]
fn a_relay_restored_from_a_backup_logs_no_other_decision() {
    holds(worlds::relay_rollback());
}

#[test]
fn a_forgetful_relay_that_forces_a_change_is_beyond_what_is_promised() {
    let world = worlds::forgetful_relay_that_forces();
    let found = refute(&System::new(world, None)).map(|found| found.property);
    assert_eq!(found, Some(DECISIONS_AGREE));
}

#[test]
fn every_broken_rule_is_refuted() {
    for mutation in Mutation::ALL {
        let (world, property) = worlds::refuting(mutation);
        let found = refute(&System::new(world, Some(mutation)));
        let found = found.map(|found| found.property);
        assert_eq!(found, Some(property), "{mutation:?}");
    }
    let mutation = Mutation::VotesOutliveForcedChanges;
    let found = refute(&System::new(worlds::returning_roster(), Some(mutation)));
    assert!(found.is_some(), "{mutation:?} also shows with two changes");
}
