//! A write that fails in a process that goes on: what was whole stays whole, nothing half-made is left.
//! Needs the feature `failpoints`:
//! `cargo test -p synth-export --features failpoints --test failed_writes`.
#![cfg(feature = "failpoints")]

#[path = "support/files.rs"]
mod files;
#[path = "support/sample.rs"]
mod sample;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use image::DynamicImage;
use ndarray::{Array2, array};
use synth_core::{EmbedderId, Result, RunStore, Sample, Shard, StepFile};
use synth_export::{
    AtomicFile, BOUNDARIES, Boundary, Dataset, DatasetHead, DatasetWriter, EmbeddedRow, EmbeddingFile,
    EmbeddingJob, ImageFolderExporter, PngCodec, RecordContext, RunDirectory, RunHead, RunManifest,
    SampleRecord, write_atomically,
};

use files::files;
use sample::sample;

const WORK: &str = "SYNTH_TEST_WORK";
const TARGET: &str = "SYNTH_TEST_TARGET";

/// Not a test of its own: the process in which a write fails.
#[test]
fn child() {
    let (Ok(work), Ok(target)) = (std::env::var(WORK), std::env::var(TARGET)) else { return };
    let target = Path::new(&target);
    let has_failed = match work.as_str() {
        "atomic" => replace_file(target),
        "export" => export(target).is_err(),
        "dataset" => dataset_in_two_attempts(target),
        "shard" => shard_in_two_calls(target),
        "run" => run_in_two_attempts(target),
        "embedding" => embed(target).is_err(),
        other => panic!("no work called {other}"),
    };
    fs::write(outcome(target), if has_failed { "failed" } else { "succeeded" }).expect("writable");
}

fn outcome(target: &Path) -> PathBuf {
    target.with_extension("outcome")
}

/// Whether something failed when the disk was full at the `count`-th time at `boundary`.
fn has_failed(work: &str, target: &Path, boundary: Boundary, count: u64) -> bool {
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child", "--nocapture"])
        .envs([(WORK, work.to_owned()), ("SYNTH_FAILPOINT", format!("{boundary}:{count}:full"))])
        .env(TARGET, target)
        .output()
        .expect("a child process");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{work} at {boundary}:{count}: {said}");
    fs::read_to_string(outcome(target)).expect("the child tells") == "failed"
}

/// Lets `work` fail at every boundary each time that it is reached, in a target that `prepare` made;
/// `check` sees the target and what failed. Gives the number of failures.
fn fail_everywhere(work: &str, prepare: impl Fn(&Path), check: impl Fn(&Path, Boundary, &str)) -> usize {
    let place = tempfile::tempdir().expect("temporary directory");
    let mut failures = 0;
    for boundary in BOUNDARIES {
        for count in 1.. {
            assert!(count < 100, "{work} ends");
            let target = place.path().join(format!("{boundary}_{count}"));
            prepare(&target);
            if !has_failed(work, &target, boundary, count) {
                break;
            }
            check(&target, boundary, &format!("{work} at {boundary}:{count}"));
            failures += 1;
        }
    }
    failures
}

fn record(id: &str, sample: &Sample<DynamicImage>) -> SampleRecord {
    SampleRecord::new(id, sample, RecordContext::synthetic(sample, "t")).expect("finite")
}

fn dataset_head() -> DatasetHead {
    DatasetHead { config: "count: 4\n".into(), about: BTreeMap::new() }
}

fn open(target: &Path) -> Result<DatasetWriter> {
    DatasetWriter::open(target, &dataset_head(), Arc::new(PngCodec), true)
}

/// One shard of two samples.
fn make_shard(writer: &DatasetWriter, number: u64, prefix: &str) -> Result<()> {
    let Some(mut shard) = writer.begin(number)? else { return Ok(()) };
    for index in [2 * number, 2 * number + 1] {
        let sample = sample(index);
        let record = record(&format!("{prefix}_{index}"), &sample);
        shard.write(&[sample], &[record])?;
    }
    shard.finish()
}

