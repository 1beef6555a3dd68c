//! A run directory as its users meet it.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use synth_core::{Error, RunStore, StepFile};
use synth_export::{DamageKind, LogEntry, RunDirectory, RunHead};

const CONFIG: &str = "seed: 1\nreal:\n  total_size: 16\n";

fn head() -> RunHead {
    RunHead { config: CONFIG.into(), about: BTreeMap::from([("created_at".into(), "then".into())]) }
}

fn file(path: &str, text: &str) -> StepFile {
    StepFile { path: path.into(), bytes: text.as_bytes().to_vec() }
}

fn place() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("runs/poc");
    (directory, path)
}

#[test]
fn the_layout_is_that_of_the_design() {
    let (_keep, path) = place();
    let run = RunDirectory::create(&path, &head()).expect("writable");
    run.save("iteration_000", &[file("iteration_000/scores.json", "{}")]).expect("writable");
    let fields = BTreeMap::from([("threads".to_owned(), 2.into())]);
    run.log(&LogEntry { timestamp: "now".into(), event: "step".into(), fields }).expect("writable");
    assert_eq!(fs::read_to_string(path.join("config.yaml")).expect("there"), CONFIG);
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(path.join("manifest.json")).expect("there")).expect("JSON");
    assert_eq!(manifest["about"]["config_blake3"], blake3::hash(CONFIG.as_bytes()).to_hex().as_str());
    assert_eq!(
        manifest["files"]["iteration_000/scores.json"]["blake3"],
        blake3::hash(b"{}").to_hex().as_str()
    );
    assert_eq!(manifest["steps"][0]["files"][0], "iteration_000/scores.json");
    assert!(manifest["files"].get("log.jsonl").is_none(), "the log is not hashed");
    assert_eq!(run.config().expect("unharmed"), CONFIG);
}

#[test]
fn the_facts_of_the_first_start_stay() {
    let (_keep, path) = place();
    drop(RunDirectory::create(&path, &head()).expect("writable"));
    let later = RunHead { about: BTreeMap::from([("created_at".into(), "now".into())]), ..head() };
    let run = RunDirectory::resume(&path, &later).expect("resumable");
    assert_eq!(run.about()["created_at"], "then");
}

#[test]
fn the_order_of_saving_does_not_show_in_two_equal_runs() {
    let manifests = [0, 1].map(|_| {
        let (_keep, path) = place();
        let run = RunDirectory::create(&path, &head()).expect("writable");
        run.save("b", &[file("b/2", "2"), file("b/1", "1")]).expect("writable");
        run.save("a", &[file("a/1", "1")]).expect("writable");
        fs::read(path.join("manifest.json")).expect("there")
    });
    assert_eq!(manifests[0], manifests[1]);
}

#[test]
fn a_run_is_not_started_over_another() {
    let (_keep, path) = place();
    drop(RunDirectory::create(&path, &head()).expect("writable"));
    let error = RunDirectory::create(&path, &head()).expect_err("there is one");
    assert!(matches!(error, Error::AlreadyExists { what: "run", .. }), "{error}");
    fs::create_dir_all(path.with_file_name("mine/photos")).expect("writable");
    let error = RunDirectory::create(&path.with_file_name("mine"), &head()).expect_err("a user's folder");
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
}

#[test]
fn another_configuration_is_refused_by_its_key() {
    let (_keep, path) = place();
    drop(RunDirectory::create(&path, &head()).expect("writable"));
    let other = |config: &str| RunHead { config: config.into(), ..head() };
    let error = RunDirectory::resume(&path, &other("seed: 1\nreal: {total_size: 48}\n")).expect_err("other");
    assert!(matches!(&error, Error::InvalidParam { name, .. } if name == "real.total_size"), "{error}");
    let same =
        RunDirectory::resume(&path, &other("real: {total_size: 16}\nseed: 1\n")).expect("the same values");
    assert_eq!(same.config().expect("unharmed"), CONFIG, "the first text stays");
}

