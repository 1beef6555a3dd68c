use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use image::DynamicImage;
use synth_core::{Error, Exporter, FileEntry, ItemCodec, Manifest, Result, Sample, Shard};

use super::head::{DatasetHead, MANIFEST, SAMPLES, SHARDS};
use super::writer::{DatasetWriter, shard_path};
use crate::PngCodec;
use crate::records::{RecordContext, SampleRecord};
use crate::to_json_lines;

/// Gives what a record needs beyond the sample.
pub type Describe = Arc<dyn Fn(&str, &Sample<DynamicImage>) -> RecordContext + Send + Sync>;

/// Exports a dataset of images as [`DatasetWriter`] lays it out: all of it or nothing.
///
/// A complete dataset in the target is [`Error::AlreadyExists`]. After an error the target is as it was
/// before; after a kill the next export with the same configuration keeps the finished shards, whose
/// images are not encoded again. For work that is cut on purpose (Ctrl-C, several processes) use the
/// [`DatasetWriter`] itself. The future does blocking file I/O and never waits: drive it on any
/// executor, or on a thread of its own where others must not be held up. Memory is bounded by one
/// shard and the ids.
#[derive(Clone)]
pub struct ImageFolderExporter {
    root: PathBuf,
    head: DatasetHead,
    codec: Arc<dyn ItemCodec<DynamicImage>>,
    with_masks: bool,
    describe: Describe,
}

impl fmt::Debug for ImageFolderExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageFolderExporter")
            .field("root", &self.root)
            .field("head", &self.head)
            .field("codec", &self.codec)
            .field("with_masks", &self.with_masks)
            .finish_non_exhaustive()
    }
}

impl ImageFolderExporter {
    /// PNG images and masks into `root`, records as [`RecordContext::synthetic`] with `timestamp`.
    #[must_use]
    pub fn new(root: impl Into<PathBuf>, head: DatasetHead, timestamp: &str) -> Self {
        let timestamp = timestamp.to_owned();
        Self {
            root: root.into(),
            head,
            codec: Arc::new(PngCodec),
            with_masks: true,
            describe: Arc::new(move |_, sample| RecordContext::synthetic(sample, &timestamp)),
        }
    }

    /// The same with another image format.
    #[must_use]
    pub fn with_codec(mut self, codec: Arc<dyn ItemCodec<DynamicImage>>) -> Self {
        self.codec = codec;
        self
    }

    /// The same with other records.
    #[must_use]
    pub fn with_description(mut self, describe: Describe) -> Self {
        self.describe = describe;
        self
    }

    /// The same without instance masks.
    #[must_use]
    pub fn without_masks(mut self) -> Self {
        self.with_masks = false;
        self
    }

    /// [`Exporter::export`] without the future.
    ///
    /// # Errors
    /// As [`Exporter::export`].
    pub fn export_blocking(
        &self,
        shards: &mut dyn Iterator<Item = Result<Shard<DynamicImage>>>,
    ) -> Result<Manifest> {
        let before = Existing::look(&self.root);
        let mut made = Vec::new();
        let opened = DatasetWriter::open(&self.root, &self.head, Arc::clone(&self.codec), self.with_masks);
        let was_opened = opened.is_ok();
        let result = opened.and_then(|writer| self.try_export(&writer, shards, &mut made));
        if result.is_err() {
            before.restore(&self.root, was_opened, &made);
        }
        result
    }

