//! `synth compare`: how far two sets of samples are apart.

use std::collections::HashSet;
use std::fmt::Write;
use std::path::Path;
use std::str::FromStr;

use ndarray::ArrayView1;
use serde::Serialize;
use synth_core::{Embedder, EmbedderId, Embeddings, Error, Estimate, Result, Seed};
use synth_export::{EmbeddingFile, is_parquet};
use synth_validate::fidelity::{Bandwidth, CompareParams, Comparison, Metric, compare as measure};

use crate::args::{CompareArguments, FailOn};
use crate::bad_files::{self, BadFiles, LeftOut};
use crate::config::{did_you_mean, nearest};
use crate::context::Context;
use crate::failure::{Failure, Hinted};
use crate::models::{self, Chosen};
use crate::talk::{print, print_json};

/// One side as given.
enum Side {
    Folder(Embeddings),
    Matrix(EmbeddingFile),
}

/// The figures as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    found: &'a Comparison,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    left_out: Vec<LeftOut>,
}

/// Compares two sets and prints every figure.
pub(crate) fn compare(arguments: &CompareArguments, context: &Context) -> Result<(), Failure> {
    let params = read_params(arguments, context)?;
    let mut left_out = Vec::new();
    let mut read = |path: &Path| Side::read(path, arguments, context, &mut left_out);
    let (real, synthetic) = (read(&arguments.real)?, read(&arguments.synthetic)?);
    refuse_unused(&real, &synthetic, arguments)?;
    let (real, synthetic) = comparable(real, synthetic, arguments)?;
    if let Some(warning) = shared_rows(&real, &synthetic) {
        context.talk.say(format!("warning: {warning}"));
    }
    let progress = context.talk.progress();
    let found = measure(&real, &synthetic, &params, progress.as_ref(), &context.cancel)?;
    if context.json {
        print_json(&Answer { found: &found, left_out })?;
    } else {
        print(&table(&found))?;
    }
    match (arguments.fail_on, found.verdict.distinguishable) {
        (Some(FailOn::Distinguishable), Some(true)) => Err(Failure::against(&found.verdict.words)),
        (Some(FailOn::Distinguishable), None) => {
            let reason = found.verdict.words;
            Err(Error::Unsupported { what: "--fail-on".into(), reason }.into())
        }
        _ => Ok(()),
    }
}

/// An embedder is chosen for folders; of two matrices it would be a slip.
fn refuse_unused(real: &Side, synthetic: &Side, arguments: &CompareArguments) -> Result<()> {
    let given = [
        ("--model", arguments.model.is_some()),
        ("--weights", arguments.weights.is_some()),
        ("--skip-bad", arguments.skip_bad),
    ];
    match (real, synthetic, given.into_iter().find(|(_, given)| *given)) {
        (Side::Matrix(_), Side::Matrix(_), Some((option, _))) => {
            let expected = "left out where both sets are matrices, which are embedded already";
            Err(Error::invalid(option, expected, "it"))
        }
        _ => Ok(()),
    }
}

/// What to say where samples are on both sides: the figures are then of dependent sets.
fn shared_rows(real: &Embeddings, synthetic: &Embeddings) -> Option<String> {
    let key = |row: ArrayView1<'_, f32>| row.iter().map(|value| value.to_bits()).collect::<Vec<u32>>();
    let known: HashSet<Vec<u32>> = real.matrix().rows().into_iter().map(key).collect();
    let shared = synthetic.matrix().rows().into_iter().filter(|row| known.contains(&key(*row))).count();
    let all = synthetic.len();
    match shared {
        0 => None,
        _ if shared == all && real.matrix() == synthetic.matrix() => {
            Some("both sets hold the same rows, so this compares a set with itself".to_owned())
        }
        _ => Some(format!(
            "{shared} of the {all} synthetic rows are real rows too; the test takes them for independent"
        )),
    }
}

fn read_params(arguments: &CompareArguments, context: &Context) -> Result<CompareParams, Failure> {
    let metrics: Vec<Metric> =
        arguments.metrics.iter().map(|name| read_metric(name.trim())).collect::<Result<_, Failure>>()?;
    let seed = Seed::from_u64(context.seed.unwrap_or(0));
    let params = CompareParams::default().with_metrics(metrics).with_seed(seed);
    match arguments.sigma {
        None => Ok(params),
        Some(sigma) if sigma.is_finite() && sigma > 0.0 => Ok(params.with_bandwidth(Bandwidth::Fixed(sigma))),
        Some(sigma) => Err(Error::invalid("--sigma", "a positive number", sigma).into()),
    }
}

fn read_metric(name: &str) -> Result<Metric, Failure> {
    Metric::from_str(name).map_err(|error| {
        let failure = Failure::from(error);
        match nearest(name, Metric::ALL.map(Metric::name)) {
            Some(near) => failure.hint(did_you_mean(near)),
            None => failure,
        }
    })
}

impl Side {
    fn read(
        path: &Path,
        arguments: &CompareArguments,
        context: &Context,
        left_out: &mut Vec<LeftOut>,
    ) -> Result<Self, Failure> {
        if path.is_file() {
            if !is_parquet(path) && path.extension().is_none_or(|extension| extension != "npy") {
                let (expected, got) = ("a folder of images, or a .npy or .parquet matrix", path.display());
                return Err(Error::invalid("set", expected, got).into());
            }
            return Ok(Self::Matrix(EmbeddingFile::read(path)?));
        }
        let (embeddings, mut bad) = embed_folder(path, arguments, context)?;
        left_out.append(&mut bad);
        Ok(Self::Folder(embeddings))
    }

