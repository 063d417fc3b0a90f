//! The miner workers: as many as wanted, each with its share of the nonces, started again when
//! they crash, slowed down while nobody looks.

use gloo_timers::callback::{Interval, Timeout};
use shared::node::interface::{Event, MiningWork};

use super::inbox::{Inbox, Input};
use crate::js::now_ms;
use crate::port::{PortError, WorkerClient};
use crate::ports::{Fatal, FromMiner, Kernel, MinerSettings, ToMiner};

/// A hidden tab that is always busy is frozen by the browser after some minutes.
const HIDDEN: MinerSettings = MinerSettings {
    workers: 1,
    duty_percent: 25,
};
/// More workers than this gain nothing on any machine a tab runs on.
const WORKERS_MAX: u32 = 64;
/// Time between two measurements of the rate.
const MEASURE_INTERVAL_MS: u32 = 1_000;
/// Wait before failed miners are started again.
const RESTART_DELAY_MS: u32 = 2_000;

/// The miner workers, and what they search.
pub(super) struct Miners {
    inbox: Inbox,
    kernel: Kernel,
    settings: MinerSettings,
    is_visible: bool,
    work: Option<MiningWork>,
    workers: Vec<Miner>,
    next_miner: u64,
    restart: Option<Timeout>,
    measuring: Option<Measuring>,
}

struct Miner {
    number: u64,
    client: WorkerClient<ToMiner>,
}

/// What is known of the rate while a search goes on.
struct Measuring {
    hashes: u64,
    since_ms: u64,
    _interval: Interval,
}

impl Miners {
    pub(super) fn new(inbox: Inbox, kernel: Kernel, settings: MinerSettings) -> Self {
        Self {
            inbox,
            kernel,
            settings,
            is_visible: true,
            work: None,
            workers: Vec::new(),
            next_miner: 0,
            restart: None,
            measuring: None,
        }
    }

    /// Searches, in place of what was searched before.
    pub(super) fn search(&mut self, work: MiningWork) {
        self.work = Some(work);
        self.dispatch();
    }

    /// Searches no more. The workers stay, idle: the next search begins at once.
    pub(super) fn stop(&mut self) {
        self.work = None;
        self.measuring = None;
        for miner in &self.workers {
            miner.client.send(&ToMiner::Stop);
        }
        self.inbox.put(Input::Node(Event::HashRate(0)));
    }

    /// Takes the user's wish. Returns what came of it.
    pub(super) fn set_settings(&mut self, wanted: MinerSettings) -> MinerSettings {
        self.settings = MinerSettings {
            workers: wanted.workers.clamp(1, WORKERS_MAX),
            duty_percent: wanted.duty_percent.clamp(10, 100),
        };
        self.dispatch();
        self.settings
    }

    /// Someone looks, or nobody.
    pub(super) fn set_visible(&mut self, is_visible: bool) {
        if self.is_visible != is_visible {
            self.is_visible = is_visible;
            self.dispatch();
        }
    }

    /// Starts what has failed again.
    pub(super) fn restart(&mut self) {
        self.restart = None;
        self.dispatch();
    }

    /// What a miner said, if it says something to the node or to the page.
    pub(super) fn receive(
        &mut self,
        number: u64,
        event: Result<FromMiner, PortError>,
    ) -> Option<Input> {
        let index = self
            .workers
            .iter()
            .position(|miner| miner.number == number)?;
        match event {
            Ok(FromMiner::Hello { .. }) => None,
            Ok(FromMiner::Found {
                work,
                version,
                nonce,
            }) => Some(Input::Node(Event::NonceFound {
                work,
                version,
                nonce,
            })),
            Ok(FromMiner::Hashed { hashes, .. }) => {
                if let Some(measuring) = &mut self.measuring {
                    measuring.hashes += hashes;
                }
                None
            }
            Err(error) => {
                self.workers.remove(index);
                self.restart_later();
                let reason = error.to_string();
                Some(Input::Failed(Fatal::Miner { reason }))
            }
        }
    }

    /// The rate of all workers since it was measured last.
    pub(super) fn measure(&mut self) -> Option<Event> {
        let measuring = self.measuring.as_mut()?;
        let now_ms = now_ms();
        let elapsed_ms = now_ms.saturating_sub(measuring.since_ms);
        let rate = (measuring.hashes * 1_000).checked_div(elapsed_ms)?;
        measuring.hashes = 0;
        measuring.since_ms = now_ms;
        Some(Event::HashRate(rate))
    }

    /// Brings the workers to the number wanted, and gives each its share of the work.
    fn dispatch(&mut self) {
        let Some(mut work) = self.work.clone() else {
            return;
        };
        let MinerSettings {
            workers,
            duty_percent,
        } = self.effective();
        self.resize(workers);
        // A new starting point each time: shares cut anew would repeat what was tried before.
        work.header.nonce = getrandom::u64().unwrap_or(work.header.nonce);
        let count = u32::try_from(self.workers.len()).unwrap_or(u32::MAX);
        for (miner, index) in self.workers.iter().zip(0..) {
            miner.client.send(&ToMiner::Search {
                work: Box::new(work.clone()),
                index,
                count,
                duty_percent,
            });
        }
        if self.measuring.is_none() {
            let inbox = self.inbox.clone();
            self.measuring = Some(Measuring {
                hashes: 0,
                since_ms: now_ms(),
                _interval: Interval::new(MEASURE_INTERVAL_MS, move || {
                    inbox.put(Input::MeasureMiners);
                }),
            });
        }
    }

    fn effective(&self) -> MinerSettings {
        if self.is_visible {
            self.settings
        } else {
            MinerSettings {
                workers: self.settings.workers.min(HIDDEN.workers),
                duty_percent: self.settings.duty_percent.min(HIDDEN.duty_percent),
            }
        }
    }

    fn resize(&mut self, workers: u32) {
        let wanted = usize::try_from(workers).unwrap_or(usize::MAX);
        self.workers.truncate(wanted);
        while self.workers.len() < wanted {
            match self.spawn() {
                Ok(miner) => self.workers.push(miner),
                Err(error) => {
                    let reason = error.to_string();
                    self.inbox.put(Input::Failed(Fatal::Miner { reason }));
                    self.restart_later();
                    return;
                }
            }
        }
    }

    fn spawn(&mut self) -> Result<Miner, PortError> {
        let number = self.next_miner;
        self.next_miner += 1;
        let script = match self.kernel {
            Kernel::Simd => "/miner_loader.js",
            Kernel::Scalar => "/miner-scalar_loader.js",
        };
        let inbox = self.inbox.clone();
        let client = WorkerClient::spawn(script, move |event| {
            inbox.put(Input::Miner {
                miner: number,
                event,
            });
        })?;
        Ok(Miner { number, client })
    }

    fn restart_later(&mut self) {
        let inbox = self.inbox.clone();
        self.restart = Some(Timeout::new(RESTART_DELAY_MS, move || {
            inbox.put(Input::RestartMiners);
        }));
    }
}
