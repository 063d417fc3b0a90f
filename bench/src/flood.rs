//! Members that flood a network with transactions, steadily, for whatever is measured under it.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use shared::keys::SecretKey;
use shared::message::Message;

use crate::Figure;
use crate::load::LoadError;
use crate::load::member::{Joined, join, pong, submission, transaction};

/// What floods a relay.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// The relay's address.
    pub relay: SocketAddr,
    /// So many take part, each with a key of its own.
    pub members: u8,
    /// Transactions a second of all members together.
    pub per_second: f64,
    /// How long.
    pub time: Duration,
}

impl Flood {
    /// Joins with all members, and floods.
    ///
    /// # Errors
    /// When a member cannot join, or its connection ends early.
    pub fn run(self) -> Result<Vec<Figure>, LoadError> {
        let members: Vec<_> = (0..self.members)
            .map(|number| thread::spawn(move || self.send(number)))
            .collect();
        let mut sent = 0_u32;
        for member in members {
            let ended = member.join();
            sent += ended.map_err(|_| LoadError::Silence("a member: it panicked"))??;
        }
        Ok(vec![Figure::new("flooded transactions", f64::from(sent))])
    }

    /// One member. Returns how many it has sent.
    fn send(self, number: u8) -> Result<u32, LoadError> {
        // Nobody else's, also where a chain was made by keys of one repeated byte.
        let mut seed = [0xF1; 32];
        seed[0] = number;
        let secret = SecretKey::from_seed(&seed);
        let mut joined = join(self.relay, &secret)?;
        let interval = Duration::from_secs_f64(f64::from(self.members) / self.per_second);
        joined
            .stream
            .set_read_timeout(Some(interval))
            .map_err(LoadError::io("a deadline for the relay's next message"))?;
        let begun = Instant::now();
        // Not all at the same moment.
        let mut due = begun + interval * u32::from(number) / u32::from(self.members);
        let mut sent = 0_u32;
        while begun.elapsed() < self.time {
            answer_until(&mut joined, due)?;
            let (key, value) = (format!("flood {number}"), format!("value {sent}"));
            let signed = transaction(&secret, joined.network, sent.into(), &key, &value)
                .ok_or_else(|| LoadError::unexpected("a key and a value", number))?;
            joined.send(&submission(signed))?;
            sent += 1;
            due += interval;
        }
        Ok(sent)
    }
}

/// Answers pings until it is time; whatever else comes is let go.
fn answer_until(joined: &mut Joined, due: Instant) -> Result<(), LoadError> {
    while Instant::now() < due {
        match joined.receive() {
            Ok(Message::Ping { sequence, .. }) => joined.send(&pong(sequence, false))?,
            Ok(_) => {}
            Err(LoadError::Io { source, .. })
                if matches!(source.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
