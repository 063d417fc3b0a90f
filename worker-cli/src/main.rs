//! The worker as a program: arguments in, output and exit code out.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use worker::arguments::Arguments;
use worker::commands;
use worker::output::Output;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.global.json);
    match commands::run(arguments, &output).await {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(class)) => ExitCode::from(class.exit_code()),
        Err(failure) => {
            output.failure(&failure);
            ExitCode::from(failure.class().exit_code())
        }
    }
}
