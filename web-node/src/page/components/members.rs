//! Who is here, who leads, and how far each of them is.

use std::rc::Rc;

use shared::message::{Leader, Member, MemberId};
use shared::node::interface::Command;
use yew::prelude::*;

use super::icon::{Icon, sign};
use super::pager::use_pager;
use super::panel::panel;
use super::part::drawn_by;
use super::person::avatar;
use crate::page::hooks::{use_client, use_locale};
use crate::page::locale::{Locale, say};

/// Members on one page.
const PAGE_MEMBERS: usize = 40;

#[derive(PartialEq)]
pub(in crate::page) struct Members {
    pub(in crate::page) members: Rc<[Member]>,
    pub(in crate::page) own_id: Option<MemberId>,
    pub(in crate::page) leader: Option<Leader>,
    /// What the buttons beside the others transfer; none are shown for nothing.
    pub(in crate::page) stake_to_hand: u64,
}

drawn_by!(Members, use_members);

/// The members that are present, by number.
#[hook]
fn use_members(props: &Members) -> Html {
    let locale = use_locale();
    let client = use_client();
    let count = props.members.len();
    let (shown, pager) = use_pager("members", count, PAGE_MEMBERS);
    let members = props.members.get(shown).unwrap_or_default();
    let tell = use_callback(client, |command, client| {
        if let Some(client) = client {
            client.tell(command);
        }
    });
    let leave = tell.reform(|_: MouseEvent| Command::Disconnect);
    let content = html! {
        <>
            if count == 0 {
                <p class="empty">{ say!(locale, "members-none") }</p>
            }
            <ul class="members" data-testid="members">
                { for members.iter().map(|member| member_row(&locale, member, props, &tell)) }
            </ul>
            { pager }
            if props.own_id.is_some() && count > 0 {
                <button type="button" class="link leave" data-testid="leave" onclick={leave}>{ say!(locale, "leave") }</button>
            }
        </>
    };
    let aside = html! {
        <span class="count" data-testid="member-count" data-value={count.to_string()}>{ count }</span>
    };
    panel("members", say!(locale, "members"), aside, content)
}

fn member_row(locale: &Locale, member: &Member, props: &Members, tell: &Callback<Command>) -> Html {
    let is_self = Some(member.id) == props.own_id;
    let is_leader = props.leader.is_some_and(|leader| leader.id == member.id);
    let status = &member.status;
    let rate = status.hashes_per_second;
    let (presence, presence_text) = presence(locale, member);
    let (to, amount) = (member.key, props.stake_to_hand);
    let hand = tell.reform(move |_: MouseEvent| Command::Transfer { to, amount });
    html! {
        <li key={member.id.to_string()} class={classes!("member", is_self.then_some("member-self"))}
            title={member.agent.as_str().to_owned()}
            data-testid={format!("member-{}", member.id)}
            data-self={is_self.to_string()}
            data-leader={is_leader.to_string()}
            data-synced={status.synced.to_string()}
            data-visible={status.visible.to_string()}
            data-height={status.tip.height.to_string()}
            data-rate={rate.to_string()}
            data-key={member.key.to_string()}
        >
            { avatar(&member.key) }
            <span class="member-name">
                <b>{ format!("#{}", member.id) }</b>
                if is_self {
                    <span class="tag tag-you">{ say!(locale, "you") }</span>
                }
                if is_leader {
                    <span class="tag tag-leader">{ sign(Icon::Crown) }{ say!(locale, "leads") }</span>
                }
            </span>
            <code class="member-key">{ member.key.short() }</code>
            <span class={classes!("member-presence", presence)}>
                <span class="dot" aria-hidden="true"></span>
                { presence_text }
            </span>
            <span class="member-height">{ say!(locale, "member-height", height = status.tip.height) }</span>
            if rate > 0 {
                <span class="member-rate">{ sign(Icon::Pick) }{ locale.hash_rate(rate) }</span>
            }
            if amount > 0 && !is_self {
                <button type="button" class="link member-hand" data-testid={format!("hand-stake-{}", member.id)} onclick={hand}>
                    { say!(locale, "hand-stake", amount = amount) }
                </button>
            }
        </li>
    }
}

fn presence(locale: &Locale, member: &Member) -> (&'static str, String) {
    match (member.status.synced, member.status.visible) {
        (true, true) => ("presence-synced", say!(locale, "presence-synced")),
        (true, false) => ("presence-hidden", say!(locale, "presence-hidden")),
        (false, _) => ("presence-syncing", say!(locale, "presence-syncing")),
    }
}
