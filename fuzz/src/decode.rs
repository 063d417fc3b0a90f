//! Bytes of strangers into every type that is sent or stored.

use borsh::{BorshDeserialize, BorshSerialize};
use shared::block::{Block, Body, Header, SealedHeader};
use shared::encoding::{decode, encode};
use shared::finality::voter::VoteState;
use shared::finality::{
    Ballot, Certificate, Decision, LogEntry, LogRecord, Proposal, Roster, Vote,
};
use shared::message::Message;
use shared::network::NetworkParameters;
use shared::node::interface::{Command, View};
use shared::state::{Entry, StateProof, Undo};
use shared::transaction::{SignedTransaction, Transaction};

/// One type's decoder, with the promise that there is one encoding for each value.
type Decoder = fn(&[u8]);

/// The first byte chooses; the order is kept, so that old inputs mean what they meant.
const DECODERS: [Decoder; 21] = [
    frame,
    canonical::<SignedTransaction>,
    canonical::<Transaction>,
    canonical::<Block>,
    canonical::<Body>,
    canonical::<Header>,
    canonical::<SealedHeader>,
    canonical::<NetworkParameters>,
    canonical::<LogEntry>,
    canonical::<LogRecord>,
    canonical::<Proposal>,
    canonical::<Vote>,
    canonical::<Ballot>,
    canonical::<Certificate>,
    canonical::<Decision>,
    canonical::<Roster>,
    canonical::<VoteState>,
    canonical::<Entry>,
    canonical::<Undo>,
    canonical::<StateProof>,
    page,
];

/// Decodes the input, without its first byte, as the type that this byte names.
pub(crate) fn run(input: &[u8]) {
    let Some((&choice, bytes)) = input.split_first() else {
        return;
    };
    DECODERS[usize::from(choice) % DECODERS.len()](bytes);
}

/// A frame, and then what both sides do with a message before they trust it.
fn frame(bytes: &[u8]) {
    let Ok(message) = Message::from_frame(bytes) else {
        return;
    };
    assert_eq!(message.to_frame(), bytes, "two encodings of {message:?}");
    match message {
        Message::Vote(vote) => {
            let _ = vote.verify();
        }
        Message::Proposal(proposal) => {
            let _ = proposal.verify();
        }
        Message::Certified(certified) => {
            let roster = &certified.decision.next_roster;
            let _ = certified.certificate.check_signers(roster);
        }
        Message::Evidence(evidence) => {
            let _ = evidence.verify(&crate::world::network());
        }
        Message::Block(announcement) => {
            let _ = announcement.sealed.header.hash();
        }
        _ => {}
    }
}

/// What a page and its worker say to each other: another program of another build may be there.
fn page(bytes: &[u8]) {
    canonical::<Command>(bytes);
    canonical::<View>(bytes);
}

fn canonical<T: BorshDeserialize + BorshSerialize>(bytes: &[u8]) {
    if let Ok(value) = decode::<T>("value", bytes) {
        assert_eq!(
            encode(&value),
            bytes,
            "two encodings of one {}",
            std::any::type_name::<T>()
        );
    }
}
