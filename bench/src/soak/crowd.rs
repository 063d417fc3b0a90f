//! All clients in one thread, and the account of who was told what.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use shared::keys::PublicKey;
use shared::transaction::SignedTransaction;

use super::client::{Client, Did, News};
use crate::Figure;
use crate::load::LoadError;

const TURN: Duration = Duration::from_millis(20);
const READ_BYTES: usize = 256 * 1024;

/// All clients.
pub(super) struct Crowd {
    relay: SocketAddr,
    poll: Poll,
    clients: Vec<Client>,
    numbers: HashMap<PublicKey, usize>,
    /// For each client that stays, by the number of a sender: the sequence that it expects next.
    expected: HashMap<usize, Vec<u64>>,
    tally: Tally,
    buffer: Vec<u8>,
}

/// What happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    joins: u64,
    freezes: u64,
    vanished: u64,
    closed: u64,
    deliveries: u64,
    acknowledged: u64,
    /// Transactions that were acknowledged and did not reach somebody who stayed, or not in order,
    /// or twice; and those who stayed and were closed.
    lost: u64,
    refused: u64,
}

impl Crowd {
    /// Clients of whom the first ones stay; these join at once, so that they miss nothing.
    pub(super) fn new(
        relay: SocketAddr,
        clients: usize,
        staying: usize,
    ) -> Result<Self, LoadError> {
        let now = Instant::now();
        let clients: Vec<_> = (0..clients)
            .map(|number| Client::new(number, number < staying, now))
            .collect();
        let numbers = clients
            .iter()
            .enumerate()
            .map(|(number, client)| (client.key(), number))
            .collect();
        let mut crowd = Self {
            relay,
            poll: Poll::new().map_err(LoadError::io("a loop"))?,
            expected: (0..staying)
                .map(|number| (number, vec![0; clients.len()]))
                .collect(),
            clients,
            numbers,
            tally: Tally::default(),
            buffer: vec![0; READ_BYTES],
        };
        for client in crowd.clients.iter_mut().take(staying) {
            client.turn(now, relay, crowd.poll.registry())?;
        }
        Ok(crowd)
    }

    /// Takes in what has come, and lets each client do what its time has come for.
    pub(super) fn turn(&mut self) -> Result<(), LoadError> {
        self.read()?;
        let now = Instant::now();
        for client in &mut self.clients {
            match client.turn(now, self.relay, self.poll.registry())? {
                Did::Nothing => {}
                Did::Joined => self.tally.joins += 1,
                Did::Froze => self.tally.freezes += 1,
                Did::Vanished => self.tally.vanished += 1,
            }
        }
        Ok(())
    }

    /// Lets what is under way arrive.
    pub(super) fn settle(&mut self, patience: Duration) -> Result<(), LoadError> {
        let deadline = Instant::now() + patience;
        while self.missing() > 0 && Instant::now() < deadline {
            self.read()?;
        }
        Ok(())
    }

    /// What happened, and what has not.
    pub(super) fn tally(&self) -> Tally {
        let mut tally = self.tally.clone();
        tally.lost += self.missing();
        tally.acknowledged = self.clients.iter().map(Client::acknowledged).sum();
        tally
    }

    fn read(&mut self) -> Result<(), LoadError> {
        let mut events = Events::with_capacity(1024);
        match self.poll.poll(&mut events, Some(TURN)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => {
                return Err(LoadError::io("a wait")(error));
            }
            _ => {}
        }
        for event in &events {
            let number = event.token().0;
            let Some(client) = self.clients.get_mut(number) else {
                continue;
            };
            let stays = client.stays();
            let mut news = Vec::new();
            client.read(&mut self.buffer, |one| news.push(one));
            for one in news {
                match one {
                    News::Transaction(signed) => self.delivered(number, &signed),
                    News::Refused(reason) => {
                        eprintln!("    a transaction was refused: {reason}");
                        self.tally.refused += 1;
                    }
                    News::Closed => {
                        self.tally.closed += 1;
                        self.tally.lost += u64::from(stays);
                    }
                }
            }
        }
        Ok(())
    }

    fn delivered(&mut self, receiver: usize, signed: &SignedTransaction) {
        self.tally.deliveries += 1;
        let Some(sender) = self.numbers.get(&signed.transaction.sender) else {
            return;
        };
        let expected = self.expected.get_mut(&receiver);
        if let Some(next) = expected.and_then(|expected| expected.get_mut(*sender)) {
            if signed.transaction.sequence == *next {
                *next += 1;
            } else {
                self.tally.lost += 1;
            }
        }
    }

    /// Acknowledged transactions that somebody who stayed does not have.
    fn missing(&self) -> u64 {
        let of = |(receiver, expected): (&usize, &Vec<u64>)| -> u64 {
            let senders = self.clients.iter().zip(expected).enumerate();
            senders
                .filter(|(sender, _)| sender != receiver)
                .map(|(_, (sender, next))| sender.acknowledged().saturating_sub(*next))
                .sum()
        };
        self.expected.iter().map(of).sum()
    }
}

impl Tally {
    pub(super) fn figures(&self) -> Vec<Figure> {
        let figure = |what, count: u64| Figure::new(what, count as f64);
        vec![
            figure("joins", self.joins),
            figure("freezes", self.freezes),
            figure("vanished", self.vanished),
            figure("closed by the relay", self.closed),
            figure("acknowledged transactions", self.acknowledged),
            figure("deliveries", self.deliveries),
            figure("lost", self.lost),
            figure("refused", self.refused),
        ]
    }
}
