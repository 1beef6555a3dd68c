use image::DynamicImage;
use serde::Serialize;
use synth_core::{Error, ItemCodec, Result, Sample, StepFile};

use crate::mask::instance_mask;
use crate::paths::check_id;
use crate::records::SampleRecord;
use crate::to_json_lines;

/// How the images of a dataset or run become files.
#[derive(Clone, Copy, Debug)]
pub struct ImageEncoding<'a> {
    /// Format of images and masks.
    pub codec: &'a dyn ItemCodec<DynamicImage>,
    /// Whether instance masks are written.
    pub with_masks: bool,
}

impl ImageEncoding<'_> {
    /// The image, and the mask where it is wanted: `images/<id>.png`, `masks/<id>.png`.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for an id that cannot name a file; what the codec or
    /// [`instance_mask`] says.
    pub fn files(&self, id: &str, sample: &Sample<DynamicImage>) -> Result<Vec<StepFile>> {
        let mut bytes = vec![self.codec.encode(&sample.item)?];
        if self.with_masks {
            let mask = instance_mask(&sample.annotations, sample.item.width(), sample.item.height())?;
            bytes.push(self.codec.encode(&DynamicImage::ImageLuma16(mask))?);
        }
        let paths = self.paths(id)?;
        Ok(paths.into_iter().zip(bytes).map(|(path, bytes)| StepFile { path, bytes }).collect())
    }

    /// Paths of the files of a sample, the image first; an id that cannot name a file is an error.
    pub(crate) fn paths(&self, id: &str) -> Result<Vec<String>> {
        check_id(id)?;
        let folders = if self.with_masks { &["images", "masks"][..] } else { &["images"] };
        let extension = self.codec.extension();
        Ok(folders.iter().map(|folder| format!("{folder}/{id}.{extension}")).collect())
    }
}

/// The files of a step that made `samples`, below `folder` (`iteration_000`): images, masks and
/// `samples.jsonl`, records in the order given.
///
/// # Errors
/// As [`ImageEncoding::files`]; [`Error::Shape`] if the lengths differ.
pub fn sample_files(
    folder: &str,
    samples: &[Sample<DynamicImage>],
    records: &[SampleRecord],
    encoding: ImageEncoding<'_>,
) -> Result<Vec<StepFile>> {
    use rayon::prelude::*;
    if samples.len() != records.len() {
        let (expected, got) = (vec![samples.len()], vec![records.len()]);
        return Err(Error::Shape { what: "records", expected, got });
    }
    let encoded =
        records.par_iter().zip(samples).map(|(record, sample)| encoding.files(&record.sample_id, sample));
    let mut files: Vec<StepFile> = encoded.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    files.push(StepFile { path: "samples.jsonl".into(), bytes: to_json_lines(records)? });
    for file in &mut files {
        file.path = format!("{folder}/{}", file.path);
    }
    Ok(files)
}

/// A value as an indented JSON file that ends with a line feed. Maps must be ordered.
///
/// # Errors
/// [`Error::Component`] for a value that JSON cannot hold.
pub fn json_file<T: Serialize>(path: impl Into<String>, value: &T) -> Result<StepFile> {
    let mut bytes =
        serde_json::to_vec_pretty(value).map_err(|source| Error::component("writing JSON", source))?;
    bytes.push(b'\n');
    Ok(StepFile { path: path.into(), bytes })
}
