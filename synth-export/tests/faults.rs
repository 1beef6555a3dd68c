//! Disks that are full and outputs that cannot be written: a clear error, and nothing half-made.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use image::{DynamicImage, GrayImage, Luma};
use ndarray::Array2;
use synth_core::{
    EmbedderId, Error, ParameterSet, Provenance, Request, RunStore, Sample, Seed, Shard, StepFile,
};
use synth_export::{
    DatasetHead, DatasetWriter, EmbeddedRow, EmbeddingJob, ImageFolderExporter, PngCodec, RunDirectory,
    RunHead,
};

const TARGET: &str = "SYNTH_TEST_TARGET";
/// Files may not grow beyond this many blocks of 512 (POSIX) or 1,024 bytes (bash).
const BLOCKS: u32 = 40;
/// More than that in either unit.
const TOO_MUCH: usize = 200 << 10;

fn head() -> RunHead {
    RunHead { config: "seed: 1\n".into(), about: BTreeMap::new() }
}

fn dataset_head() -> DatasetHead {
    DatasetHead { config: "count: 2\n".into(), about: BTreeMap::new() }
}

/// Names of everything in a folder and below, hidden files too.
fn names(root: &Path) -> Vec<String> {
    let (mut names, mut pending) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = pending.pop() {
        for entry in fs::read_dir(&folder).expect("readable") {
            let path = entry.expect("readable").path();
            names.push(path.strip_prefix(root).expect("below").to_string_lossy().into_owned());
            pending.extend(path.is_dir().then_some(path));
        }
    }
    names.sort();
    names
}

/// Noise, which does not compress.
fn noisy_image(index: u64) -> Sample<DynamicImage> {
    let mut stream = Seed::from_u64(index).stream(0);
    let image = GrayImage::from_fn(512, 512, |_, _| Luma([stream.bits() as u8]));
    Sample {
        item: DynamicImage::ImageLuma8(image),
        annotations: Vec::new(),
        provenance: Provenance {
            generator: "toy-1".into(),
            request: Request::new(ParameterSet::new(), Seed::from_u64(1), index),
            inputs: BTreeMap::new(),
            uncontrolled: BTreeMap::new(),
        },
    }
}

fn is_write_error(error: &Error, part: &str) -> bool {
    matches!(error, Error::Io { path, source, .. }
        if path.contains(part) && source.kind() == std::io::ErrorKind::FileTooLarge)
}

/// Not a test of its own: runs where no file may grow large.
#[test]
fn child() {
    let Ok(target) = std::env::var(TARGET) else { return };
    let target = Path::new(&target);
    run_on_a_full_disk(&target.join("run"));
    dataset_on_a_full_disk(&target.join("dataset"));
    embedding_on_a_full_disk(&target.join("E.npy"));
    fs::write(target.join("child_was_here"), "").expect("small files can be written");
}

fn run_on_a_full_disk(target: &Path) {
    let file = |path: &str, bytes: usize| StepFile { path: path.into(), bytes: vec![7; bytes] };
    let run = RunDirectory::create(target, &head()).expect("small files can be written");
    run.save("one", &[file("one/a.npy", 10)]).expect("small files can be written");
    let before = names(target);
    let error =
        run.save("two", &[file("two/a.npy", 10), file("two/b.npy", TOO_MUCH)]).expect_err("too large");
    assert!(is_write_error(&error, "b.npy"), "{error:?}");
    assert!(!names(target).iter().any(|name| name.ends_with(".synth-tmp") || name.ends_with("b.npy")));
    assert_eq!(run.steps().expect("readable"), ["one"]);
    assert!(run.verify().is_empty(), "what was finished is unharmed");
    run.save("two", &[file("two/a.npy", 10), file("two/b.npy", 11)]).expect("room again");
    assert!(run.unlisted().expect("readable").is_empty());
    assert!(names(target).len() > before.len());
}

fn dataset_on_a_full_disk(target: &Path) {
    let exporter = ImageFolderExporter::new(target, dataset_head(), "t");
    let samples = (0..2).map(|index| (format!("s_{index}"), noisy_image(index))).collect();
    let mut shards = [Ok(Shard { number: 0, samples })].into_iter();
    let error = exporter.export_blocking(&mut shards).expect_err("too large");
    assert!(is_write_error(&error, "s_"), "{error:?}");
    assert!(!target.exists(), "nothing half-made: {:?}", names(target));
}

fn embedding_on_a_full_disk(target: &Path) {
    let identity = EmbedderId { name: "toy-1".into(), weights: None, preprocessing: "none".into() };
    let row = EmbeddedRow { path: "a".into(), blake3: Some("0".into()), group: "a".into(), identity };
    let job = EmbeddingJob::open(target).expect("small files can be written");
    let large = Array2::zeros((1, TOO_MUCH / 4));
    let error = job.save_chunk(0, std::slice::from_ref(&row), large.view()).expect_err("too large");
    assert!(is_write_error(&error, "chunk_000000.npy"), "{error:?}");
    assert!(!job.has_chunk(0, std::slice::from_ref(&row)).expect("readable"));
    assert!(!target.exists());
}

#[cfg(unix)]
#[test]
fn a_full_disk_is_an_error_and_leaves_nothing_half_made() {
    let place = tempfile::tempdir().expect("temporary directory");
    let script = format!("trap '' XFSZ && ulimit -f {BLOCKS} && exec \"$0\" --exact child --nocapture");
    let output = Command::new("sh")
        .args(["-c", &script])
        .arg(std::env::current_exe().expect("this test"))
        .env(TARGET, place.path())
        .output()
        .expect("a shell");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert!(place.path().join("child_was_here").exists(), "the child ran: {said}");
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let place = tempfile::tempdir().expect("temporary directory");
    let file = place.path().join("file");
    fs::write(&file, "a file, no directory").expect("writable");
    let below = file.join("out");
    let errors = [
        RunDirectory::create(&below, &head()).expect_err("below a file"),
        RunDirectory::resume(&below, &head()).expect_err("below a file"),
        DatasetWriter::open(&below, &dataset_head(), Arc::new(PngCodec), true).expect_err("below a file"),
        EmbeddingJob::open(&below.join("E.npy")).expect_err("below a file"),
    ];
    for error in errors {
        assert!(matches!(&error, Error::Io { path, .. } if path.contains("file")), "{error:?}");
    }
    assert_eq!(fs::read_to_string(&file).expect("there"), "a file, no directory");
    assert_eq!(names(place.path()), ["file"]);
}
