//! From a run directory to what the report shows: everything is read from the run's own files, so
//! that `synth report RUN` writes the same bytes again.

use std::collections::BTreeMap;

use image::DynamicImage;
use synth_core::{Error, ItemCodec, ParameterSpace, Result, StepFile};
use synth_embed::FittedPca;
use synth_export::{DatasetType, PngCodec, RunDirectory, parse_json_lines, parse_npy};
use synth_optimize::calibrate::{CalibrationResult, IterationRecord};

use super::{PointSet, Role, RunView, Strip, StripImage, assemble, draw_all, render};
use crate::config::{Experiment, RealSource};
use crate::pipeline::{PROJECTION, REAL_IMAGES, RealImageRow, StoredIteration, step_name};

/// The report's files: `report.html`, and each plot as SVG and PNG under `plots/`.
///
/// # Errors
/// A file of the run that is missing, torn or altered.
pub(crate) fn report_files(
    run: &RunDirectory,
    experiment: &Experiment,
    result: &CalibrationResult,
) -> Result<Vec<StepFile>> {
    let iterations = stored_iterations(run)?;
    let records: Vec<IterationRecord> = iterations.iter().map(|it| it.scores.record.clone()).collect();
    let created_at =
        iterations.first().and_then(|it| it.records.first()).map(|record| record.timestamp.clone());
    let space: &ParameterSpace = &experiment.param_bounds;
    let real_files = real_files(run, experiment)?;
    let strips = strips(run, &iterations, &real_files)?;
    let view = RunView {
        experiment: &experiment.experiment_name,
        created_at: created_at.as_deref().unwrap_or_default(),
        generator: &experiment.generator.name,
        facts: facts(experiment, run, &iterations, result),
        space,
        truth: experiment.distribution("real").filter(|_| matches!(experiment.real, RealSource::Drawn(_))),
        records: &records,
        result,
        scatter: scatter(run, &iterations)?,
        explained: explained(run)?,
        strips,
        real_files,
    };
    let data = assemble(view);
    let plots = draw_all(&data).map_err(|problem| Error::component("plotting", problem))?;
    let html = render(&data, &plots);
    let mut files = vec![StepFile { path: "report.html".into(), bytes: html.into_bytes() }];
    for plot in plots {
        files.push(StepFile { path: format!("plots/{}.svg", plot.name), bytes: plot.svg.into_bytes() });
        files.push(StepFile { path: format!("plots/{}.png", plot.name), bytes: plot.png });
    }
    Ok(files)
}

fn stored_iterations(run: &RunDirectory) -> Result<Vec<StoredIteration>> {
    let mut iterations = Vec::new();
    while let Some(stored) = StoredIteration::read(run, iterations.len())? {
        iterations.push(stored);
    }
    Ok(iterations)
}

/// The user's own files of the real set, below the folder as the configuration names it, by sample.
fn real_files(run: &RunDirectory, experiment: &Experiment) -> Result<BTreeMap<String, String>> {
    let RealSource::Folder { dir, .. } = &experiment.real else { return Ok(BTreeMap::new()) };
    let path = format!("{}/{REAL_IMAGES}", step_name(0));
    let rows: Vec<RealImageRow> = parse_json_lines(&run.root().join(&path), &run.read(&path)?)?;
    let dir = dir.trim_end_matches('/');
    Ok(rows.into_iter().map(|row| (row.sample_id, format!("{dir}/{}", row.path))).collect())
}

fn facts(
    experiment: &Experiment,
    run: &RunDirectory,
    iterations: &[StoredIteration],
    result: &CalibrationResult,
) -> Vec<(String, String)> {
    let trials: usize = iterations.iter().map(|it| it.scores.record.trials.len()).sum();
    let made =
        |it: &StoredIteration| it.records.iter().filter(|r| r.dataset_type != DatasetType::Real).count();
    let images: usize = iterations.iter().map(made).sum();
    let bases = experiment.base_image_dir.as_ref().map_or_else(
        || format!("built-in chips of {} px", experiment.image_size.unwrap_or_default()),
        |dir| format!("base images from {dir}"),
    );
    let about = run.about();
    let mut facts = vec![
        ("Real set".to_owned(), real_set(experiment, result)),
        ("Generator".to_owned(), format!("{}, {bases}", experiment.generator.name)),
        ("Embedder".to_owned(), experiment.embedder.clone()),
        ("Measured".to_owned(), format!("{trials} parameter sets, {images} synthetic images")),
    ];
    if let Some(seed) = about.get("seed") {
        facts.push(("Seed".to_owned(), seed.clone()));
    }
    facts
}

fn real_set(experiment: &Experiment, result: &CalibrationResult) -> String {
    let (samples, groups) = (result.verdict.samples, result.verdict.groups);
    let source = match &experiment.real {
        RealSource::Folder { dir, .. } => format!("{samples} images from {dir}"),
        RealSource::Drawn(size) => {
            format!("{samples} images drawn from a hidden distribution: {} parameter sets", size.param_sets)
        }
    };
    if groups < samples {
        format!(
            "{source}. Images of one group are not independent: this is {groups} groups, not {samples} samples."
        )
    } else {
        format!("{source}, each on its own")
    }
}

