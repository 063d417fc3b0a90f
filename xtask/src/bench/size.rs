//! What a visitor downloads: brotli bytes of the page and its workers. The budget is for the three
//! wasm programs that a browser loads; beside it stand their JavaScript, the texts, of which a browser
//! loads one language, and the miner that a browser without SIMD loads instead.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{BenchError, BenchOptions, Bound, Ratio, Report, Row};
use crate::{page, setup, workspace::Workspace};

const NAME: &str = "size";
/// For [`TOTAL`], in bytes.
const BUDGET_BYTES: u64 = 400_000;
/// Growth against the committed figure that needs no second look.
const GROWTH: f64 = 1.05;
const QUALITY: u32 = 11;
/// log2 of brotli's window: the largest that browsers are required to take.
const WINDOW: u32 = 22;
const TOTAL: &str = "total wasm";
/// The programs that every browser loads.
const LOADED: [&str; 3] = ["page wasm", "node wasm", "miner wasm"];

/// Compressed bytes by part.
type Sizes = BTreeMap<String, u64>;

/// Builds the page in release and weighs it.
pub(super) fn run(workspace: &Workspace, options: &BenchOptions) -> Result<Report, BenchError> {
    let tools = setup::for_page(workspace)?;
    page::build(workspace, &tools)?;
    let sizes = weigh(&workspace.dist())?;
    let committed_path = workspace.root().join("xtask/size.json");
    if options.accept {
        commit(&committed_path, &sizes)?;
    }
    Ok(report(&sizes, &committed(&committed_path)?))
}

fn report(sizes: &Sizes, committed: &Sizes) -> Report {
    let bytes = |sizes: &Sizes| sizes.get(TOTAL).copied().map_or(0.0, as_f64);
    let rows = sizes.iter().map(|(what, value)| Row {
        what: what.clone(),
        value: as_f64(*value),
        unit: "bytes",
    });
    Report {
        bench: NAME,
        rows: rows.collect(),
        ratios: vec![
            Ratio {
                what: format!("total against {BUDGET_BYTES} bytes"),
                value: bytes(sizes) / as_f64(BUDGET_BYTES),
                bound: Bound::AtMost(1.0),
            },
            Ratio {
                what: "total against the committed figure".to_owned(),
                value: bytes(sizes) / bytes(committed),
                bound: Bound::AtMost(GROWTH),
            },
        ],
    }
}

/// Sorts the files of `dist` into parts by their names and adds up their compressed sizes.
fn weigh(dist: &Path) -> Result<Sizes, BenchError> {
    let mut sizes = Sizes::new();
    for entry in fs::read_dir(dist).map_err(at(dist))? {
        let path = entry.map_err(at(dist))?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if let Some(part) = part(&name) {
            let bytes = compressed_len(&fs::read(&path).map_err(at(&path))?).map_err(at(&path))?;
            *sizes.entry(part.to_owned()).or_default() += bytes;
        }
    }
    for expected in LOADED {
        if !sizes.contains_key(expected) {
            return Err(BenchError::NotBuilt {
                folder: dist.to_path_buf(),
                what: expected.to_owned(),
            });
        }
    }
    let total = LOADED.iter().filter_map(|part| sizes.get(*part)).sum();
    sizes.insert(TOTAL.to_owned(), total);
    Ok(sizes)
}

/// Which part of the download a file belongs to; none for text and pictures.
fn part(name: &str) -> Option<&'static str> {
    let is = |extension: &str| {
        Path::new(name)
            .extension()
            .is_some_and(|found| found == extension)
    };
    if is("js") {
        return Some("JavaScript");
    }
    if is("ftl") {
        return Some("texts of both languages");
    }
    if !is("wasm") {
        return None;
    }
    let parts = [
        ("page", "page wasm"),
        ("node", "node wasm"),
        ("miner-scalar", "miner wasm without SIMD"),
        ("miner", "miner wasm"),
    ];
    parts
        .iter()
        .find(|(prefix, _)| name.starts_with(prefix))
        .map(|(_, part)| *part)
        .or(Some("other wasm"))
}

fn compressed_len(data: &[u8]) -> io::Result<u64> {
    let mut compressed = Vec::new();
    let mut encoder = brotli::CompressorReader::new(data, 64 * 1024, QUALITY, WINDOW);
    io::copy(&mut encoder, &mut compressed)
}

fn commit(path: &Path, sizes: &Sizes) -> Result<(), BenchError> {
    let text = serde_json::to_string_pretty(sizes)
        .map_err(io::Error::from)
        .map_err(at(path))?;
    fs::write(path, text + "\n").map_err(at(path))
}

fn committed(path: &Path) -> Result<Sizes, BenchError> {
    let fault = |why: String| BenchError::Committed {
        path: path.to_path_buf(),
        bench: NAME,
        why,
    };
    let text = fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
    serde_json::from_str(&text).map_err(|error| fault(error.to_string()))
}

/// Exact up to 2⁵³ bytes.
fn as_f64(bytes: u64) -> f64 {
    bytes as f64
}

fn at(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> BenchError {
    let path = path.into();
    move |source| BenchError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_belong_to_parts() {
        assert_eq!(part("page-1f9c_bg.wasm"), Some("page wasm"));
        assert_eq!(part("node_bg.wasm"), Some("node wasm"));
        assert_eq!(part("miner_bg.wasm"), Some("miner wasm"));
        assert_eq!(
            part("miner-scalar_bg.wasm"),
            Some("miner wasm without SIMD")
        );
        assert_eq!(part("miner_loader.js"), Some("JavaScript"));
        assert_eq!(part("pt-BR.ftl"), Some("texts of both languages"));
        assert_eq!(part("index.html"), None);
    }

    #[test]
    fn growth_over_five_percent_is_missed() {
        let sizes = |total| Sizes::from([(TOTAL.to_owned(), total)]);
        assert!(report(&sizes(105_000), &sizes(100_000)).check().is_ok());
        assert!(report(&sizes(105_001), &sizes(100_000)).check().is_err());
        assert!(report(&sizes(400_001), &sizes(400_000)).check().is_err());
    }

    #[test]
    fn repetition_compresses() {
        assert!(compressed_len(&[7; 100_000]).unwrap() < 100);
    }
}
