//! Datasets made by one process or many, once or in pieces.

#[path = "support/files.rs"]
mod files;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use image::{DynamicImage, GrayImage, Luma};
use proptest::prelude::*;
use synth_core::{
    Annotation, Error, Instance, ParameterSet, Provenance, Request, Rle, Sample, Seed, Segmentation,
};
use synth_export::{
    Dataset, DatasetHead, DatasetWriter, FolderImages, OnBadFile, PngCodec, RecordContext, SampleRecord,
    instance_mask,
};

use files::files;

fn head(about: &str) -> DatasetHead {
    DatasetHead {
        config: "count: 7\nshard_size: 2\n".into(),
        about: BTreeMap::from([("created_at".to_owned(), about.to_owned())]),
    }
}

fn open(root: &Path) -> DatasetWriter {
    DatasetWriter::open(root, &head("then"), Arc::new(PngCodec), true).expect("writable")
}

fn sample(index: u64) -> (Sample<DynamicImage>, SampleRecord) {
    let rle = Rle::new([4, 5], vec![index as u32 % 19, 1, 19 - index as u32 % 19]).expect("20 px");
    let instance = Instance {
        category: "void".into(),
        bbox: [0.0, 0.0, 1.0, 1.0],
        area: 1,
        visible: true,
        segmentation: Segmentation::Rle(rle),
        attributes: BTreeMap::new(),
    };
    let params = ParameterSet::new().with("a", index as f64 / 3.0);
    let sample = Sample {
        item: DynamicImage::ImageLuma8(GrayImage::from_fn(5, 4, |x, y| {
            Luma([(index as u32 * 7 + x * y) as u8])
        })),
        annotations: vec![Annotation::Instance(instance)],
        provenance: Provenance {
            generator: "toy-1".into(),
            request: Request::new(params, Seed::from_u64(1), index),
            inputs: BTreeMap::new(),
            uncontrolled: BTreeMap::new(),
        },
    };
    let context = RecordContext::synthetic(&sample, "then");
    let record = SampleRecord::new(format!("s_{index:03}"), &sample, context).expect("finite");
    (sample, record)
}

/// Shard `number` of seven samples in shards of two, written in one call.
fn make(writer: &DatasetWriter, number: u64) {
    let Some(mut shard) = writer.begin(number).expect("free") else { return };
    let (samples, records): (Vec<_>, Vec<_>) = (2 * number..(2 * number + 2).min(7)).map(sample).unzip();
    shard.write(&samples, &records).expect("writable");
    shard.finish().expect("writable");
}

fn whole() -> (tempfile::TempDir, BTreeMap<String, Vec<u8>>) {
    let place = tempfile::tempdir().expect("temporary directory");
    let writer = open(place.path());
    (0..4).for_each(|number| make(&writer, number));
    writer.finish(0..4).expect("writable").expect("all shards");
    let files = files(place.path());
    (place, files)
}

#[test]
fn the_layout_is_that_of_the_design() {
    let (place, files) = whole();
    let mut expected: Vec<String> = vec!["manifest.json".into(), "samples.jsonl".into()];
    for index in 0..7 {
        expected.extend([format!("images/s_{index:03}.png"), format!("masks/s_{index:03}.png")]);
    }
    expected.sort();
    assert_eq!(files.keys().cloned().collect::<Vec<_>>(), expected);
    let dataset = Dataset::open(place.path()).expect("complete");
    assert_eq!(dataset.manifest().files.len() + 1, expected.len());
    assert_eq!(dataset.manifest().about["config"], head("").config);
    assert_eq!(dataset.verify(), []);
    let records = dataset.records().expect("unharmed");
    assert_eq!(records, (0..7).map(|index| sample(index).1).collect::<Vec<_>>());
}

