//! Replays inputs, or writes the seeds: `replay TARGET FILE…`, `replay --seeds FOLDER`.

#![forbid(unsafe_code)]

use std::path::Path;
use std::process::ExitCode;

use fuzz::{Target, seeds};

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let done = match arguments.split_first() {
        Some((first, [folder])) if first == "--seeds" => write_seeds(Path::new(folder)),
        Some((name, files)) if !files.is_empty() => replay(name, files),
        _ => Err("usage: replay TARGET FILE… or replay --seeds FOLDER".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn replay(name: &str, files: &[String]) -> Result<(), String> {
    let target = Target::named(name).ok_or_else(|| {
        let known = Target::ALL.map(Target::name).join(", ");
        format!("there is no target {name}; there are {known}")
    })?;
    for file in files {
        let input = std::fs::read(file).map_err(|error| format!("{file}: {error}"))?;
        target.run(&input);
        println!("{file}: {} bytes, nothing found", input.len());
    }
    Ok(())
}

fn write_seeds(folder: &Path) -> Result<(), String> {
    for target in Target::ALL {
        let folder = folder.join(target.name());
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        for (number, seed) in (0..).zip(seeds::of(target)) {
            let file = folder.join(format!("seed-{number:03}"));
            std::fs::write(&file, seed).map_err(|error| format!("{}: {error}", file.display()))?;
        }
    }
    Ok(())
}
