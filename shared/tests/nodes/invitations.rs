//! Networks by invitation: real nodes, the real relay core, virtual time.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use shared::encoding::Text;
use shared::invitation::Invitation;
use shared::keys::SecretKey;
use shared::message::{Admission as Admitted, ErrorCode};
use shared::network::{Admission, NetworkParameters};
use shared::node::interface::{Command, Connection};
use shared::relay::interface::{Event, InvitationError, NewInvitation};
use shared::transaction::{Action, Expect, Key, SignedTransaction, Transaction, Value};

use crate::world::World;

fn closed_network() -> NetworkParameters {
    NetworkParameters {
        admission: Admission::InviteOnly,
        ..crate::world::network()
    }
}

fn invitation(number: u8) -> Invitation {
    Invitation::from_bytes([number; 32])
}

/// Issues an invitation that so many keys may use.
fn invite(world: &mut World, number: u8, uses_max: u32) -> Result<(), InvitationError> {
    let invite = NewInvitation {
        id: invitation(number).id(),
        label: Text::truncated("class 7b"),
        uses_max,
    };
    world.tell_relay(Event::Invite(u64::from(number), invite));
    world.administered.remove(&u64::from(number)).unwrap()
}

fn show(world: &mut World, node: usize, number: u8) {
    world.ask(node, Command::UseInvitation(invitation(number)));
    world.pass(1_000);
}

/// Whether a node is a member; a refusal must be for want of an invitation.
fn is_member(world: &World, node: usize) -> bool {
    match world.view(node).connection {
        Connection::Joined => true,
        Connection::Refused(error) => {
            assert_eq!(error.code, ErrorCode::Invitation, "{error:?}");
            false
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_who_shows_an_invitation_that_holds_may_join() {
    let mut world = World::of(closed_network(), 3);
    invite(&mut world, 1, 10).unwrap();
    world.pass(1_000);
    assert!([0, 1, 2].iter().all(|node| !is_member(&world, *node)));

    show(&mut world, 0, 1);
    assert!(is_member(&world, 0));
    show(&mut world, 1, 2);
    assert!(!is_member(&world, 1), "this one was never issued");
    assert_eq!(world.relay.invitations().next().unwrap().uses, 1);
}

#[test]
fn an_invitation_admits_as_many_keys_as_it_says_also_over_a_restart() {
    let mut world = World::of(closed_network(), 3);
    invite(&mut world, 1, 2).unwrap();
    show(&mut world, 0, 1);
    world.kill_relay();
    world.settle();
    world.start_relay();
    world.pass(60_000);
    show(&mut world, 1, 1);
    show(&mut world, 2, 1);
    assert_eq!(
        [0, 1, 2].map(|node| is_member(&world, node)),
        [true, true, false]
    );
}

#[test]
fn a_revoked_invitation_admits_nobody_and_who_has_joined_stays() {
    let mut world = World::of(closed_network(), 2);
    invite(&mut world, 1, 10).unwrap();
    show(&mut world, 0, 1);
    let id = invitation(1).id();
    world.tell_relay(Event::Revoke(7, id));
    assert_eq!(world.administered[&7], Ok(()));
    world.tell_relay(Event::Revoke(8, id));
    assert_eq!(world.administered[&8], Err(InvitationError::Unknown(id)));

    world.kill_relay();
    world.settle();
    world.start_relay();
    show(&mut world, 1, 1);
    world.pass(60_000);
    assert_eq!([0, 1].map(|node| is_member(&world, node)), [true, false]);
}

#[test]
fn an_open_network_has_no_invitations() {
    let mut world = World::new(1);
    assert_eq!(invite(&mut world, 1, 1), Err(InvitationError::OpenNetwork));
    world.pass(1_000);
    assert!(is_member(&world, 0));
}

#[test]
fn over_rest_only_keys_that_have_joined_may_write() {
    let mut world = World::of(closed_network(), 1);
    invite(&mut world, 1, 1).unwrap();
    show(&mut world, 0, 1);
    let member = SecretKey::from_seed(&[10; 32]);
    assert_eq!(member.public_key(), world.view(0).key);
    let stranger = SecretKey::from_seed(&[99; 32]);
    for (request, secret) in [(1, &member), (2, &stranger)] {
        world.tell_relay(Event::Submit(request, put(secret)));
    }
    assert_eq!(world.admitted[&1], Admitted::Pending);
    assert!(matches!(world.admitted[&2], Admitted::Refused(_)));
}

fn put(secret: &SecretKey) -> SignedTransaction {
    let transaction = Transaction {
        network: closed_network().id(),
        sender: secret.public_key(),
        sequence: 0,
        valid_until: None,
        action: Action::Put {
            key: Key::new("key").unwrap(),
            value: Value::new("value").unwrap(),
            expect: Expect::Anything,
        },
        work: 0,
    };
    SignedTransaction {
        signature: secret.sign(&transaction.statement()),
        transaction,
    }
}

#[test]
fn an_invitation_survives_being_written_and_betrays_nothing_in_logs() {
    let secret = invitation(3);
    let text = secret.to_string();
    assert!(text.starts_with("tabinvite1"), "{text}");
    assert_eq!(text.len(), 68);
    assert_eq!(text.parse(), Ok(secret.clone()));
    assert_eq!(text.to_uppercase().parse(), Ok(secret.clone()));
    let mistyped = text.replacen('q', "p", 1);
    assert!(mistyped.parse::<Invitation>().is_err());
    assert!("".parse::<Invitation>().is_err());
    let logged = format!("{secret:?}");
    assert_eq!(logged, format!("Invitation {}", secret.id()));
    assert!(!logged.contains(&"03".repeat(8)));
}
