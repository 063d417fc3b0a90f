//! Messages to many members on their way into the members' queues.
//!
//! To queue each message for each of its receivers costs nearly as much as to check its signature.
//! Those that follow upon each other are gathered here instead, and queued in one piece for whoever
//! gets all of them ([ADR 0069](../../../docs/adr/0069-one-piece-for-all.md)).

use std::collections::HashMap;

use shared::relay::interface::ConnectionId;

use crate::limits::{FAN_OUTS_GATHERED_MAX, SOCKET_BATCH_BYTES};
use crate::outbox::{Frame, Joined};

/// What was gathered, oldest first.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    frames: Vec<Frame>,
    bytes: usize,
    audiences: Vec<Audience>,
    /// Which of the frames a socket has had before the others.
    had: HashMap<ConnectionId, Selection>,
}

/// Who receives some of the frames: mostly everyone but their sender.
#[derive(Debug)]
struct Audience {
    /// In order.
    connections: Vec<ConnectionId>,
    frames: Selection,
}

/// A bit for each frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Selection(u64);

const _: () = assert!(FAN_OUTS_GATHERED_MAX <= u64::BITS as usize);

/// What one socket gets.
#[derive(Debug)]
pub(super) enum Share<'a> {
    Nothing,
    All(&'a Joined),
    These(Vec<&'a Frame>),
}

/// What was gathered, for all who have not had it yet.
#[derive(Debug)]
pub(super) struct Gathered {
    gathering: Gathering,
    joined: Joined,
}

impl Gathering {
    /// Adds a frame. There is to be room for it.
    pub(super) fn add(&mut self, mut connections: Vec<ConnectionId>, frame: Frame) {
        connections.sort_unstable();
        let new = Selection::of(self.frames.len());
        let same = |audience: &&mut Audience| audience.connections == connections;
        match self.audiences.iter_mut().find(same) {
            Some(audience) => audience.frames = audience.frames.and(new),
            None => self.audiences.push(Audience {
                connections,
                frames: new,
            }),
        }
        self.bytes += frame.bytes();
        self.frames.push(frame);
    }

    pub(super) fn is_full(&self) -> bool {
        self.frames.len() >= FAN_OUTS_GATHERED_MAX || self.bytes >= SOCKET_BATCH_BYTES
    }

    /// Takes out what one socket is to get before something else.
    pub(super) fn take_of(&mut self, connection: ConnectionId) -> Vec<Frame> {
        let left = self.left_for(connection);
        if left == Selection::default() {
            return Vec::new();
        }
        let had = self.had.entry(connection).or_default();
        *had = had.and(left);
        self.selected(left).cloned().collect()
    }

    /// Takes out everything.
    pub(super) fn take(&mut self) -> Option<Gathered> {
        if self.frames.is_empty() {
            return None;
        }
        let gathering = core::mem::take(self);
        let joined = Joined::new(gathering.frames.clone());
        Some(Gathered { gathering, joined })
    }

    /// What a socket gets and has not had.
    fn left_for(&self, connection: ConnectionId) -> Selection {
        let its = self.audiences.iter();
        let its = its.filter(|audience| audience.connections.binary_search(&connection).is_ok());
        let all = its.fold(Selection::default(), |all, audience| {
            all.and(audience.frames)
        });
        match self.had.get(&connection) {
            Some(had) => all.without(*had),
            None => all,
        }
    }

    fn selected(&self, selection: Selection) -> impl Iterator<Item = &Frame> {
        let frames = self.frames.iter().enumerate();
        frames.filter_map(move |(number, frame)| selection.has(number).then_some(frame))
    }
}

impl Gathered {
    pub(super) fn share_of(&self, connection: ConnectionId) -> Share<'_> {
        let left = self.gathering.left_for(connection);
        match left.0.count_ones() as usize {
            0 => Share::Nothing,
            all if all == self.joined.frames().len() => Share::All(&self.joined),
            _ => Share::These(self.gathering.selected(left).collect()),
        }
    }
}

impl Selection {
    fn of(number: usize) -> Self {
        Self(1 << number)
    }

    fn has(self, number: usize) -> bool {
        self.0 >> number & 1 == 1
    }

    fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(number: u8) -> Frame {
        Frame::new(&[number])
    }

    /// The numbers of the frames that a socket gets, and whether in one piece.
    fn got(gathered: &Gathered, connection: ConnectionId) -> (Vec<u8>, bool) {
        let numbers = |frames: Vec<Frame>| frames.iter().map(|one| one.message()[0]).collect();
        match gathered.share_of(connection) {
            Share::Nothing => (Vec::new(), false),
            Share::All(joined) => (numbers(joined.frames().to_vec()), true),
            Share::These(frames) => (numbers(frames.into_iter().cloned().collect()), false),
        }
    }

    #[test]
    fn whoever_gets_all_gets_one_piece_and_others_their_share_in_order() {
        let mut gathering = Gathering::default();
        gathering.add(vec![2, 3, 4], frame(1));
        gathering.add(vec![1, 3, 4], frame(2));
        gathering.add(vec![4, 3, 2], frame(3));
        let gathered = gathering.take().unwrap();
        assert_eq!(got(&gathered, 1), (vec![2], false));
        assert_eq!(got(&gathered, 2), (vec![1, 3], false));
        assert_eq!(got(&gathered, 3), (vec![1, 2, 3], true));
        assert_eq!(got(&gathered, 4), (vec![1, 2, 3], true));
        assert_eq!(got(&gathered, 5), (vec![], false));
        assert!(gathering.take().is_none());
    }

    #[test]
    fn what_one_socket_had_before_something_else_does_not_come_again() {
        let mut gathering = Gathering::default();
        gathering.add(vec![1, 2], frame(1));
        assert_eq!(gathering.take_of(1), [frame(1)]);
        assert_eq!(gathering.take_of(1), []);
        assert_eq!(gathering.take_of(3), []);
        gathering.add(vec![1, 2], frame(2));
        assert_eq!(gathering.take_of(1), [frame(2)]);
        gathering.add(vec![1, 2], frame(3));
        let gathered = gathering.take().unwrap();
        assert_eq!(got(&gathered, 1), (vec![3], false));
        assert_eq!(got(&gathered, 2), (vec![1, 2, 3], true));
        gathering.add(vec![1, 2], frame(4));
        let gathered = gathering.take().unwrap();
        assert_eq!(got(&gathered, 1), (vec![4], true));
    }

    #[test]
    fn it_is_full_of_frames_or_of_bytes() {
        let mut gathering = Gathering::default();
        for number in 0..FAN_OUTS_GATHERED_MAX {
            assert!(!gathering.is_full());
            gathering.add(vec![1, 2], frame(u8::try_from(number).unwrap()));
        }
        assert!(gathering.is_full());
        let all = got(&gathering.take().unwrap(), 1).0;
        assert_eq!(all.len(), FAN_OUTS_GATHERED_MAX);
        assert!(!gathering.is_full());
        gathering.add(vec![1, 2], Frame::new(&vec![0; SOCKET_BATCH_BYTES]));
        assert!(gathering.is_full());
    }
}
