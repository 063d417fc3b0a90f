//! The network that is served by default: chosen among those of the data folder, or made.

use shared::difficulty::Target;
use shared::encoding::{List, Text, TextError};
use shared::keys::PublicKey;
use shared::network::{
    Admission, Consensus, Holder, NetworkParameters, ParametersError, Stake, Work,
};

use crate::settings::{NetworkKind, NetworkSettings};

const NAME: &str = "tabchain";
const SPACING_MS: u64 = 10_000;
/// 2^27 hashes: about ten seconds of one tab at 10 to 15 MH/s.
const FIRST_HASHES_LOG2: u8 = 27;
const EASIEST_HASHES_LOG2: u8 = 20;
/// With four slots to a block, as long as a block by work takes.
const SLOT_MS: u64 = 2_500;
/// Two and a half minutes.
const EPOCH_SLOTS: u64 = 60;
const BLOCK_REWARD: u64 = 50;
/// A thousand attempts: less than a millisecond of a tab, and more than checking the signature costs.
const OPEN_TRANSACTION_WORK_BITS: u8 = 10;
/// One megabyte: enough for a workshop, too little for one account to fill everybody's memory.
const STATE_BYTES_PER_ACCOUNT_MAX: u64 = 1 << 20;

/// Why there is no network to serve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreationError {
    /// The name is too long.
    #[error("the network's name: {0}")]
    Name(#[from] TextError),
    /// No chain can be run with these settings.
    #[error("no network can be made with these settings: {0}")]
    Parameters(#[from] ParametersError),
    /// The first block would be cheaper than the cheapest.
    #[error(
        "the first block would cost 2^{first} hashes, less than the cheapest, which costs 2^{easiest}: raise the first or lower the other"
    )]
    FirstBelowEasiest {
        /// What the first block would cost.
        first: u8,
        /// What a block would cost at least.
        easiest: u8,
    },
    /// A cost is out of range.
    #[error("a block costs 2^1 to 2^200 hashes, 2^{0} came")]
    Cost(u8),
    /// A setting belongs to the other kind of consensus.
    #[error("{setting} belongs to proof of {of}, and this network is to be of proof of {kind}")]
    OtherKind {
        /// The setting.
        setting: &'static str,
        /// The kind that it belongs to.
        of: &'static str,
        /// The kind that was asked for.
        kind: &'static str,
    },
    /// A flag contradicts what the network was made with.
    #[error(
        "the network {name} was made with {flag} {made_with}, and {came} came: leave the flag out, or make another network with --network-name"
    )]
    Fixed {
        /// The network.
        name: String,
        /// The flag.
        flag: &'static str,
        /// What the network was made with.
        made_with: String,
        /// What the flag says.
        came: String,
    },
}

/// What the settings come to.
#[derive(Debug)]
pub(crate) enum Choice {
    /// The network at this position of the list.
    Existing(usize),
    /// A network that is to be stored.
    New(Box<NetworkParameters>),
}

/// The network that the settings mean: one of `existing`, or a new one made at `now_ms` for
/// `relay`, with `salt` to tell it from all others.
pub(crate) fn choose_or_create<'a>(
    settings: &NetworkSettings,
    existing: impl IntoIterator<Item = &'a NetworkParameters>,
    relay: PublicKey,
    salt: [u8; 16],
    now_ms: u64,
) -> Result<Choice, CreationError> {
    let wanted = settings.network_name.as_deref();
    let found = existing
        .into_iter()
        .enumerate()
        .find(|(_, network)| wanted.is_none_or(|name| network.name.as_str() == name));
    match found {
        Some((position, network)) => {
            check_unchanged(settings, network)?;
            Ok(Choice::Existing(position))
        }
        None => create(settings, relay, salt, now_ms).map(|new| Choice::New(Box::new(new))),
    }
}

/// The parameters of a new network.
pub(crate) fn create(
    settings: &NetworkSettings,
    relay: PublicKey,
    salt: [u8; 16],
    now_ms: u64,
) -> Result<NetworkParameters, CreationError> {
    let consensus = match settings.kind.unwrap_or_default() {
        NetworkKind::Work => work(settings)?,
        NetworkKind::Stake => stake(settings)?,
    };
    let parameters = NetworkParameters {
        name: Text::new(settings.network_name.as_deref().unwrap_or(NAME))?,
        consensus,
        admission: if settings.invite_only {
            Admission::InviteOnly
        } else {
            Admission::Open
        },
        created_at_ms: now_ms,
        salt,
        relay,
        block_reward: settings.block_reward.unwrap_or(BLOCK_REWARD),
        transaction_work_bits: OPEN_TRANSACTION_WORK_BITS,
        state_bytes_per_account_max: STATE_BYTES_PER_ACCOUNT_MAX,
        forced_changes_allowed: true,
    };
    parameters.check()?;
    Ok(parameters)
}

