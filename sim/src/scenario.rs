//! Plans: which deeds are done when, drawn from a seed. A scenario is a mixture of deeds that
//! meets one kind of trouble often; the seed chooses it, so that any range of seeds has all.

mod mixtures;

use fastrand::Rng;

use crate::adversary::Lie;
use crate::chance;
use crate::deed::{Deed, Expected};
use mixtures::{
    CHECKS, CLOCKS, FINALITY, FLOODS, GENERAL, INVITED, Kind, LIARS, LINKS, RELAY_RESTORED,
    RESTORES, SWINGS, TWO_VIEWS, UNFORCED, Weights,
};

/// A kind of trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    /// A little of everything that honest members and an honest relay meet.
    General,
    /// Leaders and voters die between votes; the relay restarts.
    Finality,
    /// Hash power swings 200-fold.
    Swings,
    /// Everybody leaves for hours, and comes back with more power.
    Idle,
    /// One to three members.
    Small,
    /// Nodes are set back to backups, and keys are cloned.
    Restores,
    /// The relay is set back to a backup.
    RelayRestored,
    /// Up to a third of the members lie.
    Liars,
    /// The relay shows two views.
    TwoViews,
    /// Clocks are off by minutes, and jump.
    Clocks,
    /// Stored blocks are edited, and checks find them.
    Checks,
    /// Links repeat and reorder; groups are cut off and come back.
    Links,
    /// Up to a third of the members flood: headers, branches without bodies, future blocks.
    Floods,
    /// Voters die and come back, in a network that forbids forced changes.
    Unforced,
    /// A network by invitation: some hold, some are revoked or used up, and strangers have none.
    Invited,
}

impl Scenario {
    /// So many seeds in a row meet every scenario.
    pub const COUNT: u64 = Self::ALL.len() as u64;

    const ALL: [Self; 15] = [
        Self::General,
        Self::Finality,
        Self::Swings,
        Self::Idle,
        Self::Small,
        Self::Restores,
        Self::Liars,
        Self::TwoViews,
        Self::Clocks,
        Self::Checks,
        Self::Links,
        Self::RelayRestored,
        Self::Floods,
        Self::Unforced,
        Self::Invited,
    ];

    /// The scenario of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let place = usize::try_from(seed % Self::COUNT).unwrap_or(0);
        Self::ALL.get(place).copied().unwrap_or(Self::General)
    }

    /// The seed of this scenario with this number, from 0.
    #[must_use]
    pub fn seed(self, number: u64) -> u64 {
        let place = Self::ALL.iter().position(|scenario| *scenario == self);
        number * Self::COUNT + place.unwrap_or(0) as u64
    }
}

/// A name that is no scenario's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownScenario;

impl core::fmt::Display for UnknownScenario {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "the scenarios are {:?}", Scenario::ALL)
    }
}

impl std::error::Error for UnknownScenario {}

impl core::str::FromStr for Scenario {
    type Err = UnknownScenario;

    fn from_str(name: &str) -> Result<Self, UnknownScenario> {
        let mut all = Self::ALL.into_iter();
        all.find(|scenario| format!("{scenario:?}").eq_ignore_ascii_case(name))
            .ok_or(UnknownScenario)
    }
}

/// When a deed is done, and which.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Milliseconds from the start.
    pub at_ms: u64,
    /// What is done.
    pub deed: Deed,
}

/// A kind of consensus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Proof {
    /// Proof of work.
    #[default]
    Work,
    /// Proof of stake.
    Stake,
}

/// Everything that a run depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Where it was drawn from, and what delays and miners are drawn from.
    pub seed: u64,
    /// The kind of trouble.
    pub scenario: Scenario,
    /// The kind of consensus.
    pub proof: Proof,
    /// Members at the start.
    pub nodes: usize,
    /// Of these, the first so many lie.
    pub liars: usize,
    /// The deeds, in order.
    pub steps: Vec<Step>,
    /// When faults are over, milliseconds from the start.
    pub faults_ms: u64,
    /// How long after that everything has to be in order, in milliseconds.
    pub peace_max_ms: u64,
}

