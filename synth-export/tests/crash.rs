//! A process that is killed at any write boundary loses nothing that counted, and the next one ends
//! with the same bytes. Needs the feature `failpoints`:
//! `cargo test -p synth-export --features failpoints --test crash`.
#![cfg(feature = "failpoints")]

#[path = "support/files.rs"]
mod files;
#[path = "support/sample.rs"]
mod sample;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use ndarray::Array2;
use synth_core::{EmbedderId, RunStore, StepFile};
use synth_export::{
    BOUNDARIES, Boundary, DatasetHead, DatasetWriter, EmbeddedRow, EmbeddingJob, LogEntry, PngCodec,
    RecordContext, RunDirectory, RunHead, SampleRecord,
};

use files::files;
use sample::sample;

const WORK: &str = "SYNTH_TEST_WORK";
const TARGET: &str = "SYNTH_TEST_TARGET";

/// Not a test of its own: the process that is killed. It resumes whatever it finds.
#[test]
fn child() {
    let (Ok(work), Ok(target)) = (std::env::var(WORK), std::env::var(TARGET)) else { return };
    let target = Path::new(&target);
    match work.as_str() {
        "run" => make_run(target),
        "dataset" => make_dataset(target),
        "embedding" => make_embedding(target),
        other => panic!("no work called {other}"),
    }
}

fn make_run(target: &Path) {
    let head = RunHead { config: "seed: 1\n".into(), about: BTreeMap::from([("a".into(), "b".into())]) };
    let run = RunDirectory::resume(target, &head).expect("resumable");
    let entry = LogEntry { timestamp: "t".into(), event: "started".into(), fields: BTreeMap::new() };
    run.log(&entry).expect("writable");
    for step in ["iteration_000", "iteration_001"] {
        if run.is_done(step) {
            assert!(run.load(step).expect("unharmed").is_some());
            continue;
        }
        let file = |name: &str, text: &str| StepFile {
            path: format!("{step}/{name}"),
            bytes: text.repeat(100).into_bytes(),
        };
        run.save(step, &[file("scores.json", step), file("images/a.png", "pixels")]).expect("writable");
    }
    for text in [b"<old>", b"<new>"] {
        let report = StepFile { path: "report.html".into(), bytes: text.to_vec() };
        run.replace("report", &[report]).expect("writable");
    }
}

fn make_dataset(target: &Path) {
    let head = DatasetHead { config: "count: 4\n".into(), about: BTreeMap::new() };
    let writer = DatasetWriter::open(target, &head, Arc::new(PngCodec), true).expect("resumable");
    for number in 0..2 {
        let Some(mut shard) = writer.begin(number).expect("free") else { continue };
        for index in [2 * number, 2 * number + 1] {
            let sample = sample(index);
            let context = RecordContext::synthetic(&sample, "t");
            let record = SampleRecord::new(format!("s_{index:03}"), &sample, context).expect("finite");
            shard.write(&[sample], &[record]).expect("writable");
        }
        shard.finish().expect("writable");
    }
    writer.finish(0..2).expect("writable").expect("both shards");
}

fn make_embedding(target: &Path) {
    if target.join("E.rows.jsonl").exists() && !target.join("E.npy.partial").exists() {
        return;
    }
    let identity = EmbedderId { name: "toy-1".into(), weights: None, preprocessing: "none".into() };
    let job = EmbeddingJob::open(&target.join("E.npy")).expect("resumable");
    for chunk in 0..2 {
        let path = format!("{chunk}.png");
        let row =
            EmbeddedRow { path, blake3: Some("00".into()), group: "g".into(), identity: identity.clone() };
        if !job.has_chunk(chunk, std::slice::from_ref(&row)).expect("readable") {
            let matrix = Array2::from_elem((1, 3), chunk as f32);
            job.save_chunk(chunk, &[row], matrix.view()).expect("writable");
        }
    }
    job.finish(2).expect("all chunks");
}

fn spawn(work: &str, target: &Path, failpoint: Option<&str>) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "child", "--nocapture"]).env(WORK, work).env(TARGET, target);
    command.stdout(Stdio::null()).stderr(Stdio::null()).env_remove("SYNTH_FAILPOINT");
    if let Some(failpoint) = failpoint {
        command.env("SYNTH_FAILPOINT", failpoint);
    }
    command.spawn().expect("a child process")
}

