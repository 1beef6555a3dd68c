//! This crate's implementors against the contracts of `synth_core::conformance`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
use synth_core::conformance::{CodecCaps, Existing, ExporterCaps};
use synth_core::{
    Annotation, Instance, ParameterSet, Provenance, Request, Result, Rle, RunStore, Sample, Seed,
    Segmentation, Shard, StepFile,
};
use synth_export::{
    Dataset, DatasetHead, ImageFolderExporter, PngCodec, RecordContext, RunDirectory, RunHead, SampleRecord,
};
use tempfile::TempDir;

fn temporary() -> TempDir {
    tempfile::tempdir().expect("temporary directory")
}

fn images() -> Vec<DynamicImage> {
    let deep = ImageBuffer::from_fn(7, 5, |x, y| Luma([(x * 9_000 + y * 17) as u16]));
    vec![
        DynamicImage::ImageLuma8(GrayImage::from_fn(9, 4, |x, y| Luma([(x * 20 + y) as u8]))),
        DynamicImage::ImageRgb8(RgbImage::from_fn(3, 8, |x, y| Rgb([x as u8, y as u8, 250]))),
        DynamicImage::ImageLuma16(deep),
    ]
}

mod image_png {
    use super::*;
    synth_core::codec_conformance!(|| Box::new(PngCodec), CodecCaps::lossless(images()));
}

mod run_directory {
    use super::*;
    use synth_core::conformance::RunStoreCaps;

    fn open(place: &TempDir) -> Box<dyn RunStore> {
        let head = RunHead { config: "seed: 1\n".into(), about: BTreeMap::new() };
        Box::new(RunDirectory::resume(place.path(), &head).expect("a run that can be resumed"))
    }

    fn tamper(place: &TempDir, path: &str, bytes: Option<&[u8]>) {
        let path = place.path().join(path);
        match bytes {
            Some(bytes) => fs::write(path, bytes).expect("writable"),
            None => fs::remove_file(path).expect("there"),
        }
    }

    fn kill(place: &TempDir, _step: &str, files: &[StepFile]) {
        let at = |path: &str| place.path().join(path);
        let (last, whole) = files.split_last().expect("files");
        for file in whole {
            fs::create_dir_all(at(&file.path).parent().expect("parent")).expect("writable");
            fs::write(at(&file.path), &file.bytes).expect("writable");
        }
        let last = at(&last.path);
        let name = format!(".{}.synth-tmp", last.file_name().expect("name").to_string_lossy());
        fs::create_dir_all(last.parent().expect("parent")).expect("writable");
        fs::write(last.with_file_name(name), b"ha").expect("writable");
    }

    synth_core::run_store_conformance!(open, RunStoreCaps { fresh: temporary, tamper, kill: Some(kill) });
}

mod image_folder {
    use super::*;

    const TIMESTAMP: &str = "2026-11-21T00:00:00Z";

    fn make(target: &TempDir) -> Box<dyn synth_core::Exporter<DynamicImage>> {
        let head = DatasetHead {
            config: "generator: toy\n".into(),
            about: BTreeMap::from([("created_at".to_owned(), TIMESTAMP.to_owned())]),
        };
        Box::new(ImageFolderExporter::new(target.path(), head, TIMESTAMP))
    }

    fn sample(index: u64) -> Sample<DynamicImage> {
        let item = images().swap_remove(index as usize % 3);
        let size = [item.height(), item.width()];
        let rle = Rle::new(size, vec![2, 1, size[0] * size[1] - 3]).expect("all pixels");
        let instance = Instance {
            category: "void".into(),
            bbox: [0.0, 2.0, 1.0, 1.0],
            area: 1,
            visible: true,
            segmentation: Segmentation::Rle(rle),
            attributes: BTreeMap::new(),
        };
        let params = ParameterSet::new().with("base_size", 0.1 * index as f64);
        let provenance = Provenance {
            generator: "toy-1".into(),
            request: Request::new(params, Seed::from_u64(1), index),
            inputs: BTreeMap::new(),
            uncontrolled: BTreeMap::new(),
        };
        Sample { item, annotations: vec![Annotation::Instance(instance)], provenance }
    }

    fn shards() -> Vec<Shard<DynamicImage>> {
        let samples = |number: u64| (0..2).map(move |i| (format!("s_{number}_{i}"), sample(number * 2 + i)));
        (0..2).map(|number| Shard { number, samples: samples(number).collect() }).collect()
    }

    type Kept = (SampleRecord, DynamicImage);

    fn kept(id: &str, sample: &Sample<DynamicImage>) -> Kept {
        let context = RecordContext::synthetic(sample, TIMESTAMP);
        (SampleRecord::new(id, sample, context).expect("finite"), sample.item.clone())
    }

    fn read(target: &TempDir) -> Result<Vec<Kept>> {
        let dataset = Dataset::open(target.path())?;
        assert_eq!(dataset.verify(), []);
        let image = |record: SampleRecord| {
            let bytes = dataset.read(&format!("images/{}.png", record.sample_id))?;
            Ok((record, synth_core::ItemCodec::decode(&PngCodec, &bytes)?))
        };
        dataset.records()?.into_iter().map(image).collect()
    }

    fn files(target: &TempDir) -> BTreeMap<String, Vec<u8>> {
        fn visit(root: &Path, at: &Path, files: &mut BTreeMap<String, Vec<u8>>) {
            for entry in fs::read_dir(at).expect("readable") {
                let path = entry.expect("readable").path();
                if path.is_dir() {
                    visit(root, &path, files);
                } else {
                    let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
                    files.insert(name, fs::read(&path).expect("readable"));
                }
            }
        }
        let mut files = BTreeMap::new();
        visit(target.path(), target.path(), &mut files);
        files
    }

    fn caps() -> ExporterCaps<DynamicImage, TempDir, Kept> {
        ExporterCaps { fresh: temporary, shards, kept, read, files, existing: Existing::Refused }
    }

    synth_core::exporter_conformance!(make, caps());
}
