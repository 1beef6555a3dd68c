//! `synth generate`, `embed`, `compare` and `ask`.

use std::collections::BTreeSet;
use std::fs;

use crate::support::{Place, difference, hashes};

const TIME: [&str; 2] = ["--timestamp", "2026-11-21T10:00:00Z"];

fn generate<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["generate", "voids"], arguments, &TIME].concat()
}

#[test]
fn shards_threads_and_batches_do_not_show_in_a_dataset() {
    let place = Place::new();
    let common = ["--count", "23", "--size", "64", "--shard-size", "5"];
    place.run(&generate(&[&["--out", "a"], &common[..]].concat())).code(0);
    for shard in ["2/3", "0/3", "1/3"] {
        let own = ["--out", "b", "--shard", shard, "--threads", "1", "--batch-size", "2"];
        place.run(&generate(&[&own[..], &common].concat())).code(0);
    }
    assert_eq!(difference(&hashes(&place.path("a")), &hashes(&place.path("b"))), [""; 0]);
    let samples = fs::read_to_string(place.path("a/samples.jsonl")).expect("records");
    assert_eq!(samples.lines().count(), 23);
    place.run(&generate(&[&["--out", "a"], &common[..]].concat())).code(0).says(&["complete already"]);
    place
        .run(&generate(&[&["--out", "a", "--seed", "3"], &common[..]].concat()))
        .code(2)
        .says(&["`seed` must be 0", "hint: choose another folder"]);
}

#[test]
fn more_samples_begin_with_the_same_ones() {
    let place = Place::new();
    place.run(&generate(&["--count", "4", "--size", "64", "--out", "few"])).code(0);
    place.run(&generate(&["--count", "9", "--size", "64", "--out", "more"])).code(0);
    let (few, more) = (hashes(&place.path("few")), hashes(&place.path("more")));
    let images: Vec<&String> = few.keys().filter(|path| path.starts_with("images/")).collect();
    assert_eq!(images.len(), 4);
    assert!(images.iter().all(|path| few[*path] == more[*path]));
}

#[test]
fn parameters_come_from_a_set_a_distribution_or_a_run() {
    let place = Place::small();
    place.write("set.yaml", "void_shape: circle\nvoid_count: 4\nbase_size: 6\n");
    place.run(&generate(&["--count", "3", "--size", "64", "--out", "a", "--params", "set.yaml"])).code(0);
    let text = fs::read_to_string(place.path("a/samples.jsonl")).expect("records");
    for line in text.lines() {
        let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(
            (&record["params"]["void_count"], &record["params"]["base_size"]),
            (&4.into(), &6.0.into())
        );
        assert_eq!(record["annotations"].as_array().expect("labels").len(), 4, "exactly N voids");
    }
    place.write("mix.yaml", "void_count: {value: 5}\nvoid_shape: {circle: 1}\n");
    place
        .run(&generate(&["--count", "3", "--size", "64", "--out", "b", "--distribution", "mix.yaml"]))
        .code(0);
    let text = fs::read_to_string(place.path("b/samples.jsonl")).expect("records");
    assert!(text.lines().all(|line| line.contains("\"void_count\":5")));
    place.run(&["run", "small.yaml", "--out", "r"]).code(0);
    place.run(&generate(&["--count", "3", "--out", "c", "--from-run", "r"])).code(0);
    let image = image::open(place.path("c/images/voids_000000.png")).expect("an image");
    assert_eq!(image.width(), 64, "the run's own base images");
}

#[test]
fn wrong_orders_are_refused() {
    let place = Place::new();
    place
        .run(&["generate", "cracks", "--count", "1", "--out", "a"])
        .code(2)
        .says(&["`generator` must be voids"]);
    place.run(&generate(&["--count", "0", "--out", "a"])).code(2);
    place.run(&generate(&["--count", "1", "--out", "a", "--shard", "3/3"])).code(2).says(&["`--shard`"]);
    place.run(&generate(&["--count", "1", "--out", "a", "--base", "no"])).code(2).says(&["no", "hint:"]);
    place.write("set.yaml", "void_cuont: 4\n");
    place
        .run(&generate(&["--count", "1", "--out", "a", "--params", "set.yaml"]))
        .code(2)
        .says(&["void_cuont"]);
    place.write("d.yaml", "\nvoid_count: {mean: 8}\n");
    place
        .run(&generate(&["--count", "1", "--out", "a", "--distribution", "d.yaml"]))
        .code(2)
        .says(&["d.yaml:2: `void_count.std` must be given"]);
    assert!(!place.path("a").exists());
}

#[test]
fn an_embedding_has_one_named_row_per_image() {
    let place = Place::new();
    for kind in 0..5 {
        place.image(&format!("photos/{kind}.png"), 64, kind);
    }
    let ended = place.run(&["embed", "photos", "--out", "e.npy", "--json"]).code(0);
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!((&json["n"], &json["matrix"]), (&5.into(), &"e.npy".into()));
    let rows = fs::read_to_string(place.path("e.rows.jsonl")).expect("a sidecar");
    assert_eq!(rows.lines().count(), 5);
    assert!(rows.lines().next().expect("a row").contains("\"path\":\"0.png\""));
    let first = fs::read(place.path("e.npy")).expect("a matrix");
    place.run(&["embed", "photos", "--out", "f.npy", "--threads", "1", "--batch-size", "2"]).code(0);
    assert_eq!(first, fs::read(place.path("f.npy")).expect("a matrix"));
    place.write("photos/x.png", "no image");
    place.run(&["embed", "photos", "--out", "g.npy"]).code(2).says(&["photos/x.png", "--skip-bad"]);
    place.run(&["embed", "photos", "--out", "g.npy", "--skip-bad"]).code(0).says(&["left out", "x.png"]);
    assert_eq!(first, fs::read(place.path("g.npy")).expect("a matrix"));
    place
        .run(&["embed", "photos", "--out", "h.npy", "--model", "dinov2_vitb14"])
        .code(2)
        .says(&["hint: --model features"]);
}