fn assert_complete(target: &Path, when: &str) {
    let dataset = Dataset::open(target).expect("complete");
    assert_eq!(dataset.verify(), [], "{when}");
    assert_eq!(dataset.records().expect("unharmed").len(), 4, "{when}");
    let found = files(target).into_keys().filter(|path| path != "manifest.json");
    assert_eq!(found.collect::<Vec<_>>(), dataset.manifest().files.keys().cloned().collect::<Vec<_>>());
}

fn export(target: &Path) -> Result<()> {
    let samples = |number: u64| {
        let samples = [2 * number, 2 * number + 1].map(|index| (format!("s_{index}"), sample(index)));
        Ok(Shard { number, samples: samples.to_vec() })
    };
    let exporter = ImageFolderExporter::new(target, dataset_head(), "t");
    exporter.export_blocking(&mut (0..2).map(samples)).map(drop)
}

#[test]
fn a_failed_export_leaves_nothing() {
    let failures = fail_everywhere(
        "export",
        |_| (),
        |target, _, when| {
            let left = if target.exists() { files(target).into_keys().collect() } else { Vec::new() };
            assert!(!target.exists(), "{when} left {left:?}");
            export(target).unwrap_or_else(|error| panic!("{when}, again: {error}"));
            assert_complete(target, when);
        },
    );
    assert!(failures > 40, "{failures}");
}

#[test]
fn a_failed_export_leaves_the_shards_of_a_killed_one() {
    let prepare = |target: &Path| make_shard(&open(target).expect("writable"), 0, "s").expect("writable");
    let place = tempfile::tempdir().expect("temporary directory");
    prepare(&place.path().join("killed"));
    let before = files(&place.path().join("killed"));
    let failures = fail_everywhere("export", prepare, |target, _, when| {
        assert_eq!(files(target), before, "{when}");
        export(target).unwrap_or_else(|error| panic!("{when}, again: {error}"));
        assert_complete(target, when);
    });
    assert!(failures > 20, "{failures}");
}

#[test]
fn an_export_whose_working_folder_cannot_be_removed_is_complete() {
    let place = tempfile::tempdir().expect("temporary directory");
    let target = place.path().join("dataset");
    assert!(!has_failed("export", &target, Boundary::BeforeCleanup, 1));
    assert_eq!(Dataset::open(&target).expect("complete").verify(), []);
    assert!(target.join("shards").exists());
    assert!(open(&target).expect("complete").is_complete());
    assert_complete(&target, "after the next opening");
}

fn dataset(target: &Path, prefix: &str) -> Result<()> {
    let writer = open(target)?;
    make_shard(&writer, 0, prefix)?;
    make_shard(&writer, 1, prefix)?;
    writer.finish(0..2).map(|manifest| assert!(manifest.is_some(), "both shards are there"))
}

/// After a failure the names are others, so that a file left by the first attempt stays to be seen.
fn dataset_in_two_attempts(target: &Path) -> bool {
    let first = dataset(target, "first");
    if first.is_err() {
        let found = if target.exists() { files(target) } else { BTreeMap::new() };
        let counted: Vec<_> = found.iter().filter(|(path, _)| path.ends_with(".json")).collect();
        for image in found.keys().filter(|path| path.ends_with(".png")) {
            let is_counted =
                counted.iter().any(|(_, text)| String::from_utf8_lossy(text).contains(image.as_str()));
            assert!(is_counted, "{image} is left and no record knows it");
        }
        dataset(target, "second").expect("room again");
    }
    first.is_err()
}

#[test]
fn a_failed_shard_leaves_no_file_and_can_be_made_with_other_samples() {
    let failures = fail_everywhere("dataset", |_| (), |target, _, when| assert_complete(target, when));
    assert!(failures > 40, "{failures}");
}

