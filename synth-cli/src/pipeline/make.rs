use std::path::Path;

use image::DynamicImage;
use ndarray::{Array2, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use synth_core::{Cancel, EmbedderId, Embeddings, Error, Progress, Request, Result, Sample, StepFile};
use synth_export::{
    DatasetType, ImageEncoding, LoadedImage, PngCodec, RecordContext, SampleRecord, to_json_lines,
};
use synth_optimize::calibrate::FailedSample;

use super::plan::{PlannedSample, sample_id};
use crate::generators::ImageGenerator;
use crate::models::{ImageEmbedder, embed_files};

/// Makes and embeds samples, some at a time. Of each only its files and its embedding are kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Maker<'a> {
    pub(crate) generator: &'a ImageGenerator,
    pub(crate) embedder: &'a ImageEmbedder,
    /// Samples at a time; changes no result.
    pub(crate) batch_size: usize,
    /// The run's `created_at`.
    pub(crate) created_at: &'a str,
    pub(crate) cancel: &'a Cancel,
    pub(crate) progress: &'a dyn Progress,
}

/// Samples with their files, ready to be saved.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) records: Vec<SampleRecord>,
    /// Images and masks, relative to the step's folder.
    pub(crate) files: Vec<StepFile>,
    /// One row per record.
    pub(crate) matrix: Array2<f32>,
    pub(crate) failed: Vec<FailedSample>,
}

impl Made {
    fn new(dim: usize) -> Self {
        Self { records: Vec::new(), files: Vec::new(), matrix: Array2::zeros((0, dim)), failed: Vec::new() }
    }

    /// These samples, then others.
    pub(crate) fn append(&mut self, mut other: Self) -> Result<()> {
        self.records.append(&mut other.records);
        self.files.append(&mut other.files);
        self.failed.append(&mut other.failed);
        self.matrix
            .append(Axis(0), other.matrix.view())
            .map_err(|source| Error::component("joining rows", source))
    }

    /// The rows of some samples; `None` where there is none.
    pub(crate) fn embeddings(
        &self,
        identity: &EmbedderId,
        wanted: impl Fn(DatasetType) -> bool,
    ) -> Result<Option<Embeddings>> {
        rows_of(&self.records, &self.matrix, identity, wanted)
    }
}

/// The rows of the records of some type as embeddings; `None` where there is none.
pub(crate) fn rows_of(
    records: &[SampleRecord],
    matrix: &Array2<f32>,
    identity: &EmbedderId,
    wanted: impl Fn(DatasetType) -> bool,
) -> Result<Option<Embeddings>> {
    let rows: Vec<usize> = (0..records.len()).filter(|&row| wanted(records[row].dataset_type)).collect();
    if rows.is_empty() {
        return Ok(None);
    }
    let ids = rows.iter().map(|&row| records[row].sample_id.clone()).collect();
    let groups = rows.iter().map(|&row| records[row].group.clone()).collect();
    Embeddings::new(ids, groups, matrix.select(Axis(0), &rows), identity.clone()).map(Some)
}

/// A user's image of the real set: a line of `real_images.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RealImageRow {
    pub(crate) sample_id: String,
    /// Relative to the folder of the real set, with forward slashes.
    pub(crate) path: String,
    blake3: String,
    group: String,
}

/// The file of [`RealImageRow`]s, in the folder of iteration 0.
pub(crate) const REAL_IMAGES: &str = "real_images.jsonl";

/// Longest side of a stored thumbnail, px, and how many of the real images get one.
const THUMBNAIL_PX: u32 = 192;
const THUMBNAILS: usize = 12;