fn work(settings: &NetworkSettings) -> Result<Consensus, CreationError> {
    let of_stake = [
        ("a holder", !settings.holders.is_empty()),
        ("the length of a slot", settings.slot_ms.is_some()),
        ("the slots of an epoch", settings.epoch_slots.is_some()),
    ];
    check_kind(of_stake, "stake", "work")?;
    let easiest = settings
        .easiest_hashes_log2
        .unwrap_or_else(|| EASIEST_HASHES_LOG2.min(settings.first_hashes_log2.unwrap_or(u8::MAX)));
    let first = settings
        .first_hashes_log2
        .unwrap_or(FIRST_HASHES_LOG2.max(easiest));
    if let Some(wrong) = [first, easiest]
        .into_iter()
        .find(|log2| !(1..=200).contains(log2))
    {
        return Err(CreationError::Cost(wrong));
    }
    if first < easiest {
        return Err(CreationError::FirstBelowEasiest { first, easiest });
    }
    Ok(Consensus::Work(Work {
        spacing_ms: settings.spacing_ms.unwrap_or(SPACING_MS),
        first_bits: bits(first),
        easiest_bits: bits(easiest),
    }))
}

fn stake(settings: &NetworkSettings) -> Result<Consensus, CreationError> {
    let of_work = [
        ("the time between blocks", settings.spacing_ms.is_some()),
        ("the first cost", settings.first_hashes_log2.is_some()),
        ("the easiest cost", settings.easiest_hashes_log2.is_some()),
    ];
    check_kind(of_work, "work", "stake")?;
    let mut holders: Vec<Holder> = settings.holders.clone();
    holders.sort_by_key(|holder| holder.key);
    Ok(Consensus::Stake(Stake {
        slot_ms: settings.slot_ms.unwrap_or(SLOT_MS),
        epoch_slots: settings.epoch_slots.unwrap_or(EPOCH_SLOTS),
        holders: List::new(holders).ok_or(ParametersError::Holders)?,
    }))
}