fn shard_in_two_calls(target: &Path) -> bool {
    let writer = open(target).expect("the failure comes later");
    let mut shard = writer.begin(0).expect("free").expect("not done");
    let samples: Vec<_> = (0..4).map(sample).collect();
    let records: Vec<_> =
        samples.iter().zip(0..).map(|(sample, i)| record(&format!("s_{i}"), sample)).collect();
    let first = shard.write(&samples, &records);
    if first.is_err() {
        let left: Vec<_> = files(target).into_keys().filter(|path| path.ends_with(".png")).collect();
        assert!(left.is_empty(), "the failed call left {left:?}");
        shard.write(&samples[..2], &records[..2]).expect("room again");
        shard.write(&samples[2..], &records[2..]).expect("room again");
    }
    shard.finish().expect("the failure came before");
    writer.finish([0]).expect("writable").expect("the only shard");
    first.is_err()
}

/// The mask of a sample is its second file; the head of the dataset is the first.
#[test]
fn a_failed_call_leaves_the_shard_as_it_was() {
    for boundary in [Boundary::BeforeWrite, Boundary::MidWrite, Boundary::BeforeRename, Boundary::AfterRename]
    {
        for count in 2..10 {
            let place = tempfile::tempdir().expect("temporary directory");
            let target = place.path().join("dataset");
            assert!(has_failed("shard", &target, boundary, count));
            assert_complete(&target, &format!("{boundary}:{count}"));
        }
    }
}

fn run_head() -> RunHead {
    RunHead { config: "seed: 1\n".into(), about: BTreeMap::new() }
}

fn manifest_at(path: &Path) -> RunManifest {
    serde_json::from_slice(&fs::read(path).expect("there")).expect("whole")
}

/// Saves and replaces; after a failure, the same again on the same value.
fn run_in_two_attempts(target: &Path) -> bool {
    let Ok(run) = RunDirectory::resume(target, &run_head()) else {
        drop(RunDirectory::resume(target, &run_head()).expect("room again"));
        let backup = manifest_at(&target.join("manifest.json.bak"));
        assert_eq!(backup, manifest_at(&target.join("manifest.json")), "the copy is made up for");
        return true;
    };
    let file = |path: &str| StepFile { path: path.into(), bytes: path.into() };
    let steps: [&dyn Fn() -> Result<()>; 3] = [
        &|| run.save("one", &[file("one/a"), file("one/b")]),
        &|| run.save("two", &[file("two/a")]),
        &|| run.replace("one", &[file("one/b"), file("one/c")]),
    ];
    let mut has_failed = false;
    for step in steps {
        let before = run.snapshot();
        if let Err(error) = step() {
            has_failed = true;
            let (memory, disk) = (run.snapshot(), manifest_at(&target.join("manifest.json")));
            let is_renaming = std::env::var("SYNTH_FAILPOINT").expect("set").starts_with("after-rename");
            // Renamed but perhaps not durable: the step does not count here, and is saved again.
            let is_as_before = memory == before || memory.steps.iter().all(|step| step.name == "two");
            assert!(memory == disk || (is_renaming && is_as_before), "{error}: {memory:?} {disk:?}");
            step().expect("room again");
        }
        let disk = manifest_at(&target.join("manifest.json"));
        assert_eq!(run.snapshot(), disk);
        assert_eq!(manifest_at(&target.join("manifest.json.bak")), disk, "the copy is the same");
        assert_eq!(run.verify(), []);
    }
    assert_eq!(run.steps().expect("readable"), ["two", "one"]);
    let unlisted = run.unlisted().expect("readable");
    assert!(unlisted.is_empty() || (has_failed && unlisted == ["one/a"]), "{unlisted:?}");
    has_failed
}