    fn identity(&self) -> Option<&EmbedderId> {
        match self {
            Self::Folder(embeddings) => Some(embeddings.identity()),
            Self::Matrix(matrix) => matrix.identity(),
        }
    }

    fn into_embeddings(self, assumed: &EmbedderId) -> Result<Embeddings> {
        match self {
            Self::Folder(embeddings) => Ok(embeddings),
            Self::Matrix(matrix) => matrix.into_embeddings(assumed),
        }
    }
}

/// A matrix that does not say who made it is of an unknown embedder: two such may be compared, one with a known
/// one only where the user says that they are the same.
fn comparable(
    real: Side,
    synthetic: Side,
    arguments: &CompareArguments,
) -> Result<(Embeddings, Embeddings), Failure> {
    let unknown = || EmbedderId { name: "unknown".into(), weights: None, preprocessing: "unknown".into() };
    let assumed = match (real.identity(), synthetic.identity()) {
        (None, None) => unknown(),
        (Some(known), None) | (None, Some(known)) if arguments.assume_same_model => known.clone(),
        (Some(known), None) | (None, Some(known)) => {
            let error = Error::EmbedderMismatch { left: known.to_string(), right: unknown().to_string() };
            return Err(Failure::from(error)
                .hint("a .npy without its .rows.jsonl, or a .parquet without its metadata, does not say what made it; if the same embedder did: --assume-same-model"));
        }
        (Some(known), Some(_)) => known.clone(),
    };
    let real = real.into_embeddings(&assumed)?;
    let synthetic = synthetic.into_embeddings(&assumed)?;
    let (first, second) = (arguments.real.display().to_string(), arguments.synthetic.display().to_string());
    if real.dim() != synthetic.dim() {
        let expected = format!("rows of {} numbers like `{first}`", real.dim());
        return Err(Error::invalid(second, expected, format!("rows of {}", synthetic.dim())).into());
    }
    real.check_comparable(&synthetic).map_err(|error| {
        Failure::from(error).hint(format!("{first} and {second} must be embedded by the same model"))
    })?;
    for (set, name) in [(&real, first), (&synthetic, second)] {
        if set.len() < 2 {
            let what = format!("a comparison with `{name}`");
            return Err(Error::TooFewSamples { what, needed: 2, got: set.len(), unit: "rows" }.into());
        }
    }
    Ok((real, synthetic))
}

/// The rows of a folder, and the files that were left out.
fn embed_folder(
    path: &Path,
    arguments: &CompareArguments,
    context: &Context,
) -> Result<(Embeddings, Vec<LeftOut>), Failure> {
    let model = arguments.model.as_deref().unwrap_or(models::DEFAULT);
    let Chosen { embedder, .. } =
        context.embedder(model, arguments.weights.as_deref()).hint(&models::flag_hint(model))?;
    let folder = bad_files::open(path, &context.talk)?;
    let mut bad = BadFiles::new(&folder, arguments.skip_bad, &context.talk)?;
    let all = 0..folder.files().len();
    let good: Vec<usize> = match arguments.skip_bad {
        true => bad.readable(all)?.into_iter().map(|(index, _)| index).collect(),
        false => all.collect(),
    };
    let progress = context.talk.progress();
    progress.start(&format!("embedding {}", path.display()), Some(good.len() as u64));
    let (embedded, matrix) = bad.embed(embedder.as_ref(), &good, context, progress.as_ref())?;
    progress.finish();
    let files = embedded.iter().map(|&index| &folder.files()[index]);
    let (ids, groups) = files.map(|file| (file.path.clone(), file.group.clone())).unzip();
    let embeddings = Embeddings::new(ids, groups, matrix, embedder.identity().clone())?;
    Ok((embeddings, bad.into_left_out()))
}

/// The figures for a person.
fn table(found: &Comparison) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{} real rows in {} groups, {} synthetic rows in {} groups, {} numbers each\n",
        found.n_real, found.groups_real, found.n_synthetic, found.groups_synthetic, found.dim
    );
    let _ = writeln!(text, "{:20} {:>12} {:>12} {:>8}  95 % interval", "metric", "value", "std error", "p");
    for (name, report) in &found.metrics {
        if let Some(estimate) = &report.estimate {
            let _ = writeln!(text, "{}", row(name, estimate));
        }
        for (part, estimate) in report.uncertainty.iter().filter(|_| report.estimate.is_none()) {
            let _ = writeln!(text, "{}", row(&format!("{name}.{part}"), estimate));
        }
    }
    for (name, reason) in &found.skipped {
        let _ = writeln!(text, "{name:20} skipped: {reason}");
    }
    for (name, report) in &found.metrics {
        for note in report.estimate.iter().flat_map(|estimate| &estimate.notes) {
            let _ = writeln!(text, "note on {name}: {note}");
        }
    }
    let _ = writeln!(text, "\nverdict: {}", found.verdict.words);
    text
}

fn row(name: &str, estimate: &Estimate) -> String {
    let optional = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.5}"));
    let p = estimate.p_value.map_or_else(|| "-".to_owned(), |p| format!("{p:.4}"));
    let interval =
        estimate.ci95.map_or_else(|| "-".to_owned(), |[low, high]| format!("[{low:.5}, {high:.5}]"));
    format!("{name:20} {:>12.5} {:>12} {p:>8}  {interval}", estimate.value, optional(estimate.std_error))
        .trim_end()
        .to_owned()
}
