//! Runs and datasets whose files, or whose inputs, are no longer what they were.

use std::fs;

use crate::support::{Place, SMALL};

const TIME: [&str; 2] = ["--timestamp", "2026-11-21T10:00:00Z"];

#[test]
fn a_damaged_dataset_is_not_complete() {
    let place = Place::new();
    let order = ["generate", "voids", "--count", "4", "--size", "64", "--out", "ds"];
    place.run(&order).code(0);
    place.run(&order).code(0).says(&["complete already"]);
    let samples = fs::read_to_string(place.path("ds/samples.jsonl")).expect("records");
    place.write("ds/samples.jsonl", format!("{samples}x\n"));
    place.run(&order).code(2).says(&[
        "ds/samples.jsonl",
        "not the bytes that were saved",
        "hint: or remove ds",
    ]);
    fs::remove_file(place.path("ds/images/voids_000003.png")).expect("removed");
    place.run(&order).code(2).says(&["ds/images/voids_000003.png", "it is missing", "(1 more file differs)"]);
}

#[test]
fn a_run_without_its_report_says_how_to_make_it() {
    let place = Place::small();
    let run = [&["run", "small.yaml", "--out", "a"][..], &TIME].concat();
    place.run(&run).code(0);
    fs::remove_file(place.path("a/report.html")).expect("removed");
    place.run(&run).code(2).says(&[
        "a/report.html",
        "it is missing",
        "hint: or make the report again: synth report a",
    ]);
    place.run(&["report", "a", "--seed", "3"]).code(0).says(&["--seed has no effect on this command"]);
    place.run(&run).code(0);
    let config = fs::read_to_string(place.path("a/config.yaml")).expect("a configuration");
    place.write("a/config.yaml", config.replace("seed: 0", "seed: 1"));
    let generate = ["generate", "voids", "--from-run", "a", "--count", "1", "--out", "d"];
    place.run(&generate).code(2).says(&["a/config.yaml", "not the bytes that were saved"]);
    assert!(!place.path("d").exists());
}

/// The small experiment over a folder of one's own.
fn over_bases(place: &Place) {
    for kind in 0..3 {
        place.image(&format!("work/clean/{kind}.png"), 64, kind);
    }
    place.write("work/small.yaml", SMALL.replacen("image_size: 64", "base_image_dir: clean", 1));
    let ended = place
        .synth(&[&["run", "small.yaml", "--out", "a"][..], &TIME].concat())
        .current_dir(place.path("work"))
        .output()
        .expect("started");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn base_images_are_found_where_the_run_was_started_and_must_be_the_same() {
    let place = Place::new();
    over_bases(&place);
    let generate = |out| ["generate", "voids", "--from-run", "work/a", "--count", "1", "--out", out];
    place.run(&generate("d")).code(0);
    // Where the run was started nothing is left, but here is a folder with the same images.
    fs::rename(place.path("work/clean"), place.path("clean")).expect("moved");
    place.run(&generate("e")).code(0);
    place.image("clean/1.png", 64, 9);
    place.run(&generate("f")).code(2).says(&[
        "`clean`",
        "not the base images of the run: 1.png has changed",
        "--base DIR",
    ]);
    fs::remove_dir_all(place.path("clean")).expect("removed");
    place.run(&generate("f")).code(2).says(&["work/clean` or `clean` was not found", "--base DIR"]);
    place.image("other/x.png", 64, 4);
    place.run(&[&generate("g")[..], &["--base", "other"]].concat()).code(0);
}

#[test]
fn changed_images_are_named_when_a_run_is_resumed() {
    let place = Place::new();
    over_bases(&place);
    place.image("work/clean/1.png", 64, 9);
    fs::remove_file(place.path("work/clean/2.png")).expect("removed");
    let output = place
        .synth(&["run", "small.yaml", "--out", "a", "--resume"])
        .current_dir(place.path("work"))
        .output();
    let error = String::from_utf8(output.expect("started").stderr).expect("UTF-8");
    assert!(error.contains("`base_image_dir` must be the very images"), "{error}");
    assert!(error.contains("1.png has changed (1 more file differs)"), "{error}");
}
