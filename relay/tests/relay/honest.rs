//! An honest client at work while others misbehave: how long its round trips take, beside those of
//! another one whose relay nobody attacks.

use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use shared::keys::SecretKey;
use shared::message::Message;
use tempfile::TempDir;

use crate::program::Program;
use crate::wire::{self, Socket};

/// Another address of this machine, which the relay tells apart from 127.0.0.1.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
/// The fewest round trips that are made.
const SAMPLES: usize = 300;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(10);

/// An honest client of a relay that is attacked, and one of a relay that is left alone. Attackers,
/// relays and clients share this machine, perhaps with other tests: what these take from one client
/// they take from the other. The difference is what the attacked relay fails to give.
pub(crate) struct Honest {
    attacked: Client,
    left_alone: Client,
    _relay: Program,
    _data: TempDir,
}

impl Honest {
    /// A client of the relay at this port, which is attacked, and one of a relay of its own with
    /// the same settings.
    pub(crate) async fn join(port: u16, arguments: &[&str]) -> Self {
        let data = TempDir::new().unwrap();
        let relay = Program::start_with(data.path(), arguments);
        Self {
            attacked: Client::join(port).await,
            left_alone: Client::join(relay.port).await,
            _relay: relay,
            _data: data,
        }
    }

    /// Fails unless the round trips of both take as long while `attack` goes on.
    pub(crate) async fn expect_usual_service_during(self, attack: impl Future<Output = ()>) {
        let is_over = Arc::new(AtomicBool::new(false));
        let until = Arc::clone(&is_over);
        // In a task of its own: what the attackers compute must not hold it up.
        let measured = tokio::spawn(self.measure(until));
        attack.await;
        is_over.store(true, Ordering::Relaxed);
        let (usual, under_attack) = measured.await.unwrap();
        println!("99 of 100 round trips: usually {usual:?}, under attack {under_attack:?}");
        assert!(
            under_attack <= bound(usual),
            "{under_attack:?}, usually {usual:?}"
        );
    }

    /// What 99 of 100 round trips keep of the one left alone, and of the one attacked. Both ask at
    /// the same time: what stops the machine for a moment stops both.
    async fn measure(mut self, is_over: Arc<AtomicBool>) -> (Duration, Duration) {
        let (mut usual, mut under_attack) = (Vec::new(), Vec::new());
        while !is_over.load(Ordering::Relaxed) || usual.len() < SAMPLES {
            let both = tokio::join!(self.left_alone.round_trip(), self.attacked.round_trip());
            usual.push(both.0);
            under_attack.push(both.1);
            tokio::time::sleep(PAUSE).await;
        }
        (p99(usual), p99(under_attack))
    }
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

/// Where other programs want the processor too, either may have to wait for a turn of it. On two
/// busy cores 7 to 37 ms were seen under attack where 6 to 55 ms were usual, once 20 where 10 were.
fn bound(usual: Duration) -> Duration {
    usual * 2 + Duration::from_millis(20)
}

/// A member that asks for the log, which the relay reads from its store behind all that it has to
/// write.
struct Client {
    socket: Socket,
}

impl Client {
    async fn join(port: u16) -> Self {
        let mut socket = wire::connect_from(ADDRESS, port).await.unwrap();
        wire::register(&mut socket, &SecretKey::from_seed(&[77; 32])).await;
        Self { socket }
    }

    async fn round_trip(&mut self) -> Duration {
        let asked = Instant::now();
        wire::send(&mut self.socket, &Message::GetLog { from: 0 }).await;
        loop {
            match wire::receive(&mut self.socket).await {
                Some(Message::Log(_)) => return asked.elapsed(),
                Some(_) => {}
                None => panic!("the relay has closed an honest client"),
            }
        }
    }
}
