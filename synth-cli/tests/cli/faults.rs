//! Disks that are full, outputs that cannot be written, runs whose files were damaged: a clear error,
//! the right exit code, and nothing lost.

use std::fs;

use crate::support::{Place, difference, hashes};

const TIME: [&str; 2] = ["--timestamp", "2026-11-21T10:00:00Z"];

#[test]
fn a_full_disk_stops_a_run_which_then_goes_on() {
    let place = Place::small();
    let run = |out: &str, more: &[&str]| -> Vec<String> {
        let parts = [&["run", "small.yaml", "--out", out][..], &TIME, more].concat();
        parts.into_iter().map(str::to_owned).collect()
    };
    let whole = run("whole", &[]);
    place.run(&whole.iter().map(String::as_str).collect::<Vec<_>>()).code(0);
    let arguments = run("a", &[]);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    // Small enough for the first iterations, too small for the report.
    let size = fs::metadata(place.path("whole/report.html")).expect("a report").len();
    let blocks = u32::try_from(size / 1024 / 2).expect("small");
    place.limited(&format!("-f {blocks}"), &arguments).code(3).says(&[
        "error: writing",
        "hint: make room",
        "--resume",
    ]);
    let resumed = run("a", &["--resume"]);
    place.run(&resumed.iter().map(String::as_str).collect::<Vec<_>>()).code(0);
    assert_eq!(difference(&hashes(&place.path("whole")), &hashes(&place.path("a"))), [""; 0]);
}

#[test]
fn a_full_disk_stops_a_dataset_which_then_goes_on() {
    let place = Place::new();
    let order = |out: &'static str| {
        [
            &["generate", "voids", "--count", "30", "--size", "64", "--shard-size", "10", "--out", out][..],
            &TIME,
        ]
        .concat()
    };
    place.run(&order("whole")).code(0);
    place.limited("-f 4", &order("a")).code(3).says(&["error: writing"]);
    assert!(!place.path("a/manifest.json").exists(), "not complete");
    place.run(&order("a")).code(0);
    assert_eq!(difference(&hashes(&place.path("whole")), &hashes(&place.path("a"))), [""; 0]);
}

#[test]
fn outputs_below_a_file_cannot_be_written() {
    let place = Place::small();
    place.write("file", "not a folder");
    place
        .run(&["run", "small.yaml", "--out", "file/a"])
        .code(3)
        .says(&["file/a", "hint: choose another place"]);
    place.run(&["generate", "voids", "--count", "1", "--out", "file/a"]).code(3).says(&["file/a"]);
    place.image("photos/a.png", 64, 1);
    place.run(&["embed", "photos", "--out", "file/e.npy"]).code(3).says(&["file"]);
    assert_eq!(fs::read_to_string(place.path("file")).expect("still there"), "not a folder");
}

#[test]
fn a_folder_with_other_files_is_no_run() {
    let place = Place::small();
    place.write("a/thesis.txt", "years of work");
    place.run(&["run", "small.yaml", "--out", "a"]).code(2).says(&["`a/thesis.txt`", "hint:", "--out DIR"]);
    place.run(&["run", "small.yaml", "--out", "a", "--resume"]).code(2);
    assert_eq!(fs::read_to_string(place.path("a/thesis.txt")).expect("still there"), "years of work");
    assert_eq!(fs::read_dir(place.path("a")).expect("a folder").count(), 1);
}

#[test]
fn a_truncated_manifest_is_named_with_how_to_mend_it() {
    let place = Place::small();
    let run = [&["run", "small.yaml", "--out", "a"][..], &TIME].concat();
    place.run(&run).code(0);
    let before = hashes(&place.path("a"));
    let manifest = fs::read(place.path("a/manifest.json")).expect("a manifest");
    place.write("a/manifest.json", &manifest[..manifest.len() / 2]);
    for arguments in
        [&run[..], &["report", "a"], &["generate", "voids", "--from-run", "a", "--count", "1", "--out", "d"]]
    {
        place.run(arguments).code(2).says(&["manifest.json", "is corrupt"]);
    }
    place.write("a/manifest.json", &manifest);
    place.run(&run).code(0);
    assert_eq!(difference(&before, &hashes(&place.path("a"))), [""; 0]);
}

#[test]
fn an_altered_file_of_a_run_is_named() {
    let place = Place::small();
    let run = [&["run", "small.yaml", "--out", "a"][..], &TIME].concat();
    place.run(&run).code(0);
    let scores = place.path("a/iteration_001/scores.json");
    let text = fs::read_to_string(&scores).expect("scores");
    fs::write(&scores, text.replacen('1', "2", 1)).expect("written");
    place.run(&run).code(2).says(&["iteration_001/scores.json", "is corrupt"]);
    place.run(&["report", "a"]).code(2).says(&["iteration_001/scores.json", "is corrupt"]);
}
