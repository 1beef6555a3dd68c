//! Computes the fidelity figures of two `.npy` matrices once and prints them as JSON: the side of
//! `scripts/compare_fidelity.py` that is ours.
//!
//! Usage: `fidelity_bench REAL.npy SYNTHETIC.npy SIGMA`

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use synth_core::{Cancel, EmbedderId, Embeddings, NoProgress};
use synth_export::read_npy;
use synth_validate::fidelity::{Bandwidth, CompareParams, Metric, compare};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [real, synthetic, sigma] = arguments.as_slice() else {
        return Err("usage: fidelity_bench REAL.npy SYNTHETIC.npy SIGMA".into());
    };
    let (real, synthetic) = (load(real)?, load(synthetic)?);
    let params = CompareParams::default()
        .with_bandwidth(Bandwidth::Fixed(sigma.parse()?))
        .with_permutations(0)
        .with_metrics([
            Metric::Mmd2RbfUnbiased,
            Metric::Energy,
            Metric::Prdc,
            Metric::C2st1nn,
            Metric::NearestReal,
        ]);
    let start = Instant::now();
    let found = compare(&real, &synthetic, &params, &NoProgress, &Cancel::new())?;
    let mut json = serde_json::to_value(found)?;
    json["wall_seconds"] = start.elapsed().as_secs_f64().into();
    writeln!(std::io::stdout(), "{json:#}")?;
    Ok(())
}

fn load(path: &str) -> Result<Embeddings, Box<dyn Error>> {
    let rows = read_npy(Path::new(path))?.mapv(|value| value as f32);
    let id = EmbedderId { name: "npy".into(), weights: None, preprocessing: "none".into() };
    Ok(Embeddings::ungrouped(rows, id)?)
}
