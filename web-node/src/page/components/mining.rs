//! Mining: start, stop, how fast, how long it will take, and how much of the machine it may use.

use std::rc::Rc;

use shared::node::interface::{Command, MiningPause, MiningView, StakeView};
use web_sys::HtmlInputElement;
use yew::prelude::*;

use super::icon::{Icon, sign};
use super::panel::panel;
use super::part::{drawn_by, part};
use super::stake::Stake;
use crate::page::client::Client;
use crate::page::hooks::{use_client, use_locale};
use crate::page::locale::{Locale, say};
use crate::ports::{Environment, MinerSettings};

#[derive(PartialEq)]
pub(in crate::page) struct Mining {
    pub(in crate::page) mining: MiningView,
    /// Where the proof is stake.
    pub(in crate::page) stake: Option<StakeView>,
    pub(in crate::page) environment: Option<Rc<Environment>>,
}

drawn_by!(Mining, use_mining);

/// The controls of the miners.
#[hook]
fn use_mining(props: &Mining) -> Html {
    let locale = use_locale();
    let client = use_client();
    let mining = props.mining;
    let send = use_callback(client.clone(), |command, client| {
        if let Some(client) = client {
            client.tell(command);
        }
    });
    let once = send.reform(|_: MouseEvent| Command::StartMining { once: true });
    let start = send.reform(|_: MouseEvent| Command::StartMining { once: false });
    let stop = send.reform(|_: MouseEvent| Command::StopMining);
    let (state, pause) = state(&mining);
    let is_stake = props.stake.is_some();
    let [title, once_label, start_label] = if is_stake {
        [
            say!(locale, "producing"),
            say!(locale, "produce-once"),
            say!(locale, "produce-start"),
        ]
    } else {
        [
            say!(locale, "mining"),
            say!(locale, "mine-once"),
            say!(locale, "mine-start"),
        ]
    };
    let content = html! {
        <>
            <div class="buttons">
                <button type="button" class="button button-primary" data-testid="mine-once" onclick={once} disabled={mining.wanted}>
                    { sign(Icon::Pick) }{ once_label }
                </button>
                <button type="button" class="button" data-testid="mine-start" onclick={start} disabled={mining.wanted}>
                    { start_label }
                </button>
                <button type="button" class="button" data-testid="mine-stop" onclick={stop} disabled={!mining.wanted}>
                    { sign(Icon::Stop) }{ say!(locale, "mine-stop") }
                </button>
            </div>
            if let Some(view) = &props.stake {
                { part(Stake { view: view.clone() }) }
            } else {
                { figures(&locale, &mining) }
                if let Some(environment) = &props.environment {
                    { settings(&locale, client.clone(), environment) }
                }
            }
        </>
    };
    let aside = html! {
        <span class={classes!("mining-state", format!("mining-{state}"))} role="status" data-testid="mining-state" data-state={state} data-pause={pause}>
            { state_text(&locale, &mining, is_stake) }
        </span>
    };
    panel("mining", title, aside, content)
}

fn state(mining: &MiningView) -> (&'static str, Option<&'static str>) {
    match (mining.wanted, mining.paused) {
        (false, _) => ("off", None),
        (true, None) => ("mining", None),
        (true, Some(MiningPause::Syncing)) => ("paused", Some("syncing")),
        (true, Some(MiningPause::Undecided)) => ("paused", Some("undecided")),
        (true, Some(MiningPause::NoNetwork)) => ("paused", Some("no-network")),
        (true, Some(MiningPause::NoStake)) => ("paused", Some("no-stake")),
        (true, Some(MiningPause::NoRelay)) => ("paused", Some("no-relay")),
    }
}

