//! A room of sockets at one server: whatever one member sends goes to all the others. One thread
//! holds all of them, and looks at each message for as long as it takes to read its number.

use core::ops::Range;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Token};

use super::dialect::{Connection, Reader, Server, senders};
use super::messages::Messages;
use crate::load::LoadError;
use crate::load::program::{Program, own_cpu};
use crate::load::socket::{ReadEnd, Socket};

/// Messages under way when nothing holds the senders back: below what a server queues for a
/// socket before it calls it slow.
const UNDER_WAY_MAX: usize = 256;
/// Read at once from one socket.
const READ_BYTES: usize = 256 * 1024;
/// A server that delivers nothing for so long has failed.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// How fast messages are sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// As soon as others have been delivered.
    FlatOut,
    /// So many deliveries a second.
    DeliveriesPerSecond(f64),
}

/// What one run gave.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) deliveries_per_s: f64,
    pub(super) server_cpu_us: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// The generator's part of all processor time.
    pub(super) generator_share: f64,
}

/// All sockets at one server.
pub(super) struct Room<'a> {
    server: Server,
    program: &'a Program,
    poll: Poll,
    members: Vec<(Socket, Reader)>,
    buffer: Vec<u8>,
}

/// Messages under way.
struct Flight<'a> {
    messages: &'a Messages,
    numbers: Range<usize>,
    receivers: usize,
    /// From the first number on: when it was to be sent, and how many have it.
    sent: Vec<(Instant, usize)>,
    /// How many everyone has.
    complete: usize,
    delivered: usize,
    delays_us: Vec<u32>,
}

impl<'a> Room<'a> {
    /// Takes over connections that have joined.
    pub(super) fn new(
        server: Server,
        program: &'a Program,
        connections: Vec<Connection>,
    ) -> Result<Self, LoadError> {
        let poll = Poll::new().map_err(LoadError::io("a loop"))?;
        let mut members = Vec::with_capacity(connections.len());
        for (member, connection) in connections.into_iter().enumerate() {
            let socket = Socket::register(connection.stream, poll.registry(), Token(member))?;
            members.push((socket, connection.reader));
        }
        Ok(Self {
            server,
            program,
            poll,
            members,
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Sends the messages of these numbers and waits until each has reached everyone but its
    /// sender.
    pub(super) fn run(
        &mut self,
        messages: &Messages,
        numbers: Range<usize>,
        pace: Pace,
    ) -> Result<Run, LoadError> {
        let receivers = self.members.len() - 1;
        let mut flight = Flight {
            messages,
            numbers: numbers.clone(),
            receivers,
            sent: Vec::with_capacity(numbers.len()),
            complete: 0,
            delivered: 0,
            delays_us: Vec::with_capacity(numbers.len() * receivers),
        };
        let (server_before, own_before) = (self.program.cpu()?, own_cpu()?);
        let start = Instant::now();
        let mut last = (start, 0);
        while flight.complete < numbers.len() {
            let due = self.send_due(&mut flight, start, pace);
            self.turn(&mut flight, due)?;
            let now = Instant::now();
            if flight.delivered > last.1 {
                last = (now, flight.delivered);
            } else if now > last.0 + SILENCE_MAX {
                return Err(LoadError::Silence("deliveries"));
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let server_cpu = (self.program.cpu()? - server_before).as_secs_f64();
        let own_cpu = (own_cpu()? - own_before).as_secs_f64();
        let deliveries = flight.delivered as f64;
        flight.delays_us.sort_unstable();
        Ok(Run {
            deliveries_per_s: deliveries / seconds,
            server_cpu_us: server_cpu / deliveries * 1e6,
            p50_ms: flight.delay_ms(50),
            p99_ms: flight.delay_ms(99),
            generator_share: own_cpu / (own_cpu + server_cpu),
        })
    }

    /// Sends what is due; says when there will be more, if time decides that.
    fn send_due(&mut self, flight: &mut Flight<'_>, start: Instant, pace: Pace) -> Option<Instant> {
        let mut frames = senders().map(|_| Vec::new()).collect::<Vec<_>>();
        let mut due = None;
        let now = Instant::now();
        while let Some((sender, message)) = flight.upcoming() {
            let at = match pace {
                Pace::FlatOut => now,
                Pace::DeliveriesPerSecond(rate) => {
                    let earlier = (flight.sent.len() * flight.receivers) as f64;
                    start + Duration::from_secs_f64(earlier / rate)
                }
            };
            let under_way = flight.sent.len() - flight.complete;
            if at > now || under_way >= UNDER_WAY_MAX {
                due = (at > now).then_some(at);
                break;
            }
            if let Some(frames) = frames.get_mut(sender) {
                frames.extend(self.server.frame(message));
            }
            flight.sent.push((at, 0));
        }
        for ((socket, _), frames) in self.members.iter_mut().zip(frames) {
            if !frames.is_empty() {
                socket.send(&frames);
            }
        }
        due
    }

    /// Waits until something comes or is due, and takes it in.
    fn turn(&mut self, flight: &mut Flight<'_>, due: Option<Instant>) -> Result<(), LoadError> {
        let timeout = due.map_or(SILENCE_MAX, |due| {
            due.saturating_duration_since(Instant::now())
        });
        let mut events = Events::with_capacity(1024);
        match self.poll.poll(&mut events, Some(timeout)) {
            Err(error) if error.kind() != std::io::ErrorKind::Interrupted => {
                return Err(LoadError::io("a wait")(error));
            }
            _ => {}
        }
        let shape = self.server.shape(flight.messages);
        for event in &events {
            let member = event.token().0;
            let Some((socket, reader)) = self.members.get_mut(member) else {
                continue;
            };
            if event.is_writable() {
                socket.flush();
            }
            if !event.is_readable() {
                continue;
            }
            let mut answers = Vec::new();
            let end = socket.read(&mut self.buffer, |bytes| {
                let now = Instant::now();
                reader.read(bytes, |message| match shape.number(message) {
                    Some(number) => flight.arrived(number, now),
                    None => answers.extend(self.server.answer(message, member)),
                });
            });
            for answer in answers {
                socket.send(&answer);
            }
            if end == ReadEnd::Closed {
                return Err(LoadError::Silence(
                    "deliveries: the server has closed a socket",
                ));
            }
        }
        Ok(())
    }
}

impl<'a> Flight<'a> {
    /// The next message to be sent, and who sends it.
    fn upcoming(&self) -> Option<(usize, &'a [u8])> {
        let number = self.numbers.clone().nth(self.sent.len())?;
        self.messages.get(number)
    }

    fn arrived(&mut self, number: usize, now: Instant) {
        let position = number.wrapping_sub(self.numbers.start);
        let Some((sent, count)) = self.sent.get_mut(position) else {
            return;
        };
        *count += 1;
        self.delivered += 1;
        if *count == self.receivers {
            self.complete += 1;
        }
        let delay = now.saturating_duration_since(*sent).as_micros();
        self.delays_us
            .push(u32::try_from(delay).unwrap_or(u32::MAX));
    }

    /// The delay that so many of a hundred deliveries keep, once they are sorted.
    fn delay_ms(&self, percent: usize) -> f64 {
        let delay = self.delays_us.get(self.delays_us.len() * percent / 100);
        delay.map_or(f64::NAN, |delay| f64::from(*delay) / 1e3)
    }
}
