//! What is drawn in each scenario, and how often.

/// A kind of deed, and how often it is drawn.
pub(super) type Weights = [(u32, Kind)];

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Put,
    Transfer,
    Submit,
    Mine,
    StopMining,
    Cut,
    Partition,
    Unruly,
    Slow,
    Freeze,
    Clock,
    Crash,
    Start,
    Leave,
    Join,
    FillDisk,
    BackUp,
    Restore,
    Clone,
    Reconnect,
    StartAfresh,
    CrashRelay,
    StartRelay,
    RestartRelay,
    BackUpRelay,
    RestoreRelay,
    OtherView,
    Lie,
    Tamper,
    Check,
    Flood,
    Invite,
    Revoke,
    ShowInvitation,
}

pub(super) const GENERAL: &Weights = &[
    (35, Kind::Put),
    (6, Kind::Transfer),
    (4, Kind::Submit),
    (20, Kind::Mine),
    (5, Kind::StopMining),
    (8, Kind::Cut),
    (2, Kind::Partition),
    (2, Kind::Unruly),
    (4, Kind::Slow),
    (5, Kind::Freeze),
    (6, Kind::Crash),
    (8, Kind::Start),
    (2, Kind::Leave),
    (2, Kind::Join),
    (1, Kind::FillDisk),
    (1, Kind::StartAfresh),
    (2, Kind::CrashRelay),
    (4, Kind::StartRelay),
    (3, Kind::RestartRelay),
];

pub(super) const FINALITY: &Weights = &[
    (10, Kind::Put),
    (20, Kind::Mine),
    (15, Kind::Crash),
    (25, Kind::Start),
    (6, Kind::Slow),
    (6, Kind::Cut),
    (4, Kind::Leave),
    (8, Kind::Freeze),
    (8, Kind::RestartRelay),
];

pub(super) const SWINGS: &Weights = &[(20, Kind::Put), (10, Kind::Mine), (2, Kind::Cut)];

pub(super) const RESTORES: &Weights = &[
    (15, Kind::Put),
    (20, Kind::Mine),
    (12, Kind::BackUp),
    (12, Kind::Restore),
    (3, Kind::Clone),
    (10, Kind::Reconnect),
    (6, Kind::Crash),
    (10, Kind::Start),
    (4, Kind::Cut),
    (3, Kind::Slow),
    (3, Kind::RestartRelay),
];

pub(super) const RELAY_RESTORED: &Weights = &[
    (20, Kind::Put),
    (20, Kind::Mine),
    (6, Kind::BackUpRelay),
    (3, Kind::RestoreRelay),
    (6, Kind::Cut),
    (4, Kind::Crash),
    (8, Kind::Start),
];

pub(super) const LIARS: &Weights = &[
    (15, Kind::Put),
    (20, Kind::Mine),
    (40, Kind::Lie),
    (10, Kind::Reconnect),
    (4, Kind::Cut),
    (3, Kind::Crash),
    (6, Kind::Start),
    (2, Kind::RestartRelay),
];

pub(super) const TWO_VIEWS: &Weights = &[
    (20, Kind::Put),
    (20, Kind::Mine),
    (5, Kind::OtherView),
    (4, Kind::Crash),
    (8, Kind::Start),
    (4, Kind::Cut),
];

pub(super) const CLOCKS: &Weights = &[
    (15, Kind::Put),
    (25, Kind::Mine),
    (15, Kind::Clock),
    (6, Kind::Cut),
    (6, Kind::Crash),
    (10, Kind::Start),
    (3, Kind::RestartRelay),
];

pub(super) const CHECKS: &Weights = &[
    (25, Kind::Put),
    (20, Kind::Mine),
    (8, Kind::Tamper),
    (15, Kind::Check),
    (3, Kind::Slow),
];

pub(super) const LINKS: &Weights = &[
    (20, Kind::Put),
    (20, Kind::Mine),
    (15, Kind::Unruly),
    (10, Kind::Partition),
    (8, Kind::Cut),
    (4, Kind::Slow),
    (3, Kind::RestartRelay),
];

pub(super) const FLOODS: &Weights = &[
    (20, Kind::Put),
    (20, Kind::Mine),
    (25, Kind::Flood),
    (4, Kind::Cut),
    (3, Kind::Crash),
    (6, Kind::Start),
    (2, Kind::RestartRelay),
];

/// Nothing by which a disk loses what its key has voted: whoever does not know that any more waits
/// for the next roster, and here none is forced.
pub(super) const UNFORCED: &Weights = &[
    (10, Kind::Put),
    (20, Kind::Mine),
    (12, Kind::Crash),
    (22, Kind::Start),
    (5, Kind::Slow),
    (6, Kind::Cut),
    (4, Kind::Leave),
    (6, Kind::Freeze),
    (2, Kind::Join),
    (6, Kind::RestartRelay),
];

pub(super) const INVITED: &Weights = &[
    (15, Kind::Put),
    (15, Kind::Mine),
    (6, Kind::Submit),
    (6, Kind::Join),
    (8, Kind::Invite),
    (4, Kind::Revoke),
    (20, Kind::ShowInvitation),
    (4, Kind::Cut),
    (4, Kind::Crash),
    (8, Kind::Start),
    (4, Kind::RestartRelay),
];