fn check_kind(
    settings: [(&'static str, bool); 3],
    of: &'static str,
    kind: &'static str,
) -> Result<(), CreationError> {
    match settings.into_iter().find(|(_, is_set)| *is_set) {
        Some((setting, _)) => Err(CreationError::OtherKind { setting, of, kind }),
        None => Ok(()),
    }
}

/// Refuses flags that would have no effect on a network that exists.
fn check_unchanged(
    settings: &NetworkSettings,
    network: &NetworkParameters,
) -> Result<(), CreationError> {
    let same = |flag, came: Option<String>, made_with: String| match came {
        Some(came) if came != made_with => Err(CreationError::Fixed {
            name: network.name.to_string(),
            flag,
            made_with,
            came,
        }),
        _ => Ok(()),
    };
    let text = |number: Option<u64>| number.map(|number| number.to_string());
    let target = |log2: Option<u8>| log2.map(|log2| format!("{:#010x}", bits(log2)));
    let kind = NetworkKind::of(network);
    same(
        "--kind",
        settings.kind.map(|kind| kind.to_string()),
        kind.to_string(),
    )?;
    match &network.consensus {
        Consensus::Work(work) => {
            same(
                "--spacing-ms",
                text(settings.spacing_ms),
                work.spacing_ms.to_string(),
            )?;
            same(
                "--first-hashes-log2 for the target",
                target(settings.first_hashes_log2),
                format!("{:#010x}", work.first_bits),
            )?;
            same(
                "--easiest-hashes-log2 for the target",
                target(settings.easiest_hashes_log2),
                format!("{:#010x}", work.easiest_bits),
            )?;
        }
        Consensus::Stake(stake) => {
            same(
                "--slot-ms",
                text(settings.slot_ms),
                stake.slot_ms.to_string(),
            )?;
            same(
                "--epoch-slots",
                text(settings.epoch_slots),
                stake.epoch_slots.to_string(),
            )?;
        }
    }
    same(
        "--block-reward",
        text(settings.block_reward),
        network.block_reward.to_string(),
    )?;
    same(
        "--invite-only",
        settings.invite_only.then(|| "true".to_owned()),
        (network.admission == Admission::InviteOnly).to_string(),
    )
}

fn bits(hashes_log2: u8) -> u32 {
    Target::of_expected_hashes(hashes_log2).to_compact()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choose(
        settings: &NetworkSettings,
        existing: &[NetworkParameters],
    ) -> Result<Choice, CreationError> {
        choose_or_create(settings, existing, PublicKey([1; 32]), [2; 16], 1_000)
    }

    fn new(settings: &NetworkSettings) -> NetworkParameters {
        match choose(settings, &[]).unwrap() {
            Choice::New(parameters) => *parameters,
            Choice::Existing(_) => panic!("nothing exists"),
        }
    }

    #[test]
    fn every_cost_that_can_be_set_makes_a_sound_network() {
        for log2 in 1..=200 {
            new(&NetworkSettings {
                first_hashes_log2: Some(log2),
                ..NetworkSettings::default()
            });
            new(&NetworkSettings {
                easiest_hashes_log2: Some(log2),
                ..NetworkSettings::default()
            });
        }
    }

    #[test]
    fn a_first_block_below_the_easiest_is_refused() {
        let settings = NetworkSettings {
            first_hashes_log2: Some(4),
            easiest_hashes_log2: Some(8),
            ..NetworkSettings::default()
        };
        assert_eq!(
            choose(&settings, &[]).unwrap_err(),
            CreationError::FirstBelowEasiest {
                first: 4,
                easiest: 8
            }
        );
    }

    #[test]
    fn an_existing_network_is_taken_and_keeps_its_parameters() {
        let existing = [new(&NetworkSettings::default())];
        let same = NetworkSettings {
            spacing_ms: Some(SPACING_MS),
            first_hashes_log2: Some(FIRST_HASHES_LOG2),
            ..NetworkSettings::default()
        };
        assert!(matches!(choose(&same, &existing), Ok(Choice::Existing(0))));

        let other = NetworkSettings {
            spacing_ms: Some(500),
            ..NetworkSettings::default()
        };
        let refusal = choose(&other, &existing).unwrap_err().to_string();
        assert!(
            refusal.contains("--spacing-ms 10000, and 500 came"),
            "{refusal}"
        );
    }

    fn of_stake() -> NetworkSettings {
        NetworkSettings {
            kind: Some(NetworkKind::Stake),
            holders: vec![Holder {
                key: PublicKey([3; 32]),
                stake: 7,
            }],
            ..NetworkSettings::default()
        }
    }

    #[test]
    fn a_network_of_stake_begins_with_its_holders() {
        let made = new(&of_stake());
        let rules = made.stake().unwrap();
        assert_eq!((rules.slot_ms, rules.epoch_slots), (SLOT_MS, EPOCH_SLOTS));
        assert_eq!(rules.holders.first(), of_stake().holders.first());

        let nobody = NetworkSettings {
            holders: Vec::new(),
            ..of_stake()
        };
        let refused = CreationError::Parameters(ParametersError::Holders);
        assert_eq!(choose(&nobody, &[]).unwrap_err(), refused);
    }

    #[test]
    fn settings_of_one_kind_are_refused_for_the_other() {
        let mined = NetworkSettings {
            spacing_ms: Some(500),
            ..of_stake()
        };
        let held = NetworkSettings {
            kind: None,
            ..of_stake()
        };
        for (settings, setting) in [(mined, "the time between blocks"), (held, "a holder")] {
            let refusal = choose(&settings, &[]).unwrap_err();
            assert!(
                matches!(&refusal, CreationError::OtherKind { setting: came, .. } if *came == setting),
                "{refusal}"
            );
        }
        let existing = [new(&NetworkSettings::default())];
        let refusal = choose(&of_stake(), &existing).unwrap_err().to_string();
        assert!(refusal.contains("--kind work, and stake came"), "{refusal}");
    }

    #[test]
    fn another_name_makes_another_network() {
        let existing = [new(&NetworkSettings::default())];
        let settings = NetworkSettings {
            network_name: Some("class 7b".into()),
            ..NetworkSettings::default()
        };
        assert!(matches!(choose(&settings, &existing), Ok(Choice::New(_))));
    }
}
