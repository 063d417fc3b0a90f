//! The consistency check: whether all replicas agree, who differs and from where, and repair.

use shared::message::{CheckReport, MemberId};
use shared::node::interface::Command;
use yew::prelude::*;

use super::command_error;
use super::icon::{Icon, sign};
use super::panel::panel;
use super::part::drawn_by;
use crate::page::format::heights;
use crate::page::hooks::{Request, use_locale, use_request};
use crate::page::locale::{Locale, say};

#[derive(PartialEq)]
pub(in crate::page) struct Consistency {
    pub(in crate::page) check: Option<CheckReport>,
    pub(in crate::page) own_id: Option<MemberId>,
    /// Heights at which the own replica is known to be damaged.
    pub(in crate::page) damaged: Vec<u64>,
}

drawn_by!(Consistency, use_consistency);

/// The check, its last report, and the repair of the own replica.
#[hook]
fn use_consistency(props: &Consistency) -> Html {
    let locale = use_locale();
    let request = use_request();
    let repair = use_request();
    let check = request
        .send
        .reform(|_: MouseEvent| Command::CheckConsistency);
    let error = command_error::of_answer(&locale, request.answer.as_deref());
    let content = html! {
        <>
            <p class="hint">{ say!(locale, "consistency-why") }</p>
            <button type="button" class="button button-wide" data-testid="check-consistency" onclick={check} disabled={request.is_underway}>
                { sign(Icon::Check) }{ say!(locale, "check") }
            </button>
            if let Some(error) = error {
                <p class="field-error" role="alert" data-testid="check-error">{ error }</p>
            }
            { report(&locale, props.check.as_ref(), props.own_id) }
            if !props.damaged.is_empty() {
                { damage(&locale, &props.damaged, &repair) }
            }
        </>
    };
    panel(
        "consistency",
        say!(locale, "consistency"),
        html! {},
        content,
    )
}

fn report(locale: &Locale, check: Option<&CheckReport>, own_id: Option<MemberId>) -> Html {
    let Some(report) = check else {
        return html! { <p class="empty" data-testid="check-result" data-state="none">{ say!(locale, "check-none") }</p> };
    };
    let verdict = Verdict::of(report);
    let differ: Vec<String> = report
        .differ
        .iter()
        .map(|(id, height)| format!("{id}:{height}"))
        .collect();
    html! {
        <div class={classes!("report", verdict.class())} role="status" data-testid="check-result"
            data-state={verdict.name()} data-height={report.height.to_string()} data-differ={differ.join(" ")}>
            <p class="report-verdict">{ sign(verdict.icon()) }{ verdict.sentence(locale, report) }</p>
            <ul>
                { for report.differ.iter().map(|&(id, height)| html! {
                    <li data-testid={format!("check-differ-{id}")} data-height={height.to_string()}>
                        { differs(locale, id, height, own_id) }
                    </li>
                }) }
            </ul>
            if !report.silent.is_empty() {
                <p class="hint">{ say!(locale, "check-silent", members = numbers(&report.silent)) }</p>
            }
        </div>
    }
}

/// What a report comes down to.
#[derive(Clone, Copy, PartialEq)]
enum Verdict {
    Agree,
    Differ,
    /// Those who answered agree, but not everyone answered.
    Silent,
}

impl Verdict {
    fn of(report: &CheckReport) -> Self {
        if !report.differ.is_empty() {
            Self::Differ
        } else if !report.silent.is_empty() {
            Self::Silent
        } else {
            Self::Agree
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Agree => "agree",
            Self::Differ => "differ",
            Self::Silent => "silent",
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Agree => "report-good",
            Self::Differ => "report-bad",
            Self::Silent => "report-warn",
        }
    }

    fn icon(self) -> Icon {
        match self {
            Self::Agree => Icon::Check,
            Self::Differ => Icon::Alert,
            Self::Silent => Icon::Info,
        }
    }

    fn sentence(self, locale: &Locale, report: &CheckReport) -> String {
        let height = report.height;
        let count = report.agree.len();
        match self {
            Self::Agree => say!(locale, "check-agree", count = count, height = height),
            Self::Differ => say!(
                locale,
                "check-differ",
                count = report.differ.len(),
                height = height
            ),
            Self::Silent => say!(locale, "check-agree-so-far", count = count, height = height),
        }
    }
}

fn differs(locale: &Locale, id: MemberId, height: u64, own_id: Option<MemberId>) -> String {
    let member = format!("#{id}");
    if Some(id) == own_id {
        say!(
            locale,
            "check-differs-self",
            member = member,
            height = height
        )
    } else {
        say!(locale, "check-differs", member = member, height = height)
    }
}

fn numbers(ids: &[MemberId]) -> String {
    let written: Vec<String> = ids.iter().map(|id| format!("#{id}")).collect();
    written.join(", ")
}

/// Damage in the own replica, and the button that fetches what is right.
fn damage(locale: &Locale, damaged: &[u64], request: &Request) -> Html {
    let repair = request.send.reform(|_: MouseEvent| Command::Repair);
    let error = command_error::of_answer(locale, request.answer.as_deref());
    let heights = heights(damaged);
    html! {
        <div class="damage" role="alert">
            <p data-testid="damaged-heights" data-value={heights.clone()}>
                { say!(locale, "damaged", count = damaged.len(), heights = heights) }
            </p>
            <button type="button" class="button button-danger button-wide" data-testid="repair" onclick={repair} disabled={request.is_underway}>
                { sign(Icon::Wrench) }{ say!(locale, "repair") }
            </button>
            if let Some(error) = error {
                <p class="field-error" role="alert">{ error }</p>
            }
        </div>
    }
}
