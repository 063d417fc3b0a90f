//! `cargo xtask sim --self-test`: a simulator that finds nothing must be able to find something.
//!
//! Each file in `sim/faults/` is a patch that breaks one rule of the core. Each is applied to a
//! copy of the workspace, built there, and run; the promise that it names must be the one that is
//! seen to be broken, within as many seeds as it says. The copy without a patch must pass the same
//! seeds. docs/adr/0044 says why patches.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use crate::{
    process::{self, ProcessError},
    workspace::Workspace,
};

/// The packages that are copied: the core, and what simulates it.
const PACKAGES: [&str; 2] = ["shared", "sim"];
/// Built once for each fault: quick to build, and quick enough to run.
const PROFILE: &str = "simulation";
/// Files that are copied beside the packages.
const FILES: [&str; 2] = ["Cargo.lock", "rust-toolchain.toml"];

/// Why the self-test could not be done, or what it found.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SelfTestError {
    /// A file or folder could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which one.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A patch does not say what it is.
    #[error("{path} needs the lines `What:`, `Breaks:`, `Scenario:` and `Seeds:` above its diff")]
    Header {
        /// The patch.
        path: PathBuf,
    },
    /// There is no patch, or none of that name.
    #[error("no fault to plant: sim/faults/ has no patch of that name")]
    NoFault,
    /// A program could not be run.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// Faults were not caught, or something was found where there is no fault.
    #[error("{0} of the faults above were not caught as they should be")]
    NotCaught(usize),
}

/// A planted fault: a patch and what its header says.
#[derive(Debug, Clone)]
struct Fault {
    name: String,
    path: PathBuf,
    what: String,
    breaks: String,
    consensus: String,
    scenario: String,
    seeds: u64,
}

/// Plants all faults, or those with one of the given names in theirs.
pub(crate) fn run(workspace: &Workspace, only: &[String]) -> Result<(), SelfTestError> {
    let faults: Vec<_> = read_faults(&workspace.root().join("sim/faults"))?
        .into_iter()
        .filter(|fault| only.is_empty() || only.iter().any(|part| fault.name.contains(part)))
        .collect();
    if faults.is_empty() {
        return Err(SelfTestError::NoFault);
    }
    let copy = Copy::make(workspace)?;
    eprintln!("==> the core as it is");
    let clean = copy
        .build("clean")?
        .ok_or_else(|| clean_does_not_build(&copy))?;

    // While one fault is being run, the next is built.
    let mut verdicts = Vec::new();
    thread::scope(|scope| -> Result<(), SelfTestError> {
        let runs_of_clean = scope.spawn(|| run_clean(&clean, &faults));
        let mut runs = Vec::new();
        for fault in &faults {
            eprintln!("==> {}: {}", fault.name, fault.what);
            let built = match copy.plant(fault)? {
                true => copy.build(&fault.name)?.ok_or("it does not compile"),
                false => Err("it does not apply"),
            };
            copy.restore(fault)?;
            runs.push((fault, scope.spawn(move || verdict(fault, built))));
        }
        verdicts.push(("(the core as it is)", joined(runs_of_clean)));
        for (fault, run) in runs {
            verdicts.push((&fault.name, joined(run)));
        }
        Ok(())
    })?;

    for (name, verdict) in &verdicts {
        let (mark, text) = match verdict {
            Ok(text) => ("caught", text),
            Err(text) => ("NOT AS EXPECTED", text),
        };
        println!("{name:<44} {mark}: {text}");
    }
    match verdicts
        .iter()
        .filter(|(_, verdict)| verdict.is_err())
        .count()
    {
        0 => {
            println!("{} faults planted, each caught", faults.len());
            Ok(())
        }
        failed => Err(SelfTestError::NotCaught(failed)),
    }
}

/// A copy of the packages under `target/`, to which patches are applied.
struct Copy<'a> {
    workspace: &'a Workspace,
    root: PathBuf,
    target: PathBuf,
    programs: PathBuf,
}

impl<'a> Copy<'a> {
    fn make(workspace: &'a Workspace) -> Result<Self, SelfTestError> {
        let folder = workspace.target().join("sim-faults");
        let copy = Self {
            workspace,
            root: folder.join("workspace"),
            target: folder.join("target"),
            programs: folder.join("programs"),
        };
        for package in PACKAGES {
            copy_folder(&workspace.root().join(package), &copy.root.join(package))?;
        }
        for file in FILES {
            copy_file(&workspace.root().join(file), &copy.root.join(file))?;
        }
        let manifest = workspace.root().join("Cargo.toml");
        let text = fs::read_to_string(&manifest).map_err(|source| at(&manifest, source))?;
        let reduced = copy.root.join("Cargo.toml");
        write_if_changed(&reduced, reduced_manifest(&text).as_bytes())?;
        fs::create_dir_all(&copy.programs).map_err(|source| at(&copy.programs, source))?;
        Ok(copy)
    }

    /// Applies a patch. False where it does not apply.
    fn plant(&self, fault: &Fault) -> Result<bool, SelfTestError> {
        let mut git = process::command("git");
        git.current_dir(&self.root)
            // Inside a repository git would leave out what that one ignores.
            .env(
                "GIT_CEILING_DIRECTORIES",
                self.root.parent().unwrap_or(&self.root),
            )
            .args(["apply", "--whitespace=nowarn"])
            .arg(&fault.path);
        succeeds(&mut git)
    }

    /// Puts back what a patch has changed.
    fn restore(&self, fault: &Fault) -> Result<(), SelfTestError> {
        let patch = fs::read_to_string(&fault.path).map_err(|source| at(&fault.path, source))?;
        for file in patch.lines().filter_map(|line| line.strip_prefix("+++ b/")) {
            copy_file(&self.workspace.root().join(file), &self.root.join(file))?;
        }
        Ok(())
    }

