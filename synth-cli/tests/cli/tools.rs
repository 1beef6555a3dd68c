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
    // Its single sets too, which lie in its own bounds and not in the generator's.
    place.run(&generate(&["--count", "2", "--out", "d", "--from-run", "r", "--best", "1"])).code(0);
    let result = fs::read_to_string(place.path("r/result.json")).expect("a result");
    let result: serde_json::Value = serde_json::from_str(&result).expect("JSON");
    let text = fs::read_to_string(place.path("d/samples.jsonl")).expect("records");
    for line in text.lines() {
        let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(record["params"], result["best"][0]["params"]);
    }
    place
        .run(&generate(&["--count", "2", "--out", "e", "--from-run", "r", "--best", "999"]))
        .code(2)
        .says(&["`--best` must be a place in the run's table of best sets, 1 to "]);
    place.write("small.set", "base_size: 2.5\n");
    let small = ["--count", "2", "--out", "f", "--params", "small.set"];
    place.run(&generate(&small)).code(2).says(&["small.set:1: `base_size` must be a number in [5, 40]"]);
    place.run(&generate(&[&small[..], &["--from-run", "r"]].concat())).code(0);
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
    let params = generate(&["--count", "1", "--out", "a", "--params", "set.yaml"]);
    for (text, says) in [
        ("\nvoid_cuont: 4\n", &["set.yaml:2: unknown key `void_cuont`", "did you mean `void_count`?"][..]),
        ("void_count: \"5\"\n", &["set.yaml:1: `void_count` must be a whole number in [3, 20], got \"5\""]),
        ("base_size: .nan\n", &["set.yaml:1: `base_size` must be a number in [5, 40], got NaN"]),
        ("void_count: 5\nvoid_count: 6\n", &["set.yaml:2: the key `void_count` is given twice\n"]),
    ] {
        place.write("set.yaml", text);
        place.run(&params).code(2).says(says);
    }
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

#[cfg(not(feature = "onnx"))]
#[test]
fn without_the_feature_onnx_says_how_to_have_it() {
    let place = Place::new();
    place.image("photos/0.png", 64, 0);
    place.write("model.onnx", "a model");
    let arguments = ["embed", "photos", "--out", "e.npy", "--model", "onnx", "--weights", "model.onnx"];
    place
        .run(&arguments)
        .code(2)
        .says(&["no feature `onnx`", "cargo install --path synth-cli --features onnx"]);
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
