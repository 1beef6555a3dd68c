//! Which files of a folder are its weights, and the index of weights in several files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use synth_core::{Error, Result};

use super::error::{corrupt, io_error};
use crate::whole_file;

/// The names that training libraries use, best first.
const USUAL: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];

/// Endings of files that can be weights.
const EXTENSIONS: [&str; 4] = ["safetensors", "pth", "pt", "bin"];

/// Candidates that an error names.
const LISTED: usize = 8;

const INDEX_SUFFIX: &str = ".index.json";

/// Longest index; one of a hundred thousand tensors has about 10 MB.
const MAX_INDEX_BYTES: u64 = 32 << 20;

/// The file or index that `path` stands for: itself, or the weights of the folder.
pub(super) fn find(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    if let Some(usual) = USUAL.iter().map(|name| path.join(name)).find(|path| path.is_file()) {
        return Ok(usual);
    }
    let mut candidates = candidates(path)?;
    match candidates.len() {
        0 => {
            let what = "file of weights (.safetensors, .pth, .pt or .bin) in";
            Err(Error::NotFound { what, name: path.display().to_string() })
        }
        1 => Ok(path.join(candidates.remove(0))),
        count => {
            let listed = candidates.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
            let more = if count > LISTED { format!(" and {} more", count - LISTED) } else { String::new() };
            let got = format!("the folder `{}` with {listed}{more}", path.display());
            Err(Error::invalid(
                "weights",
                "one file, or a folder with one file of weights or their index",
                got,
            ))
        }
    }
}

fn candidates(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(io_error("reading", folder))? {
        let path = entry.map_err(io_error("reading", folder))?.path();
        let is_weights = path.extension().is_some_and(|found| EXTENSIONS.iter().any(|known| found == *known));
        if let Some(name) = path.file_name().filter(|_| is_weights && path.is_file()) {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Whether a file is the index of weights in several files.
pub(super) fn is_index(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(INDEX_SUFFIX))
}

/// For each file of sharded weights the tensors that the index says it holds.
pub(super) fn shards(index: &Path) -> Result<BTreeMap<PathBuf, Vec<String>>> {
    let text = whole_file::read(index, MAX_INDEX_BYTES)?;
    let Index { weight_map } = serde_json::from_slice(&text).map_err(|error| corrupt(index, error))?;
    let folder = index.parent().unwrap_or(Path::new(""));
    let mut shards: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
    for (tensor, file) in weight_map {
        let mut parts = Path::new(&file).components();
        let (Some(Component::Normal(name)), None) = (parts.next(), parts.next()) else {
            return Err(corrupt(index, format!("tensor `{tensor}`: `{file}` is no file beside the index")));
        };
        shards.entry(folder.join(name)).or_default().push(tensor);
    }
    Ok(shards)
}

#[derive(Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}