impl Maker<'_> {
    /// Makes the samples of a plan.
    ///
    /// # Errors
    /// [`Error::Interrupted`] between two batches; a fault of the generator, the embedder or a codec.
    /// A sample that alone fails is noted instead.
    pub(crate) fn make(&self, iteration: usize, plan: &[PlannedSample], stage: &str) -> Result<Made> {
        let mut made = Made::new(self.embedder.dim());
        self.progress.start(stage, Some(plan.len() as u64));
        for chunk in plan.chunks(self.batch_size.max(1)) {
            self.cancel.check()?;
            made.append(self.make_chunk(iteration, chunk)?)?;
            self.progress.advance(chunk.len() as u64);
        }
        self.progress.finish();
        Ok(made)
    }

    fn make_chunk(&self, iteration: usize, chunk: &[PlannedSample]) -> Result<Made> {
        let requests: Vec<Request> = chunk.iter().map(|planned| planned.request.clone()).collect();
        let (mut samples, mut planned, mut failed) = (Vec::new(), Vec::new(), Vec::new());
        for (result, order) in self.generator.generate(&requests)?.into_iter().zip(chunk) {
            match result {
                Ok(sample) => {
                    samples.push(sample);
                    planned.push(order);
                }
                Err(error) => failed.push(FailedSample {
                    param_set_id: order.param_set_id.clone(),
                    replication: order.replication,
                    reason: error.to_string(),
                }),
            }
        }
        let images: Vec<&DynamicImage> = samples.iter().map(|sample| &sample.item).collect();
        let matrix = self.embedder.embed(&images)?;
        let encoding = ImageEncoding { codec: &PngCodec, with_masks: true };
        let files: Vec<Vec<StepFile>> = samples
            .par_iter()
            .zip(&planned)
            .map(|(sample, order)| encoding.files(&order.sample_id, sample))
            .collect::<Result<_>>()?;
        let records =
            samples.iter().zip(&planned).map(|(sample, order)| self.record(iteration, sample, order));
        let records = records.collect::<Result<_>>()?;
        Ok(Made { records, files: files.into_iter().flatten().collect(), matrix, failed })
    }

    fn record(
        &self,
        iteration: usize,
        sample: &Sample<DynamicImage>,
        order: &PlannedSample,
    ) -> Result<SampleRecord> {
        let context = RecordContext {
            iteration: u32::try_from(iteration).ok(),
            dataset_type: order.dataset_type,
            group: order.param_set_id.clone(),
            param_set_id: order.param_set_id.clone(),
            replication_seed: order.replication as u64,
            timestamp: self.created_at.to_owned(),
        };
        SampleRecord::new(&order.sample_id, sample, context)
    }

    /// Embeds the user's own real images. They are referenced by path and hash, not copied; a few get
    /// a thumbnail for the report.
    ///
    /// # Errors
    /// As [`make`](Self::make).
    pub(crate) fn embed_real(&self, dir: &Path, images: &[LoadedImage]) -> Result<Made> {
        let mut made = Made::new(self.embedder.dim());
        self.progress.start("embedding the real set", Some(images.len() as u64));
        for chunk in images.chunks(self.batch_size.max(1)) {
            self.cancel.check()?;
            let rows = embed_files(self.embedder, dir, chunk)?;
            made.matrix
                .append(Axis(0), rows.view())
                .map_err(|source| Error::component("joining rows", source))?;
            self.progress.advance(chunk.len() as u64);
        }
        self.progress.finish();
        let id = |at| sample_id(0, DatasetType::Real, at, images.len());
        made.records = images
            .iter()
            .enumerate()
            .map(|(at, image)| real_record(id(at), image, self.created_at))
            .collect();
        made.files = real_files(&made.records, images)?;
        Ok(made)
    }
}

fn real_record(sample_id: String, image: &LoadedImage, created_at: &str) -> SampleRecord {
    SampleRecord {
        sample_id,
        iteration: Some(0),
        dataset_type: DatasetType::Real,
        group: image.group.clone(),
        param_set_id: image.group.clone(),
        replication_seed: 0,
        base_image_id: None,
        params: synth_core::ParameterSet::new(),
        uncontrolled_params: std::collections::BTreeMap::new(),
        annotations: Vec::new(),
        timestamp: created_at.to_owned(),
    }
}

fn real_files(records: &[SampleRecord], images: &[LoadedImage]) -> Result<Vec<StepFile>> {
    use synth_core::ItemCodec;
    let rows: Vec<RealImageRow> = records
        .iter()
        .zip(images)
        .map(|(record, image)| RealImageRow {
            sample_id: record.sample_id.clone(),
            path: image.path.clone(),
            blake3: image.blake3.clone(),
            group: image.group.clone(),
        })
        .collect();
    let mut files = vec![StepFile { path: REAL_IMAGES.into(), bytes: to_json_lines(&rows)? }];
    for (record, image) in records.iter().zip(images).take(THUMBNAILS) {
        let shown = DynamicImage::ImageRgb8(image.image.thumbnail(THUMBNAIL_PX, THUMBNAIL_PX).to_rgb8());
        let path = format!("thumbnails/{}.png", record.sample_id);
        files.push(StepFile { path, bytes: PngCodec.encode(&shown)? });
    }
    Ok(files)
}
