//! `cargo xtask fuzz`: libFuzzer on the targets of `fuzz/`, with what the stable compiler and a C++
//! compiler give. No nightly: the coverage that guides the search is an LLVM pass.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use crate::{
    process::{self, ProcessError, start_error},
    workspace::Workspace,
};

/// The targets, as `fuzz::Target` names them.
const TARGETS: [&str; 7] = [
    "decode",
    "block_import",
    "stake_import",
    "node_events",
    "relay_events",
    "receipt",
    "chain_file",
];

/// The compiler of this workspace's crates, while the fuzzer is built.
const COMPILER: &str = "fuzz/rustc-with-coverage.sh";

/// The longest input, in bytes: scripts of events end long before.
const INPUT_BYTES_MAX: usize = 4096;
/// An input that takes longer, in seconds, counts as found.
const INPUT_SECONDS_MAX: u32 = 20;
/// Memory that counts as found.
const MEMORY_MB_MAX: usize = 1024;

/// How to fuzz.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct FuzzOptions {
    /// How long to search, for each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
    /// Only this target
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(TARGETS))]
    target: Option<String>,
    /// Play this input once, without a fuzzer, instead of searching
    #[arg(long, value_name = "FILE", requires = "target")]
    input: Option<PathBuf>,
}

/// Why the fuzzer could not do its job.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FuzzError {
    /// A build failed, or the fuzzer could not be started.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A folder could not be made.
    #[error("{path}: {source}")]
    Folder {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// What a search came to.
struct Search {
    executions: u64,
    coverage: u64,
    found: bool,
}

/// Plays one input, or searches with each target in turn and prints what came of it.
pub(crate) fn run(workspace: &Workspace, options: &FuzzOptions) -> Result<ExitCode, FuzzError> {
    if let (Some(target), Some(input)) = (&options.target, &options.input) {
        return replay(workspace, target, input);
    }
    let program = build(workspace)?;
    write_seeds(workspace)?;
    let mut found = false;
    println!(
        "{:14} {:>12} {:>9} {:>9}  result",
        "target", "executions", "per s", "coverage"
    );
    for target in TARGETS {
        if options.target.as_deref().is_some_and(|only| only != target) {
            continue;
        }
        let search = search(workspace, &program, target, options.seconds)?;
        found |= search.found;
        println!(
            "{target:14} {:>12} {:>9} {:>9}  {}",
            search.executions,
            search.executions / u64::from(options.seconds.max(1)),
            search.coverage,
            if search.found {
                "FOUND: see fuzz/found/"
            } else {
                "nothing found"
            },
        );
    }
    Ok(if found {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The library and libFuzzer in one program.
fn build(workspace: &Workspace) -> Result<PathBuf, FuzzError> {
    let mut cargo = process::command("cargo");
    cargo
        .current_dir(workspace.root())
        .args(["build", "--package", "fuzz", "--bin", "libfuzzer"])
        .args(["--features", "libfuzzer", "--profile", "fuzz"])
        .env("RUSTC_WORKSPACE_WRAPPER", workspace.root().join(COMPILER));
    process::run(&mut cargo)?;
    Ok(workspace.target().join("fuzz/libfuzzer"))
}

fn write_seeds(workspace: &Workspace) -> Result<(), FuzzError> {
    let mut cargo = replay_command(workspace);
    cargo.arg("--seeds").arg(seeds(workspace));
    Ok(process::run(&mut cargo)?)
}

fn replay(workspace: &Workspace, target: &str, input: &Path) -> Result<ExitCode, FuzzError> {
    let mut cargo = replay_command(workspace);
    // Cargo runs the program where it was itself started from the root.
    let input = std::path::absolute(input).unwrap_or_else(|_| input.to_owned());
    let status = process::stream(cargo.arg(target).arg(input), |_| {})?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn replay_command(workspace: &Workspace) -> Command {
    let mut cargo = process::command("cargo");
    cargo.current_dir(workspace.root()).args([
        "run",
        "--quiet",
        "--package",
        "fuzz",
        "--bin",
        "replay",
        "--",
    ]);
    cargo
}

/// One target for some seconds, on one core. Inputs that reach new code are kept for the next time.
fn search(
    workspace: &Workspace,
    program: &Path,
    target: &str,
    seconds: u32,
) -> Result<Search, FuzzError> {
    let corpus = folder(workspace.target().join("fuzz-corpus").join(target))?;
    let found = folder(workspace.root().join("fuzz/found").join(target))?;
    let regressions = workspace.root().join("fuzz/regressions").join(target);
    let mut fuzzer = process::command(program);
    fuzzer
        .env("FUZZ_TARGET", target)
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-max_len={INPUT_BYTES_MAX}"))
        .arg(format!("-timeout={INPUT_SECONDS_MAX}"))
        .arg(format!("-rss_limit_mb={MEMORY_MB_MAX}"))
        .arg(format!("-artifact_prefix={}/", found.display()))
        .args(["-print_final_stats=1", "-verbosity=1"])
        .arg(corpus)
        .arg(seeds(workspace).join(target))
        .args(regressions.exists().then_some(regressions))
        .stdin(Stdio::null());
    let output = fuzzer
        .output()
        .map_err(|source| start_error(&fuzzer, source))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let last: Vec<_> = said.lines().rev().take(40).collect();
        for line in last.into_iter().rev() {
            eprintln!("{line}");
        }
    }
    Ok(Search {
        executions: number_after(&said, "stat::number_of_executed_units:"),
        coverage: number_after(&said, " cov: "),
        found: !output.status.success(),
    })
}

/// The last number that stands after a word.
fn number_after(text: &str, word: &str) -> u64 {
    let last = text.rsplit(word).next().filter(|_| text.contains(word));
    let number = last.and_then(|rest| rest.split_whitespace().next());
    number.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn seeds(workspace: &Workspace) -> PathBuf {
    workspace.target().join("fuzz-seeds")
}

fn folder(path: PathBuf) -> Result<PathBuf, FuzzError> {
    match fs::create_dir_all(&path) {
        Ok(()) => Ok(path),
        Err(source) => Err(FuzzError::Folder { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::number_after;

    #[test]
    fn numbers_are_read_from_what_the_fuzzer_says() {
        let said = "#8 INITED cov: 12 ft: 13\n#16 NEW cov: 345 ft: 9\n\
            stat::number_of_executed_units: 4711\n";
        assert_eq!(number_after(said, " cov: "), 345);
        assert_eq!(number_after(said, "stat::number_of_executed_units:"), 4711);
        assert_eq!(number_after(said, "absent"), 0);
    }
}