fn explained(run: &RunDirectory) -> Result<[f64; 2]> {
    let fitted = FittedPca::load(&run.read(PROJECTION)?)?;
    let ratio = fitted.explained_variance_ratio();
    Ok([0, 1].map(|at| ratio.get(at).copied().unwrap_or(0.0)))
}

/// Far and close first, then the iterations, the real set on top.
fn scatter(run: &RunDirectory, iterations: &[StoredIteration]) -> Result<Vec<PointSet>> {
    let last = iterations.len().saturating_sub(1);
    let (mut behind, mut between, mut front) = (Vec::new(), Vec::new(), Vec::new());
    for (number, iteration) in iterations.iter().enumerate() {
        let path = format!("{}/pca_2d.npy", step_name(number));
        let plane = parse_npy(&run.root().join(&path), &run.read(&path)?)?;
        let points = |wanted: DatasetType| -> Vec<[f64; 2]> {
            let rows = iteration.records.iter().zip(plane.rows());
            let wanted = rows.filter(|(record, _)| record.dataset_type == wanted);
            wanted.map(|(_, row)| [row[0], row.get(1).copied().unwrap_or(0.0)]).collect()
        };
        let (of_far, of_close) = (points(DatasetType::Far), points(DatasetType::Close));
        behind.push(PointSet { role: Role::Far, points: of_far });
        behind.push(PointSet { role: Role::Close, points: of_close });
        let role = Role::Iteration { number, last };
        between.push(PointSet { role, points: points(DatasetType::Synthetic) });
        front.push(PointSet { role: Role::Real, points: points(DatasetType::Real) });
    }
    let all = behind.into_iter().chain(between).chain(front);
    Ok(all.filter(|set| !set.points.is_empty()).collect())
}

/// Images in a row of the report.
const STRIP: usize = 8;
/// Longest side of an image in the report, px.
const SHOWN_PX: u32 = 160;
/// Synthetic images are chosen from so many last iterations: what the calibration ended with.
const LAST_ITERATIONS: usize = 3;

fn strips(
    run: &RunDirectory,
    iterations: &[StoredIteration],
    real_files: &BTreeMap<String, String>,
) -> Result<Vec<Strip>> {
    let mut real = Vec::new();
    if let Some(first) = iterations.first() {
        let records = first.records.iter().filter(|record| record.dataset_type == DatasetType::Real);
        for record in records.take(STRIP) {
            let caption = real_files.get(&record.sample_id).unwrap_or(&record.sample_id);
            real.extend(shown(run, 0, &record.sample_id, caption.clone())?);
        }
    }
    let mut synthetic: Vec<(f64, usize, &str)> = iterations
        .iter()
        .enumerate()
        .skip(iterations.len().saturating_sub(LAST_ITERATIONS))
        .flat_map(|(number, iteration)| {
            let made =
                iteration.records.iter().filter(|record| record.dataset_type == DatasetType::Synthetic);
            made.filter_map(move |record| {
                let id = record.sample_id.as_str();
                iteration.scores.nearest_real.get(id).map(|&distance| (distance, number, id))
            })
        })
        .collect();
    synthetic.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.2.cmp(b.2)));
    let row = |chosen: &mut dyn Iterator<Item = &(f64, usize, &str)>| -> Result<Vec<StripImage>> {
        let mut images = Vec::new();
        for &(distance, number, id) in chosen.take(STRIP) {
            images.extend(shown(run, number, id, format!("{id}: {distance:.2}"))?);
        }
        Ok(images)
    };
    Ok(vec![
        Strip { title: "Real".to_owned(), images: real },
        Strip {
            title: "Synthetic of the last iterations, nearest to a real image (distance)".to_owned(),
            images: row(&mut synthetic.iter())?,
        },
        Strip {
            title: "Synthetic of the last iterations, farthest from every real image (distance)".to_owned(),
            images: row(&mut synthetic.iter().rev())?,
        },
    ])
}

/// An image of the run, or the thumbnail kept of a user's image; `None` where neither is there.
fn shown(run: &RunDirectory, iteration: usize, id: &str, caption: String) -> Result<Option<StripImage>> {
    let step = step_name(iteration);
    for folder in ["images", "thumbnails"] {
        match run.read(&format!("{step}/{folder}/{id}.png")) {
            Ok(bytes) => {
                let image = PngCodec.decode(&bytes)?;
                let small = DynamicImage::ImageRgb8(image.thumbnail(SHOWN_PX, SHOWN_PX).to_rgb8());
                return Ok(Some(StripImage { caption, png: PngCodec.encode(&small)? }));
            }
            Err(Error::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