fn has_succeeded(work: &str, target: &Path, failpoint: Option<&str>) -> bool {
    spawn(work, target, failpoint).wait().expect("a child process").success()
}

/// Every file but the log, whose lines tell of the resumes.
fn files_but_log(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = files(root);
    files.remove("log.jsonl");
    files
}

/// Stops the work at every boundary each time it is reached, with `action`, and lets it be resumed.
fn survives(work: &str, action: &str, expected_boundaries: &[Boundary]) {
    let place = tempfile::tempdir().expect("temporary directory");
    let whole = place.path().join("whole");
    fs::create_dir(&whole).expect("writable");
    assert!(has_succeeded(work, &whole, None), "{work} without a failure");
    let expected = files_but_log(&whole);
    assert!(!expected.is_empty());
    let mut reached = Vec::new();
    for boundary in BOUNDARIES {
        for count in 1.. {
            assert!(count < 100, "{work} ends");
            let target = place.path().join(format!("{boundary}_{count}"));
            fs::create_dir(&target).expect("writable");
            let failpoint = format!("{boundary}:{count}:{action}");
            if has_succeeded(work, &target, Some(&failpoint)) {
                assert_eq!(files_but_log(&target), expected, "{work}: {failpoint} was not reached");
                break;
            }
            if count == 1 {
                reached.push(boundary);
            }
            assert!(has_succeeded(work, &target, None), "{work} resumed after {failpoint}");
            let found = files_but_log(&target);
            let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&found), names(&expected), "{work} after {failpoint}");
            assert_eq!(found, expected, "{work} after {failpoint}");
            fs::remove_dir_all(&target).expect("removable");
        }
    }
    assert_eq!(reached, expected_boundaries, "{work} passes these boundaries");
}

const WRITES: [Boundary; 7] = [
    Boundary::BeforeWrite,
    Boundary::MidWrite,
    Boundary::BeforeFsync,
    Boundary::BeforeRename,
    Boundary::AfterRename,
    Boundary::BeforeManifest,
    Boundary::AfterManifest,
];

#[test]
fn a_run_survives_every_abort() {
    survives("run", "abort", &[&WRITES[..], &[Boundary::MidLog]].concat());
}

#[test]
fn a_run_survives_every_full_disk() {
    survives("run", "full", &[&WRITES[..], &[Boundary::MidLog]].concat());
}

#[test]
fn a_dataset_survives_every_abort() {
    survives("dataset", "abort", &[&WRITES[..], &[Boundary::BeforeCleanup]].concat());
}

#[test]
fn a_dataset_survives_every_full_disk() {
    survives("dataset", "full", &[&WRITES[..], &[Boundary::BeforeCleanup]].concat());
}

#[test]
fn an_embedding_survives_every_full_disk() {
    survives("embedding", "full", &[&WRITES[..], &[Boundary::BeforeCleanup]].concat());
}

#[test]
fn an_embedding_survives_every_abort() {
    survives("embedding", "abort", &[&WRITES[..], &[Boundary::BeforeCleanup]].concat());
}

/// A real `kill -9` while the process waits between its renames and its manifest.
#[cfg(unix)]
#[test]
fn a_run_survives_a_kill_and_its_lock_goes_with_it() {
    let place = tempfile::tempdir().expect("temporary directory");
    let (whole, target) = (place.path().join("whole"), place.path().join("killed"));
    assert!(has_succeeded("run", &whole, None));
    let mut child = spawn("run", &target, Some("before-manifest:3:sleep=60"));
    let begun = Instant::now();
    while !target.join("iteration_001/scores.json").exists() {
        assert!(begun.elapsed() < Duration::from_secs(30), "the child gets to its third manifest");
        sleep(Duration::from_millis(5));
    }
    let head = RunHead { config: "seed: 1\n".into(), about: BTreeMap::new() };
    let error = RunDirectory::resume(&target, &head).expect_err("the child holds the lock").to_string();
    assert!(error.contains("locking failed"), "{error}");
    let reader = RunDirectory::open(&target).expect("reading needs no lock");
    assert_eq!(reader.steps().expect("readable"), ["iteration_000"]);
    child.kill().expect("alive");
    child.wait().expect("a child process");
    assert!(has_succeeded("run", &target, None), "resumed after the kill");
    assert_eq!(files_but_log(&target), files_but_log(&whole));
}