#[test]
fn a_run_knows_what_its_manifest_says_after_a_failure() {
    let failures = fail_everywhere(
        "run",
        |_| (),
        |target, _, when| {
            let run = RunDirectory::open(target).expect("whole");
            assert_eq!(run.verify(), [], "{when}");
        },
    );
    assert!(failures > 40, "{failures}");
}

#[test]
fn a_resumed_run_makes_up_for_its_copy() {
    let place = tempfile::tempdir().expect("temporary directory");
    let file = |path: &str| StepFile { path: path.into(), bytes: path.into() };
    let run = RunDirectory::create(place.path(), &run_head()).expect("writable");
    let old = fs::read(place.path().join("manifest.json.bak")).expect("there");
    run.save("one", &[file("one/a")]).expect("writable");
    drop(run);
    fs::write(place.path().join("manifest.json.bak"), old).expect("writable");
    drop(RunDirectory::resume(place.path(), &run_head()).expect("resumable"));
    let [disk, copy] =
        ["manifest.json", "manifest.json.bak"].map(|name| manifest_at(&place.path().join(name)));
    assert_eq!(disk, copy);
}

fn replace_file(target: &Path) -> bool {
    write_atomically(target, b"new").is_err()
}

/// What the documentation of `commit` says can be true after an error.
#[test]
fn a_failed_replacement_is_the_old_file_or_the_new_one() {
    let prepare = |target: &Path| fs::write(target, "old").expect("writable");
    let failures = fail_everywhere("atomic", prepare, |target, boundary, when| {
        let expected = if boundary == Boundary::AfterRename { "new" } else { "old" };
        assert_eq!(fs::read_to_string(target).expect("there"), expected, "{when}");
        let names = fs::read_dir(target.parent().expect("parent")).expect("readable");
        let hidden = names
            .filter(|entry| entry.as_ref().expect("readable").file_name().to_string_lossy().starts_with('.'));
        assert_eq!(hidden.count(), 0, "{when} leaves no temporary file");
    });
    assert_eq!(failures, 5);
    let below = AtomicFile::create(Path::new("..")).expect_err("no file name").to_string();
    assert!(below.contains("`path` must be a path that ends in a file name"), "{below}");
}

fn row(path: &str) -> EmbeddedRow {
    let identity = EmbedderId { name: "toy-1".into(), weights: None, preprocessing: "none".into() };
    EmbeddedRow { path: path.into(), blake3: Some("00".into()), group: "g".into(), identity }
}

fn embed(target: &Path) -> Result<()> {
    let job = EmbeddingJob::open(&target.join("E.npy"))?;
    let (rows, matrix): (_, Array2<f32>) = ([row("new.png")], array![[2.0]]);
    if !job.has_chunk(0, &rows)? {
        job.save_chunk(0, &rows, matrix.view())?;
    }
    job.finish(1)
}

/// Before the renames nothing of the matrix that was there is touched.
#[test]
fn a_failed_embedding_leaves_the_one_that_was_there() {
    let prepare = |target: &Path| {
        let job = EmbeddingJob::open(&target.join("E.npy")).expect("writable");
        job.save_chunk(0, &[row("old.png")], array![[1.0]].view()).expect("writable");
        job.finish(1).expect("writable");
    };
    let failures = fail_everywhere("embedding", prepare, |target, boundary, when| {
        let file = EmbeddingFile::read(&target.join("E.npy")).expect("whole");
        let is_new = file.matrix()[[0, 0]] > 1.5;
        let path = file.rows().map(|rows| rows[0].path.clone());
        let fits =
            if is_new { path.is_none_or(|path| path == "new.png") } else { path == Some("old.png".into()) };
        assert!(fits || boundary == Boundary::BeforeRename, "{when}: {file:?}");
        embed(target).expect("room again");
        let file = EmbeddingFile::read(&target.join("E.npy")).expect("whole");
        assert_eq!(file.rows(), Some(&[row("new.png")][..]), "{when}, again");
    });
    assert!(failures > 15, "{failures}");
}
