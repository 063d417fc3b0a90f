//! The commands, a file for each.

mod add_transaction;
mod check_consistency;
mod disconnect;
mod dump;
mod events;
mod files;
mod get_chain;
mod lookup;
mod members;
mod mine_block;
mod network;
mod rebuild;
mod register;
mod run;
mod submission;
mod transfer;
mod watch;

pub use self::dump::Progress;

use std::io;

use clap::CommandFactory;
use clap_complete::generate;

use crate::access::{self, Access, Place};
use crate::arguments::relay::Network;
use crate::arguments::{Arguments, Command, Global};
use crate::failure::{Class, Failure};
use crate::output::{Output, Report};

/// Does what was typed. Returns the class of bad news, if there is any.
pub async fn run(arguments: Arguments, output: &Output) -> Result<Option<Class>, Failure> {
    let Arguments { global, command } = arguments;
    let output = *output;
    let report = match command {
        Command::Register(options) => register::run(&global, output, &options).await?,
        Command::Network(Network::List { server }) => network::list(&global, &server).await?,
        Command::Network(Network::Create(options)) => network::create(&global, &options).await?,
        Command::Network(Network::Remove {
            name,
            server,
            authority,
        }) => network::remove(&global, &name, &server, &authority).await?,
        Command::Network(Network::Join {
            name,
            server,
            admission,
        }) => network::join(&global, output, name, &server, &admission).await?,
        Command::AddTransaction(options) => {
            let act = async |node: &mut Access| add_transaction::run(node, output, options).await;
            on_a_node(&global, output, act).await?
        }
        Command::Transfer(options) => {
            let act = async |node: &mut Access| transfer::run(node, output, options).await;
            on_a_node(&global, output, act).await?
        }
        Command::GetId => members::get_id(&global)?,
        Command::GetLeader => on_a_node(&global, output, members::get_leader).await?,
        Command::CheckConsistency => {
            let act = async |node: &mut Access| check_consistency::run(node, output).await;
            on_a_node(&global, output, act).await?
        }
        Command::MineBlock => {
            let act = async |node: &mut Access| mine_block::run(node, output).await;
            on_a_node(&global, output, act).await?
        }
        Command::GetChain(options) => {
            let act = async |node: &mut Access| get_chain::run(node, &options).await;
            on_a_node(&global, output, act).await?
        }
        Command::Get(options) => {
            let act = async |node: &mut Access| lookup::get(node, options.key).await;
            on_a_node(&global, output, act).await?
        }
        Command::History(options) => {
            let act = async |node: &mut Access| lookup::history(node, options.key).await;
            on_a_node(&global, output, act).await?
        }
        Command::DumpData(database) => match dump::start(&global, output, &database).await? {
            Some(report) => report,
            None => return Ok(None),
        },
        Command::StopDumpData => dump::stop(&global).await?,
        Command::DumpStatus => dump::status(&global).await?,
        Command::Rebuild(database) => rebuild::run(&global, output, &database).await?,
        Command::Receipt { id, out } => {
            let act = async |node: &mut Access| files::receipt(node, id, out.as_deref()).await;
            on_a_node(&global, output, act).await?
        }
        Command::Verify { file } => files::verify(&file, output)?,
        Command::Export { file } => {
            let act = async |node: &mut Access| files::export(node, &file).await;
            on_a_node(&global, output, act).await?
        }
        Command::Import { file } => {
            let act = async |node: &mut Access| files::import(node, &file, output).await;
            on_a_node(&global, output, act).await?
        }
        Command::Disconnect => disconnect::run(&global).await?,
        Command::Run(options) => {
            run::run(&global, output, &options).await?;
            return Ok(None);
        }
        Command::Watch => {
            watch::run(&global, output).await?;
            return Ok(None);
        }
        Command::Completions { shell } => {
            let mut command = Arguments::command();
            generate(shell, &mut command, "block-chain-worker", &mut io::stdout());
            return Ok(None);
        }
    };
    output.report(&report);
    Ok(report.class)
}

async fn on_a_node(
    global: &Global,
    output: Output,
    act: impl AsyncFnOnce(&mut Access) -> Result<Report, Failure>,
) -> Result<Report, Failure> {
    let place = Place::remembered(global)?;
    access::with(place, global, output, act).await
}