#[test]
fn the_number_of_processes_does_not_show() {
    let (_keep, expected) = whole();
    let place = tempfile::tempdir().expect("temporary directory");
    let (first, second) = (open(place.path()), open(place.path()));
    for number in [3, 1] {
        make(&second, number);
    }
    assert_eq!(second.finish(0..4).expect("readable"), None, "shards are missing");
    assert_eq!((second.is_done(3).expect("readable"), second.is_done(0).expect("readable")), (true, false));
    for number in [2, 0] {
        make(&first, number);
    }
    let manifest = first.finish(0..4).expect("writable");
    assert_eq!(second.finish(0..4).expect("writable"), manifest, "the other finds it complete");
    assert!(manifest.is_some());
    assert_eq!(files(place.path()), expected);
}

#[test]
fn making_it_again_changes_nothing() {
    let (place, expected) = whole();
    let later = DatasetWriter::open(place.path(), &head("now"), Arc::new(PngCodec), true).expect("complete");
    assert!(later.is_complete() && later.begin(2).expect("readable").is_none());
    assert_eq!(later.about()["created_at"], "then", "the first process fixed the facts");
    assert!(later.finish(0..4).expect("readable").is_some());
    assert_eq!(files(place.path()), expected);
}

#[test]
fn how_a_shard_is_cut_into_calls_does_not_show() {
    let (_keep, expected) = whole();
    let place = tempfile::tempdir().expect("temporary directory");
    let writer = open(place.path());
    for number in 0..4 {
        let mut shard = writer.begin(number).expect("free").expect("not done");
        for index in 2 * number..(2 * number + 2).min(7) {
            let (sample, record) = sample(index);
            shard.write(&[sample], &[record]).expect("writable");
        }
        shard.finish().expect("writable");
    }
    writer.finish(0..4).expect("writable").expect("all shards");
    assert_eq!(files(place.path()), expected);
}

#[test]
fn a_shard_that_is_given_up_leaves_no_file() {
    let place = tempfile::tempdir().expect("temporary directory");
    let writer = open(place.path());
    make(&writer, 0);
    let before = files(place.path());
    let mut shard = writer.begin(1).expect("free").expect("not done");
    assert!(matches!(writer.begin(1), Err(Error::Io { action: "locking", .. })), "one at a time");
    let (good, record) = sample(2);
    shard.write(std::slice::from_ref(&good), std::slice::from_ref(&record)).expect("writable");
    let again = shard.write(&[good], &[record]).expect_err("the id is taken");
    assert!(matches!(again, Error::AlreadyExists { .. }), "{again}");
    drop(shard);
    assert_eq!(files(place.path()), before);
    make(&writer, 1);
    assert!(writer.is_done(1).expect("readable"), "it can be made after all");
}

#[test]
fn an_id_in_two_shards_is_an_error_at_the_merge() {
    let place = tempfile::tempdir().expect("temporary directory");
    let writer = open(place.path());
    for number in 0..2 {
        let mut shard = writer.begin(number).expect("free").expect("not done");
        let (sample, record) = sample(5);
        shard.write(&[sample], &[record]).expect("writable");
        shard.finish().expect("writable");
    }
    let error = writer.finish(0..2).expect_err("twice");
    assert!(matches!(&error, Error::AlreadyExists { name, .. } if name.contains("s_005")), "{error}");
    assert!(!place.path().join("manifest.json").exists());
}

#[test]
fn what_is_there_is_honoured() {
    let (complete, _) = whole();
    let unfinished = tempfile::tempdir().expect("temporary directory");
    make(&open(unfinished.path()), 0);
    let other = DatasetHead { config: "count: 8\nshard_size: 2\n".into(), ..head("now") };
    for place in [&complete, &unfinished] {
        let before = files(place.path());
        let error = DatasetWriter::open(place.path(), &other, Arc::new(PngCodec), true).expect_err("other");
        assert!(matches!(&error, Error::InvalidParam { name, .. } if name == "count"), "{error}");
        assert_eq!(files(place.path()), before);
    }
    let mine = tempfile::tempdir().expect("temporary directory");
    fs::create_dir(mine.path().join("images")).expect("writable");
    fs::write(mine.path().join("samples.jsonl"), "mine").expect("writable");
    let before = files(mine.path());
    let error = DatasetWriter::open(mine.path(), &head(""), Arc::new(PngCodec), true).expect_err("a user's");
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    let exporter = synth_export::ImageFolderExporter::new(mine.path(), head(""), "t");
    assert!(exporter.export_blocking(&mut std::iter::empty()).is_err());
    assert_eq!(files(mine.path()), before, "a user's files are not touched");
}