#[test]
fn one_process_writes_and_many_read() {
    let (_keep, path) = place();
    let writer = RunDirectory::create(&path, &head()).expect("writable");
    let error = RunDirectory::resume(&path, &head()).expect_err("locked");
    assert!(matches!(error, Error::Io { action: "locking", .. }), "{error}");
    let reader = RunDirectory::open(&path).expect("reading needs no lock");
    writer.save("one", &[file("one/a", "1")]).expect("writable");
    assert!(reader.steps().expect("readable").is_empty(), "a reader sees the steps of its opening");
    let error = reader.save("two", &[]).expect_err("a reader");
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
    drop(writer);
    RunDirectory::resume(&path, &head()).expect("the lock is free again");
}

#[test]
fn a_step_can_be_replaced() {
    let (_keep, path) = place();
    let run = RunDirectory::create(&path, &head()).expect("writable");
    run.save("report", &[file("report.html", "old"), file("plots/a.svg", "old")]).expect("writable");
    run.save("other", &[file("other/a", "1")]).expect("writable");
    let error = run.replace("report", &[file("other/a", "mine")]).expect_err("a file of another step");
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    assert_eq!(run.read("report.html").expect("unharmed"), b"old");
    run.replace("report", &[file("report.html", "new")]).expect("writable");
    assert!(!path.join("plots/a.svg").exists());
    assert_eq!(run.read("report.html").expect("unharmed"), b"new");
    let steps = run.steps().expect("readable");
    fs::remove_file(path.join("report.html")).expect("there");
    run.replace("report", &[file("report.html", "new")]).expect("writable");
    assert_eq!((run.verify(), run.steps().expect("readable")), (Vec::new(), steps));
    drop(run);
    let run = RunDirectory::resume(&path, &head()).expect("resumable");
    assert_eq!(run.steps().expect("readable"), ["other", "report"]);
    assert!(run.verify().is_empty());
}

#[test]
fn damage_is_found_and_what_is_not_listed_is_left() {
    let (_keep, path) = place();
    let run = RunDirectory::create(&path, &head()).expect("writable");
    run.save("one", &[file("one/a", "1"), file("one/b", "2"), file("one/c", "3")]).expect("writable");
    fs::write(path.join("one/a"), "x").expect("writable");
    fs::remove_file(path.join("one/c")).expect("there");
    fs::write(path.join("notes.txt"), "mine").expect("writable");
    let found: Vec<_> = run.verify().into_iter().map(|damage| (damage.path, damage.kind)).collect();
    assert_eq!(found, [("one/a".into(), DamageKind::Altered), ("one/c".into(), DamageKind::Missing)]);
    assert_eq!(run.unlisted().expect("readable"), ["notes.txt"]);
    assert_eq!(run.read("one/b").expect("unharmed"), b"2");
    drop(run);
    drop(RunDirectory::resume(&path, &head()).expect("resumable"));
    assert_eq!(fs::read_to_string(path.join("notes.txt")).expect("there"), "mine");
}

#[test]
fn a_step_cannot_take_the_files_of_another_or_of_the_run() {
    let (_keep, path) = place();
    let run = RunDirectory::create(&path, &head()).expect("writable");
    run.save("one", &[file("optimizer.json", "1")]).expect("writable");
    let error = run.save("two", &[file("optimizer.json", "2")]).expect_err("belongs to one");
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    for own in ["config.yaml", "manifest.json", "manifest.json.bak", "log.jsonl", ".lock"] {
        let error = run.save("two", &[file(own, "2")]).expect_err("the run's own");
        assert!(matches!(error, Error::InvalidParam { .. }), "{own}: {error}");
    }
    assert_eq!(run.steps().expect("readable"), ["one"]);
}

#[test]
fn values_can_be_shared_between_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<RunDirectory>();
    is_shared::<synth_export::DatasetWriter>();
    is_shared::<synth_export::ImageFolder>();
    is_shared::<synth_export::EmbeddingJob>();
    is_shared::<synth_export::ImageFolderExporter>();
}
