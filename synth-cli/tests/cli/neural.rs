//! A neural embedder behind the commands: DINOv2 with the random weights of the goldens.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::Place;

/// Random weights of a family.
fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../synth-embed/tests/goldens/models").join(name)
}

/// A place with eight photos and `weights/`, 16 dimensions.
fn place() -> Place {
    let place = Place::small();
    (0..8).for_each(|kind| place.image(&format!("photos/{kind}.png"), 64 + 8 * kind, kind));
    let golden = golden("dinov2_registers");
    for file in ["config.json", "model.safetensors"] {
        place.write(&format!("weights/{file}"), fs::read(golden.join(file)).expect("committed"));
    }
    place
}

const MODEL: [&str; 6] = ["--model", "dinov2", "--weights", "weights", "--device", "flex"];

#[test]
fn rows_are_those_of_the_weights_whatever_the_threads() {
    let place = place();
    let embed = |out: &str, more: &[&str]| {
        place.run(&[&["embed", "photos", "--out", out, "--json"], &MODEL[..], more].concat()).code(0)
    };
    let ended = embed("a.npy", &[]).says(&["dinov2_16x2_reg runs on flex (CPU)"]);
    let told: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!((&told["n"], &told["dim"]), (&8.into(), &16.into()));
    let name = told["embedder"].as_str().expect("named");
    assert!(
        name.starts_with("dinov2_16x2_reg@") && name.ends_with("/short256-bicubic-crop224-imagenet-1"),
        "{name}"
    );
    embed("b.npy", &["--threads", "1", "--batch-size", "3"]);
    let bytes = |name: &str| fs::read(place.path(name)).expect("written");
    assert_eq!(bytes("a.npy"), bytes("b.npy"));
    place
        .run(&["compare", "photos", "a.npy", "--model", "features"])
        .code(2)
        .says(&["`a.npy` must be rows of 216 numbers like `photos`, got rows of 16"]);
}

#[test]
fn a_run_calibrates_on_them() {
    let place = place();
    let settings = ["--set", "embedder=dinov2", "--set", "weights=weights", "--device", "flex"];
    place.run(&[&["run", "small.yaml", "--out", "r"], &settings[..]].concat()).code(0);
    let manifest = fs::read_to_string(place.path("r/manifest.json")).expect("written");
    assert!(manifest.contains("dinov2_16x2_reg@") && manifest.contains("flex (CPU)"), "{manifest}");
    place
        .run(&["run", "small.yaml", "--out", "s", "--set", "embedder=dinov2", "--set", "weights=nothing"])
        .code(2)
        .says(&["`weights`: file or folder of weights `nothing` was not found"]);
    assert!(!place.path("s").exists(), "refused before anything is written");
}

#[test]
fn weights_of_another_model_are_refused_by_name() {
    let place = place();
    let embed = |more: &[&str]| place.run(&[&["embed", "photos", "--out", "e.npy"], more].concat()).code(2);
    embed(&["--model", "dinov2_vitb14", "--weights", "weights"])
        .says(&["`dinov2_16x2_reg`", "dinov2_vitb14"]);
    embed(&["--model", "features", "--weights", "weights"]).says(&["`features` has no weights"]);
    embed(&["--model", "dinov2"]).says(&["the weights of `dinov2`", "--weights FILE|DIR"]);
    place.write("notes.pth", "no weights");
    embed(&["--model", "dinov2", "--weights", "notes.pth"]).says(&["notes.pth"]);
}

#[test]
fn every_family_of_images_embeds() {
    let place = place();
    for (family, weights) in [
        ("clip", "clip"),
        ("clip", "clip_openai"),
        ("dinov2", "dinov2_meta"),
        ("efficientnet", "efficientnet_lite"),
        ("siglip", "siglip"),
    ] {
        let (out, weights) = (format!("{weights}.npy"), golden(weights));
        let weights = weights.to_str().expect("unicode");
        let arguments =
            ["--model", family, "--weights", weights, "--device", "flex", "--out", &out, "--json"];
        let ended = place.run(&[&["embed", "photos"], &arguments[..]].concat()).code(0);
        let told: serde_json::Value = serde_json::from_str(&ended.stdout).expect("JSON");
        assert_eq!(told["n"], 8);
        assert!(told["embedder"].as_str().is_some_and(|name| name.starts_with(family)), "{told}");
        let other = if family == "clip" { "siglip" } else { "clip" };
        let arguments = ["--model", other, "--weights", weights, "--device", "flex", "--out", "x.npy"];
        place.run(&[&["embed", "photos"], &arguments[..]].concat()).code(2);
    }
}

#[test]
fn half_precision_is_for_devices_that_have_it() {
    let place = place();
    let embed = |more: &[&str]| place.run(&[&["embed", "photos", "--out", "e.npy"], more].concat());
    embed(&[&MODEL[..], &["--precision", "float16"]].concat()).code(2).says(&[
        "precision float16",
        "slower than float32",
        "leave it at float32",
    ]);
    assert!(!place.path("e.npy").exists(), "refused before anything is written");
    embed(&["--precision", "half"]).code(2).says(&["one of float32, float16, bfloat16"]);
    embed(&["--precision", "float16"]).code(0).says(&["--precision has no effect"]);
}