fn state_text(locale: &Locale, mining: &MiningView, is_stake: bool) -> String {
    match (mining.wanted, mining.paused) {
        (false, _) => say!(locale, "mining-off"),
        (true, None) if is_stake => say!(locale, "producing-on"),
        (true, None) => say!(locale, "mining-on"),
        (true, Some(MiningPause::Syncing)) => say!(locale, "mining-paused-syncing"),
        (true, Some(MiningPause::Undecided)) => say!(locale, "mining-paused-undecided"),
        (true, Some(MiningPause::NoNetwork)) => say!(locale, "mining-paused-no-network"),
        (true, Some(MiningPause::NoStake)) => say!(locale, "mining-paused-no-stake"),
        (true, Some(MiningPause::NoRelay)) => say!(locale, "mining-paused-no-relay"),
    }
}

fn figures(locale: &Locale, mining: &MiningView) -> Html {
    let expected_seconds = mining.expected_hashes as f64 / mining.hashes_per_second as f64;
    let is_known = mining.hashes_per_second > 0;
    html! {
        <dl class="figures">
            <div>
                <dt>{ say!(locale, "hash-rate") }</dt>
                <dd data-testid="hash-rate" data-value={mining.hashes_per_second.to_string()}>
                    { locale.hash_rate(mining.hashes_per_second) }
                </dd>
            </div>
            <div>
                <dt title={say!(locale, "expected-time-why")}>{ say!(locale, "expected-time") }</dt>
                <dd data-testid="expected-time" data-value={mining.expected_hashes.checked_div(mining.hashes_per_second).map(|seconds| seconds.to_string())}>
                    if is_known {
                        { locale.duration(expected_seconds) }
                    } else {
                        { say!(locale, "expected-hashes", count = locale.prefixed(mining.expected_hashes as f64)) }
                    }
                </dd>
            </div>
            <div>
                <dt>{ say!(locale, "found") }</dt>
                <dd data-testid="found-count" data-value={mining.found.to_string()}>{ locale.number(mining.found) }</dd>
            </div>
        </dl>
    }
}

/// The least share of its time that a miner may be given, in percent.
const DUTY_PERCENT_MIN: u32 = 10;

fn settings(locale: &Locale, client: Option<Client>, environment: &Environment) -> Html {
    let settings = environment.miners;
    let on_change = Callback::from(move |settings| {
        if let Some(client) = &client {
            client.set_miners(settings);
        }
    });
    let workers = Slider {
        label: say!(locale, "miner-workers", count = settings.workers),
        testid: "miner-workers",
        min: 1,
        max: environment.cores.max(1),
        step: 1,
        value: settings.workers,
        on_change: on_change.reform(move |workers| MinerSettings {
            workers,
            ..settings
        }),
    };
    let duty = Slider {
        label: say!(locale, "miner-duty", percent = settings.duty_percent),
        testid: "miner-duty",
        min: DUTY_PERCENT_MIN,
        max: 100,
        step: 10,
        value: settings.duty_percent,
        on_change: on_change.reform(move |duty_percent| MinerSettings {
            duty_percent,
            ..settings
        }),
    };
    html! {
        <details class="settings">
            <summary>{ say!(locale, "mining-settings") }</summary>
            { workers.draw() }
            { duty.draw() }
            <p class="hint">{ say!(locale, "mining-settings-why") }</p>
        </details>
    }
}

struct Slider {
    label: String,
    testid: &'static str,
    min: u32,
    max: u32,
    step: u32,
    value: u32,
    on_change: Callback<u32>,
}

impl Slider {
    fn draw(self) -> Html {
        let Self {
            min,
            max,
            on_change,
            ..
        } = self;
        let oninput = move |event: InputEvent| {
            let entered = event
                .target_dyn_into::<HtmlInputElement>()
                .and_then(|field| field.value().parse::<u32>().ok());
            if let Some(entered) = entered {
                on_change.emit(entered.clamp(min, max));
            }
        };
        html! {
            <label class="field">
                <span class="field-label">{ self.label }</span>
                <input type="range" min={min.to_string()} max={max.to_string()} step={self.step.to_string()} value={self.value.to_string()} data-testid={self.testid} {oninput} />
            </label>
        }
    }
}
