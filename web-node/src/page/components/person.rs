//! Members as one recognises them: a picture made from the key, and the number or the short key.

use shared::keys::PublicKey;
use yew::prelude::*;

use super::part::drawn_by;
use crate::page::hooks::{use_directory, use_locale};
use crate::page::locale::say;

/// A symmetric picture of five by five squares that a key always has; decoration beside a name.
pub(super) fn avatar(key: &PublicKey) -> Html {
    let [hue_high, hue_low, pattern @ ..] = key.0;
    let hue = u16::from_be_bytes([hue_high, hue_low]) % 360;
    let cells = (0..5_usize).flat_map(|row| (0..3_usize).map(move |column| (row, column)));
    let filled = cells
        .zip(pattern)
        .filter(|(_, byte)| byte % 2 == 0)
        .flat_map(|((row, column), _)| {
            let mirrored = 4 - column;
            let columns = if mirrored == column {
                vec![column]
            } else {
                vec![column, mirrored]
            };
            columns.into_iter().map(move |column| (row, column))
        });
    html! {
        <svg class="avatar" viewBox="-1 -1 7 7" aria-hidden="true" focusable="false">
            <rect class="avatar-ground" x="-1" y="-1" width="7" height="7" rx="1.5" fill={format!("hsl({hue} 45% 88%)")} />
            <g fill={format!("hsl({hue} 60% 38%)")}>
                { for filled.map(|(row, column)| html! {
                    <rect x={column.to_string()} y={row.to_string()} width="1.04" height="1.04" />
                }) }
            </g>
        </svg>
    }
}

#[derive(PartialEq)]
pub(super) struct Person {
    pub(super) key_of: PublicKey,
}

drawn_by!(Person, use_person);

/// A member: picture, number where it is present, short key otherwise, and whether it is you.
#[hook]
fn use_person(props: &Person) -> Html {
    let locale = use_locale();
    let directory = use_directory();
    let key = &props.key_of;
    let id = directory.id(key);
    let name = id.map_or_else(|| key.short(), |id| format!("#{id}"));
    html! {
        <span class="person" title={key.to_string()}>
            { avatar(key) }
            <span class={classes!(id.is_none().then_some("person-absent"))}>{ name }</span>
            if directory.is_own(key) {
                <span class="tag tag-you">{ say!(locale, "you") }</span>
            }
        </span>
    }
}