#[test]
fn altered_parts_are_named() {
    let place = tempfile::tempdir().expect("temporary directory");
    let writer = open(place.path());
    make(&writer, 0);
    fs::write(place.path().join("shards/shard_000000.jsonl"), "{}\n").expect("writable");
    let error = writer.finish(0..1).expect_err("altered");
    assert!(matches!(&error, Error::Corrupt { path, .. } if path.ends_with("shard_000000.jsonl")), "{error}");
    fs::write(place.path().join("shards/shard_000000.json"), "{").expect("writable");
    let error = writer.begin(0).expect_err("torn").to_string();
    assert!(error.contains("shard_000000.json") && error.contains("remove it"), "{error}");

    let (place, _) = whole();
    let manifest = place.path().join("manifest.json");
    let half = fs::read(&manifest).expect("there").split_off(300);
    fs::write(&manifest, half).expect("writable");
    for error in [
        Dataset::open(place.path()).expect_err("torn"),
        DatasetWriter::open(place.path(), &head(""), Arc::new(PngCodec), true).expect_err("torn"),
    ] {
        assert!(matches!(&error, Error::Corrupt { path, .. } if path.ends_with("manifest.json")), "{error}");
    }
}

#[test]
fn its_images_are_read_without_its_masks_and_in_their_groups() {
    let (place, _) = whole();
    let folder = FolderImages::default().open(place.path()).expect("readable");
    let (images, _) = folder.load_all(OnBadFile::Fail).expect("all good");
    assert_eq!(images.len(), 7);
    for (index, image) in images.iter().enumerate() {
        let (sample, record) = sample(index as u64);
        assert_eq!(image.path, format!("images/s_{index:03}.png"));
        assert_eq!(image.group, record.group);
        assert_eq!(image.image, sample.item);
    }
}

#[test]
fn masks_hold_the_ids() {
    let (place, _) = whole();
    let dataset = Dataset::open(place.path()).expect("complete");
    let mask = synth_core::ItemCodec::decode(&PngCodec, &dataset.read("masks/s_003.png").expect("unharmed"));
    let expected = instance_mask(&sample(3).0.annotations, 5, 4).expect("valid");
    assert_eq!(mask.expect("PNG"), DynamicImage::ImageLuma16(expected));
}

proptest! {
    /// Masks drawn one over the other pixel by pixel.
    #[test]
    fn instance_masks_are_the_masks_one_over_the_other(
        size in (1..6_u32, 1..6_u32),
        cuts in proptest::collection::vec(proptest::collection::vec(0..40_u32, 0..6), 0..4),
    ) {
        let (width, height) = size;
        let rle = |cuts: &Vec<u32>| {
            let mut ends: Vec<u32> = cuts.iter().map(|cut| cut % (width * height + 1)).collect();
            ends.sort_unstable();
            ends.push(width * height);
            let counts = ends.iter().scan(0, |from, &to| Some(to - std::mem::replace(from, to))).collect();
            Rle::new([height, width], counts).expect("all pixels")
        };
        let rles: Vec<Rle> = cuts.iter().map(rle).collect();
        let annotation = |rle: &Rle| {
            let Annotation::Instance(instance) = sample(0).0.annotations.swap_remove(0) else { unreachable!() };
            Annotation::Instance(Instance { segmentation: Segmentation::Rle(rle.clone()), ..instance })
        };
        let annotations: Vec<_> = rles.iter().map(annotation).collect();
        let mut expected = vec![0; (width * height) as usize];
        for (id, rle) in rles.iter().enumerate() {
            for (pixel, _) in expected.iter_mut().zip(rle.to_mask()).filter(|(_, shows)| *shows) {
                *pixel = id as u16 + 1;
            }
        }
        prop_assert_eq!(instance_mask(&annotations, width, height).expect("valid").into_raw(), expected);
    }
}
