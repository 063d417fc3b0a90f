//! What is drawn: one file for each part of the page, and the small pieces that they share.

pub(super) mod banners;
pub(super) mod blocks;
pub(super) mod consistency;
pub(super) mod environment;
pub(super) mod header;
pub(super) mod lookup;
pub(super) mod members;
pub(super) mod mempool;
pub(super) mod mining;
pub(super) mod navigation;
pub(super) mod part;
pub(super) mod records;
pub(super) mod rejections;
pub(super) mod status;
pub(super) mod write;

mod administration;
mod block_card;
mod block_detail;
mod command_error;
mod dialog;
mod form;
mod icon;
mod key_backup;
mod networks;
mod pager;
mod panel;
mod person;
mod receipt;
mod share_dialog;
mod stake;
mod submissions;
mod text;
mod transaction;
mod transfer;