/// How long faults go on.
const FAULTS_MS: u64 = 480_000;
/// A forced change, with the time until absent members are noticed, and then some.
const PEACE_MAX_MS: u64 = 420_000;
/// After the loss of most hash power the first block takes its time: `docs/adr/0010`.
const PEACE_AFTER_SWINGS_MAX_MS: u64 = 2_400_000;
const HOUR_MS: u64 = 3_600_000;

impl Plan {
    /// The plan of a seed, in the scenario that the seed chooses.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        Self::in_scenario(Scenario::of(seed), seed)
    }

    /// The same deeds with another kind of consensus.
    #[must_use]
    pub fn with(self, proof: Proof) -> Self {
        Self { proof, ..self }
    }

    /// The plan of a seed in one scenario.
    #[must_use]
    pub fn in_scenario(scenario: Scenario, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let nodes = match scenario {
            Scenario::Small => chance::between(&mut rng, 1, 3),
            Scenario::Liars | Scenario::Floods => chance::between(&mut rng, 4, 7),
            Scenario::TwoViews | Scenario::Restores => chance::between(&mut rng, 2, 6),
            Scenario::Swings | Scenario::Idle => chance::between(&mut rng, 1, 4),
            _ => chance::between(&mut rng, 1, 7),
        };
        let mut plan = Self {
            seed,
            scenario,
            proof: Proof::default(),
            nodes,
            liars: match scenario {
                Scenario::Liars | Scenario::Floods => chance::between(&mut rng, 1, (nodes - 1) / 3),
                _ => 0,
            },
            steps: Vec::new(),
            faults_ms: FAULTS_MS,
            peace_max_ms: PEACE_MAX_MS,
        };
        match scenario {
            Scenario::General | Scenario::Small => plan.draw(&mut rng, GENERAL, 200..8_000),
            Scenario::Finality => plan.draw(&mut rng, FINALITY, 200..5_000),
            Scenario::Restores => plan.draw(&mut rng, RESTORES, 200..6_000),
            Scenario::RelayRestored => plan.draw(&mut rng, RELAY_RESTORED, 200..8_000),
            Scenario::Liars => plan.draw(&mut rng, LIARS, 200..5_000),
            Scenario::Clocks => plan.draw(&mut rng, CLOCKS, 200..8_000),
            Scenario::Checks => plan.draw(&mut rng, CHECKS, 500..10_000),
            Scenario::Links => plan.draw(&mut rng, LINKS, 200..8_000),
            Scenario::Floods => plan.draw(&mut rng, FLOODS, 200..5_000),
            Scenario::Unforced => plan.draw(&mut rng, UNFORCED, 200..5_000),
            Scenario::Invited => {
                plan.draw(&mut rng, INVITED, 1_000..8_000);
                for node in 0..nodes {
                    let at_ms = rng.u64(2_000..20_000);
                    let is_standing = true;
                    plan.insert(at_ms, Deed::ShowInvitation { node, is_standing });
                }
            }
            Scenario::TwoViews => {
                plan.draw(&mut rng, TWO_VIEWS, 200..8_000);
                let at_ms = rng.u64(20_000..FAULTS_MS / 2);
                let nodes = (1..nodes).filter(|_| rng.bool()).collect();
                plan.insert(at_ms, Deed::SplitRelay { nodes });
            }
            Scenario::Swings => plan.swing(&mut rng),
            Scenario::Idle => plan.idle(&mut rng),
        }
        if scenario == Scenario::Clocks {
            plan.set_relay_clock(&mut rng);
        }
        plan.ask_receipts(&mut rng);
        plan
    }

    /// The relay's clock is the network's: it is set by less than others are off.
    fn set_relay_clock(&mut self, rng: &mut Rng) {
        for _ in 0..rng.u32(0..4) {
            let ahead_ms = rng.i64(-60_000..60_000);
            self.insert(rng.u64(..self.faults_ms), Deed::RelayClock { ahead_ms });
        }
    }

    /// Now and then, and from everybody when all is over.
    fn ask_receipts(&mut self, rng: &mut Rng) {
        let (from_ms, to_ms) = (self.faults_ms / 4, self.faults_ms);
        for _ in 0..10 {
            let node = chance::index(rng, self.nodes);
            let chance = rng.u64(..);
            self.insert(rng.u64(from_ms..to_ms), Deed::Receipt { node, chance });
        }
    }

    /// Deeds one after the other, at a distance drawn from `pauses`.
    fn draw(&mut self, rng: &mut Rng, weights: &Weights, pauses: core::ops::Range<u64>) {
        let total: u32 = weights.iter().map(|(weight, _)| weight).sum();
        let mut at_ms = 0;
        loop {
            at_ms += rng.u64(pauses.clone());
            if at_ms >= self.faults_ms {
                return;
            }
            let mut left = rng.u32(0..total);
            let drawn = weights.iter().find(|(weight, _)| {
                let is_it = left < *weight;
                left = left.saturating_sub(*weight);
                is_it
            });
            // Each deed has a generator of its own: what one draws moves no other.
            let mut own = rng.fork();
            if let Some((_, kind)) = drawn {
                let deed = self.deed(*kind, &mut own);
                self.steps.push(Step { at_ms, deed });
            }
        }
    }

    /// The power rises 200-fold, stays, and falls again.
    fn swing(&mut self, rng: &mut Rng) {
        self.faults_ms = 2_400_000;
        self.peace_max_ms = PEACE_AFTER_SWINGS_MAX_MS;
        self.draw(rng, SWINGS, 2_000..30_000);
        self.mine_all(1_000);
        let mut at_ms = 60_000;
        while at_ms < self.faults_ms - 400_000 {
            let hashes_per_second = 200;
            self.insert(at_ms, Deed::HashRate { hashes_per_second });
            at_ms += rng.u64(100_000..500_000);
            let hashes_per_second = 1;
            self.insert(at_ms, Deed::HashRate { hashes_per_second });
            at_ms += rng.u64(300_000..900_000);
        }
    }

    /// Some blocks; then hours in which nobody mines, with the tabs open or closed; then more power
    /// than before.
    fn idle(&mut self, rng: &mut Rng) {
        self.peace_max_ms = PEACE_AFTER_SWINGS_MAX_MS;
        self.mine_all(1_000);
        let idle_from_ms = rng.u64(60_000..200_000);
        let is_open = rng.bool();
        let idle_ms = if is_open {
            HOUR_MS + rng.u64(0..HOUR_MS)
        } else {
            rng.u64(8..60) * HOUR_MS
        };
        let nodes: Vec<_> = (0..self.nodes).collect();
        for node in nodes.clone() {
            self.insert(idle_from_ms, Deed::StopMining { node });
        }
        if !is_open {
            let span_ms = idle_ms;
            self.insert(idle_from_ms + 1, Deed::Leave { nodes, span_ms });
        }
        let back_ms = idle_from_ms + idle_ms + 10_000;
        let hashes_per_second = rng.u32(10..60);
        self.insert(back_ms, Deed::HashRate { hashes_per_second });
        self.mine_all(back_ms + 1);
        self.faults_ms = back_ms + 600_000;
    }

    fn mine_all(&mut self, at_ms: u64) {
        for node in 0..self.nodes {
            self.insert(at_ms, Deed::Mine { node });
        }
    }

    fn insert(&mut self, at_ms: u64, deed: Deed) {
        let place = self.steps.partition_point(|step| step.at_ms <= at_ms);
        self.steps.insert(place, Step { at_ms, deed });
    }

    fn deed(&self, kind: Kind, rng: &mut Rng) -> Deed {
        let node = chance::index(rng, self.nodes);
        match kind {
            Kind::Put => Deed::Put {
                node,
                key: rng.u32(0..5),
                value: rng.u32(..),
                expect: match rng.u32(0..10) {
                    0..4 => Expected::Anything,
                    4..6 => Expected::Absent,
                    _ => Expected::AsSeen,
                },
            },
            Kind::Transfer => Deed::Transfer {
                node,
                to: chance::index(rng, self.nodes),
                amount: rng.u64(0..120),
            },
            Kind::Submit => Deed::Submit {
                key: rng.u32(0..5),
                valid_for: rng.bool().then(|| rng.u64(1..6)),
            },
            Kind::Mine => Deed::Mine { node },
            Kind::StopMining => Deed::StopMining { node },
            Kind::Cut => Deed::Cut {
                node,
                span_ms: rng.u64(100..40_000),
            },
            Kind::Partition => Deed::Partition {
                nodes: self.some(rng),
                span_ms: rng.u64(10_000..120_000),
            },
            Kind::Unruly => Deed::Unruly {
                node,
                span_ms: rng.u64(5_000..60_000),
            },
            Kind::Slow => Deed::Slow {
                node,
                delay_max_ms: rng.u64(1..3_000),
            },
            Kind::Freeze => Deed::Freeze {
                node,
                span_ms: rng.u64(1_000..40_000),
            },
            Kind::Clock => Deed::Clock {
                node,
                ahead_ms: rng.i64(-300_000..300_000),
            },
            Kind::Crash => Deed::Crash { node },
            Kind::Start => Deed::Start { node },
            Kind::Leave => Deed::Leave {
                nodes: self.some(rng),
                span_ms: rng.u64(1_000..150_000),
            },
            Kind::Join => Deed::Join,
            Kind::FillDisk => Deed::FillDisk { node },
            Kind::BackUp => Deed::BackUp { node },
            Kind::Restore => Deed::Restore { node },
            Kind::Clone => Deed::Clone { node },
            // Also of clones, which come after the others.
            Kind::Reconnect => Deed::Reconnect {
                node: chance::index(rng, self.nodes + 2),
            },
            Kind::StartAfresh => Deed::StartAfresh { node },
            Kind::CrashRelay => Deed::CrashRelay { relay: 0 },
            Kind::StartRelay => Deed::StartRelay { relay: 0 },
            Kind::RestartRelay => Deed::RestartRelay { relay: 0 },
            Kind::BackUpRelay => Deed::BackUpRelay,
            Kind::RestoreRelay => Deed::RestoreRelay,
            Kind::OtherView => Deed::ShowOtherView { node },
            Kind::Lie => Deed::Lie {
                node: chance::index(rng, self.liars.max(1)),
                lie: Lie::ALL
                    .get(chance::index(rng, Lie::ALL.len()))
                    .copied()
                    .unwrap_or(Lie::Garbage),
                chance: rng.u64(..),
            },
            Kind::Flood => Deed::Lie {
                node: chance::index(rng, self.liars.max(1)),
                lie: Lie::FLOODS
                    .get(chance::index(rng, Lie::FLOODS.len()))
                    .copied()
                    .unwrap_or(Lie::SideHeaders),
                chance: rng.u64(..),
            },
            Kind::Invite => Deed::Invite {
                uses_max: rng.u32(1..4),
            },
            Kind::Revoke => Deed::Revoke,
            // Mostly those who joined later: the others have theirs.
            Kind::ShowInvitation => Deed::ShowInvitation {
                node: chance::index(rng, self.nodes + 4),
                is_standing: false,
            },
            Kind::Tamper => Deed::Tamper {
                node,
                below_tip: rng.u64(0..5),
            },
            Kind::Check => Deed::Check { node },
        }
    }

    /// Each node with an even chance, one at least.
    fn some(&self, rng: &mut Rng) -> Vec<usize> {
        let always = chance::index(rng, self.nodes);
        let chosen = (0..self.nodes).filter(|node| *node == always || rng.bool());
        chosen.collect()
    }
}
