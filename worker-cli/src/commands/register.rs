//! `register`: become a member, and remember the relay.

use serde_json::json;
use shared::node::interface::{Command, Connection};
use tokio::time::timeout;

use crate::access::{Access, Place, interrupted};
use crate::arguments::{Global, Register};
use crate::failure::{Class, Failure};
use crate::folder::Membership;
use crate::node::{Endpoint, Seen};
use crate::output::{GOOD, Output, Report, plain};

pub(super) async fn run(
    global: &Global,
    output: Output,
    options: &Register,
) -> Result<Report, Failure> {
    let folder = global.folder()?;
    folder.create()?;
    let trust = options.server.trust();
    let endpoint = Endpoint {
        server: options.server.server.clone(),
        tls: trust.client_config()?,
        network: global.network.clone(),
    };
    let place = Place {
        folder: folder.clone(),
        endpoint,
    };
    let mut node = Access::open(place, global.threads()).await?;
    if matches!(node, Access::Running(_)) {
        let known = folder.membership()?;
        if known.is_none_or(|known| known.server != options.server.server) {
            return Err(Failure::new(
                Class::FolderInUse,
                "a worker of another relay is running in this data folder: type `block-chain-worker disconnect` first, or name another folder with --data-dir",
            ));
        }
    }
    let seen = tokio::select! {
        seen = timeout(global.timeout(), registered(&mut node, output, options)) => {
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
        server: options.server.server.clone(),
        trust,
        network: global.network.clone(),
        id,
        key: seen.view.key.to_string(),
    })?;
    let (name, network_id) = seen
        .view
        .network
        .map(|network| (network.name, network.id.to_string()))
        .unwrap_or_default();
    let server = &options.server.server;
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

async fn registered(
    node: &mut Access,
    output: Output,
    options: &Register,
) -> Result<Seen, Failure> {
    if let Some(invitation) = &options.server.invitation {
        let invitation = invitation.clone();
        node.command(Command::UseInvitation(invitation)).await?;
    }
    if options.afresh {
        node.command(Command::StartAfresh).await?;
        // The connection begins anew when the replica is forgotten.
        node.until(|seen| (seen.view.connection != Connection::Left).then_some(()))
            .await?;
    }
    node.registered(output).await
}
