//! What is known of this machine: for the log and for the limits of bit-equality.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The kind of CPU: architecture and the vector extensions that change how sums are formed.
pub(crate) fn cpu() -> String {
    let mut kind = vec![std::env::consts::ARCH.to_owned()];
    kind.extend(vector_extensions().into_iter().map(str::to_owned));
    kind.join("+")
}

#[cfg(target_arch = "x86_64")]
fn vector_extensions() -> Vec<&'static str> {
    let found = [
        ("avx2", std::is_x86_feature_detected!("avx2")),
        ("fma", std::is_x86_feature_detected!("fma")),
        ("avx512f", std::is_x86_feature_detected!("avx512f")),
    ];
    found.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn vector_extensions() -> Vec<&'static str> {
    Vec::new()
}

/// Name of the fact that says where relative paths of the configuration begin.
pub(crate) const WORKING_DIRECTORY: &str = "working_directory";

/// Facts for `log.jsonl`.
pub(crate) fn facts() -> BTreeMap<String, Value> {
    let threads = rayon::current_num_threads();
    let here = std::env::current_dir().map(|here| here.display().to_string()).ok();
    BTreeMap::from([
        (WORKING_DIRECTORY.to_owned(), json!(here)),
        ("threads".to_owned(), json!(threads)),
        ("os".to_owned(), json!(std::env::consts::OS)),
        ("cpu".to_owned(), json!(cpu())),
        ("synth".to_owned(), json!(env!("CARGO_PKG_VERSION"))),
    ])
}
