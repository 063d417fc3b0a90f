//! `register`: become a member, and remember the relay.

use serde_json::json;
use shared::invitation::Invitation;
use shared::node::interface::{Command, Connection};
use tokio::time::timeout;

use crate::access::{Access, Place, interrupted};
use crate::arguments::{Global, Register};
use crate::failure::{Class, Failure};
use crate::folder::Membership;
use crate::node::{Endpoint, Seen};
use crate::output::{GOOD, Output, Report, plain};
use crate::relay_url::{RelayUrl, Trust};

/// Where and how to become a member.
pub(super) struct Joining {
    pub(super) server: RelayUrl,
    pub(super) trust: Trust,
    pub(super) invitation: Option<Invitation>,
    /// Whether the replica is forgotten.
    pub(super) is_afresh: bool,
}

pub(super) async fn run(
    global: &Global,
    output: Output,
    options: &Register,
) -> Result<Report, Failure> {
    let (server, trust) = options.server.named()?;
    let joining = Joining {
        server,
        trust,
        invitation: options.admission.invitation()?,
        is_afresh: options.afresh,
    };
    join(global, output, joining).await
}

/// Becomes a member of the network that `global` names, in its data folder.
pub(super) async fn join(
    global: &Global,
    output: Output,
    joining: Joining,
) -> Result<Report, Failure> {
    let folder = global.folder()?;
    folder.create()?;
    let endpoint = Endpoint {
        server: joining.server.clone(),
        tls: joining.trust.client_config()?,
        network: global.network.clone(),
    };
    let place = Place {
        folder: folder.clone(),
        endpoint,
    };
    let mut node = Access::open(place, global.threads()).await?;
    if matches!(node, Access::Running(_)) {
        let known = folder.membership()?;
        if known.is_none_or(|known| known.server != joining.server) {
            return Err(Failure::new(
                Class::FolderInUse,
                "a worker of another relay is running in this data folder: type `block-chain-worker disconnect` first, or name another folder with --data-dir",
            ));
        }
    }
    let seen = tokio::select! {
        seen = timeout(global.timeout(), registered(&mut node, output, &joining)) => {
            seen.unwrap_or_else(|_| Err(Failure::new(
                Class::TimedOut,
                "the relay did not answer in time: try again",
            )))
        }
        () = interrupted() => Err(Failure::Interrupted),
    };
    node.close().await?;
    let seen = seen?;
    let id = seen.view.id.unwrap_or_default();
    folder.remember(&Membership {
        server: joining.server.clone(),
        trust: joining.trust,
        network: global.network.clone(),
        id,
        key: seen.view.key.to_string(),
    })?;
    let (name, network_id) = seen
        .view
        .network
        .map(|network| (network.name, network.id.to_string()))
        .unwrap_or_default();
    let server = &joining.server;
    let key = seen.view.key;
    let text = format!(
        "{GOOD}registered{GOOD:#} as member {id} of {}\n  relay   {server}\n  key     {key}\n  folder  {}",
        plain(&name),
        folder.path().display()
    );
    let json = json!({
        "id": id,
        "key": key.to_string(),
        "network": { "id": network_id, "name": name },
        "server": server.to_string(),
        "data_dir": folder.path(),
    });
    Ok(Report::new(json, text))
}

async fn registered(node: &mut Access, output: Output, joining: &Joining) -> Result<Seen, Failure> {
    if let Some(invitation) = &joining.invitation {
        let invitation = invitation.clone();
        node.command(Command::UseInvitation(invitation)).await?;
    }
    if joining.is_afresh {
        node.command(Command::StartAfresh).await?;
        // The connection begins anew when the replica is forgotten.
        node.until(|seen| (seen.view.connection != Connection::Left).then_some(()))
            .await?;
    }
    node.registered(output).await
}