    /// Builds the simulator as it is now; nothing where it does not compile.
    fn build(&self, name: &str) -> Result<Option<PathBuf>, SelfTestError> {
        let mut cargo = process::command("cargo");
        cargo
            .current_dir(&self.root)
            .args(["build", "--quiet", "--package", "sim", "--bin", "sim"])
            .args(["--profile", PROFILE, "--target-dir"])
            .arg(&self.target)
            .env("RUSTFLAGS", "-Awarnings");
        if !succeeds(&mut cargo)? {
            return Ok(None);
        }
        let built = self.target.join(PROFILE).join("sim");
        let program = self.programs.join(name);
        fs::copy(&built, &program).map_err(|source| at(&built, source))?;
        Ok(Some(program))
    }
}

/// Runs a planted fault: the promise that it breaks must be seen to be broken in time.
fn verdict(fault: &Fault, built: Result<PathBuf, &str>) -> Result<String, String> {
    let output = simulate(&built?, &fault.consensus, &fault.scenario, fault.seeds)?;
    let Some(found) = output.lines().find(|line| line.contains("broken: ")) else {
        return Err(format!("not within {} seeds", fault.seeds));
    };
    if found.ends_with(&format!("broken: {}", fault.breaks)) {
        let seeds = fault.seeds;
        Ok(format!(
            "{}, within {seeds} seeds of {}",
            fault.breaks, fault.scenario
        ))
    } else {
        Err(format!(
            "`{}` was expected to be broken: {found}",
            fault.breaks
        ))
    }
}

/// The core without a fault passes all that catches the faults.
fn run_clean(program: &Path, faults: &[Fault]) -> Result<String, String> {
    let mut seeds = BTreeMap::new();
    for fault in faults {
        let most = seeds
            .entry((&fault.consensus, &fault.scenario))
            .or_insert(0);
        *most = fault.seeds.max(*most);
    }
    for ((consensus, scenario), seeds) in &seeds {
        let output = simulate(program, consensus, scenario, *seeds)?;
        if let Some(found) = output.lines().find(|line| line.contains("broken: ")) {
            return Err(found.to_owned());
        }
    }
    Ok("nothing, and there is nothing".to_owned())
}

fn simulate(program: &Path, consensus: &str, scenario: &str, seeds: u64) -> Result<String, String> {
    let mut command = Command::new(program);
    command
        .args(["--stop", "--threads", "1"])
        .args(["--consensus", consensus, "--scenario", scenario])
        .args(["--seeds", &seeds.to_string()]);
    let output = command.output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if text.contains("violations: ") {
        Ok(text)
    } else {
        let words = String::from_utf8_lossy(&output.stderr);
        Err(format!("the run did not end well: {}", words.trim()))
    }
}

fn read_faults(folder: &Path) -> Result<Vec<Fault>, SelfTestError> {
    let mut faults = Vec::new();
    for entry in fs::read_dir(folder).map_err(|source| at(folder, source))? {
        let path = entry.map_err(|source| at(folder, source))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "patch")
        {
            let text = fs::read_to_string(&path).map_err(|source| at(&path, source))?;
            let fault = fault(&path, &text).ok_or(SelfTestError::Header { path })?;
            faults.push(fault);
        }
    }
    faults.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(faults)
}

fn fault(path: &Path, text: &str) -> Option<Fault> {
    let field = |name: &str| {
        let header = text.lines().take_while(|line| !line.starts_with("---"));
        header
            .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .map(str::to_owned)
            .next()
    };
    Some(Fault {
        name: path.file_stem()?.to_str()?.to_owned(),
        path: path.to_owned(),
        what: field("What")?,
        breaks: field("Breaks")?,
        consensus: field("Consensus").unwrap_or_else(|| "work".to_owned()),
        scenario: field("Scenario")?,
        seeds: field("Seeds")?.parse().ok()?,
    })
}

/// The workspace's manifest with the copied packages as its only members.
fn reduced_manifest(text: &str) -> String {
    let members = PACKAGES.map(|package| format!("\"{package}\"")).join(", ");
    text.lines()
        .filter(|line| !line.starts_with("default-members"))
        .map(|line| {
            if line.starts_with("members") {
                format!("members = [{members}]\n")
            } else {
                format!("{line}\n")
            }
        })
        .collect()
}

fn copy_folder(from: &Path, to: &Path) -> Result<(), SelfTestError> {
    fs::create_dir_all(to).map_err(|source| at(to, source))?;
    for entry in fs::read_dir(from).map_err(|source| at(from, source))? {
        let entry = entry.map_err(|source| at(from, source))?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_folder(&from, &to)?;
        } else {
            copy_file(&from, &to)?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Result<(), SelfTestError> {
    let bytes = fs::read(from).map_err(|source| at(from, source))?;
    write_if_changed(to, &bytes)
}

/// Cargo builds anew what was written anew.
fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<(), SelfTestError> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).map_err(|source| at(path, source))
}

fn succeeds(command: &mut Command) -> Result<bool, SelfTestError> {
    let status = command
        .status()
        .map_err(|source| process::start_error(command, source))?;
    Ok(status.success())
}

fn joined(run: thread::ScopedJoinHandle<'_, Result<String, String>>) -> Result<String, String> {
    run.join()
        .unwrap_or_else(|_| Err("the run was given up".to_owned()))
}

fn clean_does_not_build(copy: &Copy<'_>) -> SelfTestError {
    at(
        &copy.root,
        io::Error::other("the simulator does not compile there"),
    )
}

fn at(path: &Path, source: io::Error) -> SelfTestError {
    SelfTestError::File {
        path: path.to_owned(),
        source,
    }
}