    fn try_export(
        &self,
        writer: &DatasetWriter,
        shards: &mut dyn Iterator<Item = Result<Shard<DynamicImage>>>,
        made: &mut Vec<Made>,
    ) -> Result<Manifest> {
        if writer.is_complete() {
            return Err(Error::AlreadyExists { what: "dataset", name: self.root.display().to_string() });
        }
        let (mut numbers, mut ids) = (Vec::new(), BTreeSet::new());
        for shard in shards {
            let shard = shard?;
            if numbers.last().is_some_and(|&last| last >= shard.number) {
                return Err(Error::invalid("shard number", "ascending", shard.number));
            }
            if let Some((id, _)) = shard.samples.iter().find(|(id, _)| !ids.insert(id.clone())) {
                return Err(Error::AlreadyExists { what: "sample", name: id.clone() });
            }
            numbers.push(shard.number);
            self.write_shard(writer, shard, made)?;
        }
        let missing = || Error::NotFound { what: "shard of", name: self.root.display().to_string() };
        writer.finish(numbers)?.ok_or_else(missing)
    }

    fn write_shard(
        &self,
        writer: &DatasetWriter,
        shard: Shard<DynamicImage>,
        made: &mut Vec<Made>,
    ) -> Result<()> {
        let (ids, samples): (Vec<String>, Vec<_>) = shard.samples.into_iter().unzip();
        let record = |(id, sample): (&String, &Sample<DynamicImage>)| {
            SampleRecord::new(id.clone(), sample, (self.describe)(id, sample))
        };
        let records: Vec<SampleRecord> = ids.iter().zip(&samples).map(record).collect::<Result<_>>()?;
        match writer.begin(shard.number)? {
            Some(mut file) => {
                file.write(&samples, &records)?;
                file.finish()?;
                made.push(Made { number: shard.number, files: self.paths(&ids) });
                Ok(())
            }
            None => check_same(writer, shard.number, &records),
        }
    }
}

impl ImageFolderExporter {
    fn paths(&self, ids: &[String]) -> Vec<PathBuf> {
        let name = |id: &String| format!("{id}.{}", self.codec.extension());
        ids.iter()
            .flat_map(|id| ["images", "masks"].map(|folder| self.root.join(folder).join(name(id))))
            .collect()
    }
}

#[async_trait]
impl Exporter<DynamicImage> for ImageFolderExporter {
    async fn export<'a>(
        &self,
        mut shards: Box<dyn Iterator<Item = Result<Shard<DynamicImage>>> + Send + 'a>,
    ) -> Result<Manifest> {
        self.export_blocking(&mut shards)
    }
}

/// A shard that this export finished.
struct Made {
    number: u64,
    files: Vec<PathBuf>,
}

/// A shard that a killed export finished must be this very shard.
fn check_same(writer: &DatasetWriter, shard: u64, records: &[SampleRecord]) -> Result<()> {
    if writer.samples_of(shard)? == Some(FileEntry::of(&to_json_lines(records)?)) {
        return Ok(());
    }
    let name = format!("{shard} (with other samples, in {})", writer.root().display());
    Err(Error::AlreadyExists { what: "finished shard", name })
}

/// What of a dataset's own was there before an export.
struct Existing {
    root: bool,
    shards: bool,
    manifest: bool,
}

impl Existing {
    fn look(root: &Path) -> Self {
        let there = |name: &str| root.join(name).exists();
        Self { root: root.exists(), shards: there(SHARDS), manifest: there(MANIFEST) }
    }

    /// Takes back what a failed export made. What cannot be removed is overwritten by the next one.
    fn restore(&self, root: &Path, was_opened: bool, made: &[Made]) {
        if self.manifest {
            return;
        }
        for Made { number, files } in made {
            files.iter().for_each(|path| drop(fs::remove_file(path)));
            for extension in ["json", "jsonl", "lock"] {
                drop(fs::remove_file(shard_path(root, *number, extension)));
            }
        }
        if was_opened {
            drop(fs::remove_file(root.join(SAMPLES)));
            for folder in ["images", "masks"] {
                // Fails, as it should, where something is left in it.
                drop(fs::remove_dir(root.join(folder)));
            }
        }
        if !self.shards {
            drop(fs::remove_dir_all(root.join(SHARDS)));
        }
        if !self.root {
            drop(fs::remove_dir(root));
        }
    }
}
