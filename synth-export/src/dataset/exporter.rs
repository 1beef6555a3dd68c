use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use image::DynamicImage;
use synth_core::{Error, Exporter, FileEntry, ItemCodec, Manifest, Result, Sample, Shard};

use super::head::DatasetHead;
use super::merge::tidy;
use super::undo::Undo;
use super::writer::DatasetWriter;
use crate::PngCodec;
use crate::records::{RecordContext, SampleRecord};
use crate::to_json_lines;

/// Gives what a record needs beyond the sample.
pub type Describe = Arc<dyn Fn(&str, &Sample<DynamicImage>) -> RecordContext + Send + Sync>;

/// Exports a dataset of images as [`DatasetWriter`] lays it out: all of it or nothing.
///
/// A complete dataset in the target is [`Error::AlreadyExists`], its files are not touched. After another error
/// nothing of the new dataset is visible: the manifest goes first, then what this export wrote. Shards
/// that a killed export had finished stay; the next export with the same configuration keeps them, and
/// their images are not encoded again. Where the system does not let a file be removed, what remains
/// is no dataset, or all of it: there is never a manifest, or a shard that counts, without its files.
/// A working folder that cannot be removed from a complete dataset is no error; whoever opens the
/// dataset next for writing removes it.
///
/// For work that is cut on purpose (Ctrl-C, several processes) use the [`DatasetWriter`] itself. The
/// future does blocking file I/O and waits for nothing else, but while another process completes the
/// same dataset: drive it on any executor, or on a thread of its own where others must not be held up.
/// Memory is bounded by one shard and the ids.
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
    /// The first error of the iterator; [`Error::AlreadyExists`] for a complete dataset, a directory
    /// with other files or a repeated id; [`Error::InvalidParam`] for shards that do not ascend, an id
    /// that cannot name a file, or a killed export with another configuration; as
    /// [`DatasetWriter::open`], [`ShardWriter::write`](crate::ShardWriter::write) and
    /// [`DatasetWriter::finish`].
    pub fn export_blocking(
        &self,
        shards: &mut dyn Iterator<Item = Result<Shard<DynamicImage>>>,
    ) -> Result<Manifest> {
        let mut undo = Undo::new(&self.root);
        let opened = DatasetWriter::open(&self.root, &self.head, Arc::clone(&self.codec), self.with_masks);
        // Of two errors the first is the one to report.
        let writer = opened.inspect_err(|_| drop(undo.take_back_opening()))?;
        if writer.is_complete() {
            return Err(Error::AlreadyExists { what: "dataset", name: self.root.display().to_string() });
        }
        let result = self.try_export(&writer, shards, &mut undo);
        match &result {
            // The dataset is complete and durable; the next opening removes what is left beside it.
            Ok(_) => drop(tidy(&self.root)),
            Err(_) => drop(undo.take_back_all(writer.has_started())),
        }
        result
    }

    fn try_export(
        &self,
        writer: &DatasetWriter,
        shards: &mut dyn Iterator<Item = Result<Shard<DynamicImage>>>,
        undo: &mut Undo<'_>,
    ) -> Result<Manifest> {
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
            self.write_shard(writer, shard, undo)?;
        }
        let missing = || Error::NotFound {
            what: "finished shard",
            name: format!("(removed by another process from {}; export again)", self.root.display()),
        };
        writer.complete(numbers)?.ok_or_else(missing)
    }

    fn write_shard(
        &self,
        writer: &DatasetWriter,
        shard: Shard<DynamicImage>,
        undo: &mut Undo<'_>,
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
                let paths = ids.iter().map(|id| writer.encoding().paths(id)).collect::<Result<Vec<_>>>()?;
                undo.note(shard.number, paths.concat());
                Ok(())
            }
            None => check_same(writer, shard.number, &records),
        }
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

/// A shard that a killed export finished must be this very shard.
fn check_same(writer: &DatasetWriter, shard: u64, records: &[SampleRecord]) -> Result<()> {
    if writer.samples_of(shard)? == Some(FileEntry::of(&to_json_lines(records)?)) {
        return Ok(());
    }
    let place = writer.root().display();
    let name = format!("{shard} (with other samples, in {place}; export into another directory)");
    Err(Error::AlreadyExists { what: "finished shard", name })
}
