//! Several processes at the same directory. Threads stand for processes: a lock belongs to an open file.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use image::{DynamicImage, GrayImage};
use synth_core::{Error, ParameterSet, Provenance, Request, Sample, Seed, Shard};
use synth_export::{
    Dataset, DatasetHead, DatasetWriter, EmbeddingJob, ImageFolderExporter, PngCodec, RecordContext,
    SampleRecord,
};

fn head() -> DatasetHead {
    DatasetHead { config: "count: 4\n".into(), about: BTreeMap::new() }
}

fn open(root: &Path) -> DatasetWriter {
    DatasetWriter::open(root, &head(), Arc::new(PngCodec), true).expect("writable")
}

fn sample(index: u64) -> Sample<DynamicImage> {
    Sample {
        item: DynamicImage::ImageLuma8(GrayImage::new(3, 2)),
        annotations: Vec::new(),
        provenance: Provenance {
            generator: "toy-1".into(),
            request: Request::new(ParameterSet::new(), Seed::from_u64(1), index),
            inputs: BTreeMap::new(),
            uncontrolled: BTreeMap::new(),
        },
    }
}

fn make(writer: &DatasetWriter, number: u64) {
    let mut shard = match writer.begin(number) {
        Ok(Some(shard)) => shard,
        Ok(None) | Err(Error::Io { action: "locking", .. }) => return,
        Err(error) => panic!("{error}"),
    };
    let sample = sample(number);
    let context = RecordContext::synthetic(&sample, "t");
    let record = SampleRecord::new(format!("s_{number}"), &sample, context).expect("finite");
    shard.write(&[sample], &[record]).expect("writable");
    shard.finish().expect("writable");
}

fn shards() -> impl Iterator<Item = synth_core::Result<Shard<DynamicImage>>> {
    (0..4).map(|number| Ok(Shard { number, samples: vec![(format!("s_{number}"), sample(number))] }))
}

fn held(path: &Path) -> File {
    fs::create_dir_all(path.parent().expect("parent")).expect("writable");
    let file = File::options().create(true).truncate(false).write(true).open(path).expect("writable");
    file.lock().expect("locks");
    file
}

#[test]
fn a_dataset_completed_while_its_lock_is_waited_for_is_found_complete() {
    let place = tempfile::tempdir().expect("temporary directory");
    let (whole, target) = (place.path().join("whole"), place.path().join("target"));
    ImageFolderExporter::new(&whole, head(), "t").export_blocking(&mut shards()).expect("writable");
    let lock = held(&target.join("shards/.lock"));
    let (sender, receiver) = channel();
    let waiting = thread::spawn({
        let target = target.clone();
        move || sender.send(open(&target).is_complete())
    });
    assert!(receiver.recv_timeout(Duration::from_millis(300)).is_err(), "it waits for the lock");
    for folder in ["images", "masks"] {
        fs::create_dir(target.join(folder)).expect("writable");
    }
    for path in Dataset::open(&whole).expect("complete").manifest().files.keys() {
        fs::copy(whole.join(path), target.join(path)).expect("writable");
    }
    fs::copy(whole.join("manifest.json"), target.join("manifest.json")).expect("writable");
    drop(lock);
    assert!(receiver.recv().expect("an answer"), "what the other process completed is complete");
    waiting.join().expect("no panic").expect("sent");
    assert_eq!(Dataset::open(&target).expect("complete").verify(), []);
    assert!(!target.join("shards").exists(), "and its working folder is removed");
}

#[test]
fn many_processes_make_one_dataset() {
    for _ in 0..20 {
        let place = tempfile::tempdir().expect("temporary directory");
        let target = place.path().join("target");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let writer = open(&target);
                    (0..4).for_each(|number| make(&writer, number));
                    while writer.finish(0..4).expect("writable").is_none() {
                        thread::yield_now();
                    }
                });
            }
        });
        assert_eq!(Dataset::open(&target).expect("complete").verify(), []);
        let mut names: Vec<_> =
            fs::read_dir(&target).expect("there").map(|entry| entry.expect("readable").file_name()).collect();
        names.sort();
        assert_eq!(names, ["images", "manifest.json", "masks", "samples.jsonl"]);
    }
}

#[test]
fn a_failed_export_leaves_what_another_process_makes() {
    let place = tempfile::tempdir().expect("temporary directory");
    let target = place.path().join("target");
    let mut other = None;
    let begin = |shard: &synth_core::Result<Shard<DynamicImage>>| {
        if shard.as_ref().expect("good").number == 1 {
            make(&open(&target), 3);
        }
        other.get_or_insert_with(|| held(&target.join("shards/shard_000002.lock")));
    };
    let exporter = ImageFolderExporter::new(&target, head(), "t");
    let error = exporter.export_blocking(&mut shards().inspect(begin)).expect_err("shard 2 is taken");
    assert!(error.to_string().contains("shard_000002.lock"), "{error}");
    drop(other);
    let writer = open(&target);
    let done = [0, 1, 2, 3].map(|number| writer.is_done(number).expect("readable"));
    assert_eq!(done, [false, false, false, true], "its own shards are taken back, no other");
    (0..3).for_each(|number| make(&writer, number));
    assert!(writer.finish(0..4).expect("writable").is_some());
    assert_eq!(Dataset::open(&target).expect("complete").verify(), []);
}

#[test]
fn a_shard_whose_files_are_gone_is_no_dataset() {
    let place = tempfile::tempdir().expect("temporary directory");
    let writer = open(place.path());
    (0..4).for_each(|number| make(&writer, number));
    fs::remove_file(place.path().join("masks/s_2.png")).expect("there");
    let error = writer.finish(0..4).expect_err("a file is missing").to_string();
    assert!(error.contains("s_2.png") && error.contains("remove") && error.contains("shard_000002.json"));
    assert!(!place.path().join("manifest.json").exists());
    fs::remove_file(place.path().join("shards/shard_000002.json")).expect("there");
    make(&writer, 2);
    assert!(writer.finish(0..4).expect("writable").is_some());
    assert_eq!(Dataset::open(place.path()).expect("complete").verify(), []);
}

#[test]
fn a_busy_directory_says_what_to_do() {
    let place = tempfile::tempdir().expect("temporary directory");
    let target = place.path().join("E.npy");
    let _first = EmbeddingJob::open(&target).expect("writable");
    let error = EmbeddingJob::open(&target).expect_err("locked");
    let source = std::error::Error::source(&error).expect("the reason").to_string();
    assert!(error.to_string().contains("E.npy.partial") && source.contains("wait"), "{error}: {source}");
}
