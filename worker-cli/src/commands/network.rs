//! `network`: networks of the relay made, listed, joined and removed.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::network::Holder;
use tokio::time::timeout;

use super::register::{self, Joining};
use crate::access::too_late;
use crate::arguments::Global;
use crate::arguments::relay::{Admission, Authority, Create, Kind, Rules, Server};
use crate::failure::{Class, Failure};
use crate::folder::{Folder, file_name};
use crate::key;
use crate::output::{FAINT, GOOD, Output, Report, plain, short, table, time};
use crate::rest::Rest;
use crate::token::{Token, TokenFile};

/// What the maker of a network of stake holds, where nobody is named.
const FIRST_STAKE: u64 = 100_000;

/// What the relay answers to a look at its networks.
#[derive(Deserialize)]
struct Networks {
    networks: Vec<Listed>,
}

#[derive(Deserialize, Serialize)]
struct Listed {
    id: String,
    name: String,
    kind: String,
    admission: String,
    created_at_ms: u64,
    is_default: bool,
}

pub(super) async fn list(global: &Global, server: &Server) -> Result<Report, Failure> {
    let rest = rest(global, server)?;
    let Networks { networks } = in_time(global, rest.get("/networks")).await?;
    let mut rows = table(["name", "id", "blocks by", "open to", "made (UTC)"]);
    for network in &networks {
        let default = if network.is_default { " *" } else { "" };
        rows.add_row([
            format!("{}{default}", plain(&network.name)),
            short(&network.id),
            plain(&network.kind),
            plain(&network.admission),
            time(network.created_at_ms),
        ]);
    }
    let text = format!("{rows}\n{FAINT}* where none is named{FAINT:#}");
    Ok(Report::new(json!({ "networks": networks }), text))
}

#[derive(Serialize)]
struct NewNetwork<'a> {
    name: &'a str,
    #[serde(flatten)]
    rules: Rules,
}

#[derive(Deserialize)]
struct Made {
    network: MadeNetwork,
    administrator_token: Token,
}

#[derive(Deserialize)]
struct MadeNetwork {
    id: String,
    name: String,
}

pub(super) async fn create(global: &Global, options: &Create) -> Result<Report, Failure> {
    let rest = rest(global, &options.server)?;
    let token = options.authority.token()?;
    let out = options.out.clone();
    // The token is told once: there must be a place for it before there is a network.
    let file = TokenFile::create(
        out.unwrap_or_else(|| PathBuf::from(format!("{}.token", file_name(&options.name)))),
    )?;
    let new = NewNetwork {
        name: &options.name,
        rules: with_holders(global, options)?,
    };
    let made: Made = in_time(global, rest.post("/networks", token.as_ref(), &new)).await?;
    let file = file.keep(&made.administrator_token)?;
    let MadeNetwork { id, name } = made.network;
    let text = format!(
        "{GOOD}made{GOOD:#} {}\n  id     {}\n  token  {}, which administers it\n  join:  block-chain-worker network join '{}'",
        plain(&name),
        plain(&id),
        file.display(),
        plain(&name)
    );
    let json = json!({ "id": id, "name": name, "token_file": file });
    Ok(Report::new(json, text))
}

/// The rules with somebody who holds the first stake, where they are of stake.
fn with_holders(global: &Global, options: &Create) -> Result<Rules, Failure> {
    let mut rules = options.rules.clone();
    if rules.kind == Kind::Stake && rules.holders.is_empty() {
        let folder = Folder::locate(global.data_dir.clone(), Some(&options.name))?;
        folder.create()?;
        rules.holders.push(Holder {
            key: key::load_or_create(&folder.key_file())?.public_key(),
            stake: FIRST_STAKE,
        });
    }
    Ok(rules)
}

pub(super) async fn remove(
    global: &Global,
    name: &str,
    server: &Server,
    authority: &Authority,
) -> Result<Report, Failure> {
    let rest = rest(global, server)?;
    let token = authority.token()?;
    let removed = in_time(global, async {
        let Networks { networks } = rest.get("/networks").await?;
        let mut networks = networks.into_iter();
        let found = networks.find(|network| network.name == name || network.id == name);
        let Listed { id, name, .. } = found.ok_or_else(|| {
            let message = format!("the relay serves no network with the name or id {name:?}: `network list` shows those that it serves");
            Failure::new(Class::Network, message)
        })?;
        let path = format!("/networks/{id}");
        rest.delete(&path, token.as_ref()).await?;
        Ok((id, name))
    });
    let (id, name) = removed.await?;
    let text = format!("{GOOD}removed{GOOD:#} {}", plain(&name));
    Ok(Report::new(json!({ "id": id, "name": name }), text))
}

pub(super) async fn join(
    global: &Global,
    output: Output,
    name: String,
    server: &Server,
    admission: &Admission,
) -> Result<Report, Failure> {
    let (server, trust) = server.named_or(global.folder()?.membership()?)?;
    let joining = Joining {
        server,
        trust,
        invitation: admission.invitation()?,
        is_afresh: false,
    };
    let global = Global {
        network: Some(name),
        ..global.clone()
    };
    register::join(&global, output, joining).await
}

/// The relay that is named, else the one that is remembered here.
fn rest(global: &Global, server: &Server) -> Result<Rest, Failure> {
    let (server, trust) = server.named_or(global.folder()?.membership()?)?;
    let tls = trust.client_config()?;
    Ok(Rest::new(server, tls))
}

async fn in_time<T>(
    global: &Global,
    answer: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let patience = global.timeout();
    let answered = timeout(patience, answer).await;
    answered.unwrap_or_else(|_| Err(too_late(patience)))
}