#[test]
fn a_comparison_judges_and_fails_only_when_asked_to() {
    let place = Place::new();
    place.write("bright.yaml", "brightness_factor: {value: 0.8}\n");
    place.write("dark.yaml", "brightness_factor: {value: 0.3}\n");
    for (out, seed, file) in [("a", "1", "bright.yaml"), ("b", "2", "bright.yaml"), ("c", "3", "dark.yaml")] {
        let arguments =
            ["--count", "24", "--size", "64", "--out", out, "--seed", seed, "--distribution", file];
        place.run(&generate(&arguments)).code(0);
    }
    let metrics = ["--metrics", "mmd2_rbf_unbiased,prdc"];
    let same =
        place.run(&[&["compare", "a", "b", "--fail-on", "distinguishable"], &metrics[..]].concat()).code(0);
    assert!(same.stdout.contains("verdict: not distinguishable at this n"), "{}", same.stdout);
    place.run(&[&["compare", "a", "c"], &metrics[..]].concat()).code(0);
    let other = [&["compare", "a", "c", "--fail-on", "distinguishable"], &metrics[..]].concat();
    place.run(&other).code(1).says(&["found: distinguishable"]);
    let ended =
        place.run(&[&["compare", "a", "c", "--json", "--sigma", "2.5"], &metrics[..]].concat()).code(0);
    let json: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!((&json["n_real"], &json["n_synthetic"]), (&24.into(), &24.into()));
    let names: BTreeSet<&String> = json["metrics"].as_object().expect("figures").keys().collect();
    assert_eq!(names.into_iter().collect::<Vec<_>>(), ["mmd2_rbf_unbiased", "prdc"]);
    let mmd = &json["metrics"]["mmd2_rbf_unbiased"];
    assert!(["value", "std_error", "p_value", "ci95"].iter().all(|key| !mmd[key].is_null()), "{mmd}");
}

const SPACE: &str = "\
parameters:
  - {name: size, type: float, low: 0, high: 10}
  - {name: shape, type: choice, choices: [disc, star]}
";

#[test]
fn asking_gives_sets_inside_the_space_and_the_same_ones_again() {
    let place = Place::new();
    place.write("space.yaml", SPACE);
    let ask = |arguments: &[&str]| {
        place.run(&[&["ask", "space.yaml", "trials.jsonl", "--count", "5"], arguments].concat())
    };
    let first = ask(&[]).code(0).stdout;
    assert_eq!(first, ask(&["--threads", "1"]).code(0).stdout);
    assert_ne!(first, ask(&["--seed", "1"]).code(0).stdout);
    let sets: Vec<serde_json::Value> =
        first.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(sets.len(), 5);
    assert!(sets.iter().all(|set| set["params"]["size"].as_f64().is_some_and(|x| (0.0..=10.0).contains(&x))));
    // The best of these is at size 7, whatever the shape.
    let trials: String = (0..12)
        .map(|i| {
            let (size, shape) = (f64::from(i) * 0.9, if i % 2 == 0 { "disc" } else { "star" });
            let value = (size - 7.0) * (size - 7.0);
            format!("{{\"params\": {{\"size\": {size}, \"shape\": \"{shape}\"}}, \"value\": {value}}}\n")
        })
        .collect();
    place.write("trials.jsonl", trials);
    let explained = ask(&["--explain", "--acquisition", "ei"]).code(0).stdout;
    let best: serde_json::Value =
        serde_json::from_str(explained.lines().next().expect("a line")).expect("JSON");
    assert!((best["params"]["size"].as_f64().expect("a size") - 7.0).abs() < 0.5, "{best}");
    assert!(best["mean"].is_number() && best["std"].is_number());
}

#[test]
fn wrong_spaces_and_trials_are_placed() {
    let place = Place::new();
    place.write("space.yaml", SPACE);
    place.write("trials.jsonl", "{\"params\": {\"size\": 3, \"shape\": \"cube\"}, \"value\": 1}\n");
    let ask = ["ask", "space.yaml", "trials.jsonl"];
    place.run(&ask).code(2).says(&["trials.jsonl", "trial 1: `shape` must be one of disc, star, got cube"]);
    place.write("trials.jsonl", "{\"params\": \n");
    place.run(&ask).code(2).says(&["trials.jsonl"]);
    place.write("trials.jsonl", "");
    place.run(&[&ask[..], &["--optimizer", "gpp"]].concat()).code(2).says(&["did you mean `gp`?"]);
    place.run(&[&ask[..], &["--acquisition", "ucbb"]].concat()).code(2).says(&["did you mean `ucb`?"]);
    place.write("space.yaml", SPACE.replace("high: 10", "high: -1"));
    place.run(&ask).code(2).says(&["space.yaml:2: `size` must be finite bounds with low <= high"]);
}
