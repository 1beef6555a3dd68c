//! A model of one's own from an ONNX file behind the commands.

use std::fs;
use std::path::Path;

use crate::support::Place;

/// A place with eight photos, `vit.onnx` and `cnn.onnx`.
fn place() -> Place {
    let place = Place::small();
    (0..8).for_each(|kind| place.image(&format!("photos/{kind}.png"), 64 + 8 * kind, kind));
    let goldens = Path::new(env!("CARGO_MANIFEST_DIR")).join("../synth-embed/tests/goldens/onnx");
    for name in ["vit.onnx", "cnn.onnx"] {
        place.write(name, fs::read(goldens.join(name)).expect("committed"));
    }
    place
}

#[test]
fn rows_are_the_same_whatever_the_threads() {
    let place = place();
    let embed = |out: &str, more: &[&str]| {
        let arguments = ["embed", "photos", "--out", out, "--json", "--weights", "vit.onnx"];
        place.run(&[&arguments[..], &["--model", "onnx:class_token"], more].concat()).code(0)
    };
    let ended = embed("a.npy", &[]);
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!((&told["n"], &told["dim"]), (&8.into(), &16.into()));
    let name = told["embedder"].as_str().expect("named");
    let (begins, ends) = ("onnx:class_token@", "/short64-bicubic-crop56-imagenet-1");
    assert!(name.starts_with(begins) && name.ends_with(ends), "{name}");
    embed("b.npy", &["--threads", "1", "--batch-size", "3"]);
    let bytes = |name: &str| fs::read(place.path(name)).expect("written");
    assert_eq!(bytes("a.npy"), bytes("b.npy"));
    let model = ["--model", "onnx:class_token", "--weights", "vit.onnx"];
    place.run(&[&["compare", "photos", "a.npy"], &model[..]].concat()).code(0);
}

#[test]
fn a_run_calibrates_on_it() {
    let place = place();
    let settings = ["--set", "embedder=onnx:class_token", "--set", "weights=vit.onnx"];
    place.run(&[&["run", "small.yaml", "--out", "r"], &settings[..]].concat()).code(0);
    let manifest = fs::read_to_string(place.path("r/manifest.json")).expect("written");
    assert!(manifest.contains("onnx:class_token@"), "{manifest}");
    let settings = ["--set", "embedder=onnx", "--set", "weights=vit.onnx"];
    place
        .run(&[&["run", "small.yaml", "--out", "s"], &settings[..]].concat())
        .code(2)
        .says(&["`weights`: `embedder` must be onnx:NAME, NAME one of `class_token` float32 [batch, 16]"]);
    assert!(!place.path("s").exists(), "refused before anything is written");
}

#[test]
fn what_is_missing_is_told() {
    let place = place();
    let embed = |more: &[&str]| place.run(&[&["embed", "photos", "--out", "e.npy"], more].concat());
    embed(&["--model", "onnx"])
        .code(2)
        .says(&["the weights of `onnx`", "hint: --weights FILE is the model's"]);
    embed(&["--model", "onnx", "--weights", "no.onnx"]).code(2).says(&["`no.onnx` was not found"]);
    let free = ["--model", "onnx", "--weights", "cnn.onnx"];
    embed(&free).code(2).says(&["a `preprocessor_config.json` beside the model", "leaves it open"]);
    place.write("torn.onnx", &fs::read(place.path("cnn.onnx")).expect("there")[..999]);
    embed(&["--model", "onnx", "--weights", "torn.onnx"]).code(2).says(&["`torn.onnx` is corrupt"]);
    embed(&["--model", "onnxx", "--weights", "cnn.onnx"]).code(2).says(&["features, onnx, clip"]);
    let described = r#"{"image_processor_type": "ViTImageProcessor", "size": 40, "resample": 2,
        "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}"#;
    place.write("preprocessor_config.json", described);
    embed(&free).code(0);
    let line = place.run(&["models"]).code(0).stdout;
    assert!(
        line.lines().any(|line| line.starts_with("onnx ") && line.ends_with("needs an .onnx file")),
        "{line}"
    );
}
