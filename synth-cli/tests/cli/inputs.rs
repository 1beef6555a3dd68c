//! Requests and input data that are wrong: each a clear error and exit code 2, and nothing written.

use std::fs;

use crate::support::{Place, SMALL, npy};

/// The file that users of the earlier program already have.
const USERS_FILE: &str = include_str!("../data/experiment_config.yaml");

/// Runs `small.yaml` with one text replaced; it must be refused before anything is written.
#[track_caller]
fn refused(from: &str, to: &str, says: &[&str]) {
    let place = Place::new();
    assert!(SMALL.contains(from), "{from}");
    place.write("small.yaml", SMALL.replacen(from, to, 1));
    place.run(&["run", "small.yaml"]).code(2).says(says);
    assert!(!place.path("runs").exists(), "nothing is written");
}

#[test]
fn the_users_own_file_parses_and_names_what_it_lacks() {
    let place = Place::new();
    place.write("experiment_config.yaml", USERS_FILE);
    place.run(&["run", "experiment_config.yaml"]).code(2).says(&[
        "error: experiment_config.yaml:4: `base_image_dir`:",
        "data/base_chips",
        "error: experiment_config.yaml:6: `dino_model`:",
        "facebook/dinov2-base is not in the cache",
        "hint: --set embedder=features",
    ]);
    assert!(!place.path("runs").exists(), "nothing is written");
    // With what the hints say it starts; its first iteration is there before it is stopped.
    let settings = ["--set", "embedder=features", "--set", "base_image_dir=null", "--set", "image_size=64"];
    let short = ["--set", "max_iterations=0", "--set", "bootstrap_replicates=19", "--set", "folds=2"];
    let ended = place.run(&[&["run", "experiment_config.yaml"], &settings[..], &short].concat()).code(0);
    assert!(ended.stdout.contains("16 samples in 5 independent groups"), "{}", ended.stdout);
    assert!(place.path("runs/void_calibration/report.html").is_file(), "`experiment_dir` is honoured");
}

#[test]
fn an_unknown_key_is_named_with_file_line_value_and_hint() {
    refused(
        "max_iterations: 2",
        "max_iteration: 2",
        &[
            "error: small.yaml:14: unknown key `max_iteration` with value 2",
            "hint: did you mean `max_iterations`?",
        ],
    );
}

#[test]
fn crossed_bounds_and_probabilities_that_do_not_sum_to_one_are_placed() {
    refused(
        "[2, 12]",
        "[12, 2]",
        &[
            "small.yaml:5: `param_bounds.base_size` must be two finite numbers [low, high] with low <= high, got [12, 2]",
        ],
    );
    refused(
        "ellipse: 0.5",
        "ellipse: 0.6",
        &["small.yaml:9: `param_distributions.real.void_shape` must be probabilities that sum to 1"],
    );
}

#[test]
fn bounds_that_the_generator_cannot_draw_are_placed() {
    refused(
        "size_std: [0, 4]",
        "brightness_factor: [-1, 0.5]",
        &["small.yaml:6: `param_bounds.brightness_factor`:", "got [-1, 0.5]"],
    );
}

#[test]
fn broken_yaml_is_placed() {
    refused("param_bounds:", "param_bounds: [", &["error: small.yaml:"]);
}

#[test]
fn a_missing_configuration_is_named() {
    let place = Place::new();
    place.run(&["run", "nowhere.yaml"]).code(2).says(&["nowhere.yaml", "hint:"]);
    place.run(&["run", "--set", "seed"]).code(2).says(&["`--set` must be KEY=VALUE"]);
    place.run(&["run", "--timestamp", "soon"]).code(2).says(&["`--timestamp` must be RFC 3339"]);
    place.run(&["runn"]).code(2).says(&["unrecognized subcommand"]);
}

/// Runs the small experiment over the folder `clean` of base images.
#[track_caller]
fn over_bases(place: &Place, code: i32, says: &[&str]) {
    place
        .run(&["run", "small.yaml", "--set", "base_image_dir=clean", "--set", "image_size=null"])
        .code(code)
        .says(says);
}

#[test]
fn base_images_that_are_missing_empty_or_corrupt_are_named() {
    let place = Place::small();
    over_bases(&place, 2, &["--set base_image_dir=clean: `base_image_dir`:", "clean", "hint:"]);
    fs::create_dir(place.path("clean")).expect("created");
    over_bases(&place, 2, &["`base_image_dir`:", "needs at least 1 image, got 0"]);
    place.write("clean/a.png", "");
    over_bases(&place, 2, &["clean/a.png", "the file is empty"]);
    place.image("clean/a.png", 64, 1);
    let whole = fs::read(place.path("clean/a.png")).expect("read");
    place.write("clean/a.png", &whole[..whole.len() / 2]);
    over_bases(&place, 2, &["clean/a.png", "is corrupt"]);
    assert!(!place.path("runs").exists(), "nothing is written");
}

#[test]
fn base_images_of_different_sizes_are_used_and_said() {
    let place = Place::small();
    place.image("clean/a.png", 64, 1);
    place.image("clean/b.png", 80, 2);
    over_bases(&place, 0, &["warning: base images differ in size (1 of 64 × 64 px, 1 of 80 × 80 px)"]);
}

#[test]
fn a_real_set_of_one_image_is_refused() {
    let place = Place::small();
    place.image("photos/a.png", 64, 1);
    let settings = ["--set", "real={dir: photos}", "--set", "param_distributions=null"];
    let arguments = [&["run", "small.yaml"], &settings[..]].concat();
    place.run(&arguments).code(2).says(&["`real.dir`:", "needs at least 2 images, got 1"]);
    place.write("photos/b.png", "");
    place.run(&arguments).code(2).says(&["photos/b.png", "the file is empty"]);
    place.run(&["run", "small.yaml", "--set", "real.param_sets=1"]).code(2).says(&["got 1"]);
}

#[test]
fn matrices_with_nan_other_widths_or_torn_bytes_are_refused() {
    let place = Place::new();
    let wave = |at: usize| (at as f32 * 0.7).sin();
    place.write("a.npy", npy(12, 4, wave));
    place.write("nan.npy", npy(12, 4, |at| if at == 9 { f32::NAN } else { wave(at) }));
    place.write("wide.npy", npy(12, 5, wave));
    let whole = npy(12, 4, wave);
    place.write("torn.npy", &whole[..whole.len() - 6]);
    place.run(&["compare", "a.npy", "nan.npy"]).code(2).says(&["nan.npy", "row 2, column 1"]);
    place.run(&["compare", "a.npy", "wide.npy"]).code(2).says(&["`wide.npy` must be rows of 4 numbers"]);
    place.run(&["compare", "a.npy", "torn.npy"]).code(2).says(&["torn.npy", "is corrupt"]);
    place.run(&["compare", "a.npy", "nowhere"]).code(2).says(&["nowhere"]);
    place
        .run(&["compare", "a.npy", "a.npy", "--metrics", "frechett"])
        .code(2)
        .says(&["did you mean `frechet`?"]);
    place
        .run(&["compare", "a.npy", "a.npy", "--sigma", "0"])
        .code(2)
        .says(&["`--sigma` must be a positive number"]);
}

#[test]
fn a_matrix_of_unknown_origin_meets_a_known_one_only_when_told() {
    let place = Place::new();
    for kind in 0..8 {
        place.image(&format!("photos/{kind}.png"), 64, kind);
    }
    place.run(&["embed", "photos", "--out", "e.npy"]).code(0);
    fs::copy(place.path("e.npy"), place.path("bare.npy")).expect("copied");
    place.run(&["compare", "photos", "e.npy", "--metrics", "energy"]).code(0);
    place
        .run(&["compare", "photos", "bare.npy", "--metrics", "energy"])
        .code(2)
        .says(&["hint:", "--assume-same-model"]);
    place.run(&["compare", "photos", "bare.npy", "--metrics", "energy", "--assume-same-model"]).code(0);
}

#[cfg(feature = "parquet")]
#[test]
fn a_parquet_file_takes_the_place_of_a_matrix() {
    let place = Place::new();
    for kind in 0..8 {
        place.image(&format!("photos/{kind}.png"), 64, kind);
    }
    place.run(&["embed", "photos", "--out", "e.npy"]).code(0);
    let made = place.run(&["embed", "photos", "--out", "e.parquet", "--json"]).code(0);
    let said: serde_json::Value = serde_json::from_str(&made.stdout).expect("JSON");
    assert_eq!((&said["matrix"], &said["rows"]), (&"e.parquet".into(), &serde_json::Value::Null));
    assert!(!place.path("e.parquet.partial").exists());
    let bytes = fs::read(place.path("e.parquet")).expect("there");
    place.run(&["embed", "photos", "--out", "e.parquet"]).code(0).says(&["nothing to do"]);
    // The same rows as the matrix, and of the folder's embedder.
    let same = ["the same rows, so this compares a set with itself"];
    place.run(&["compare", "e.npy", "e.parquet", "--metrics", "energy"]).code(0).says(&same);
    place.run(&["compare", "photos", "e.parquet", "--metrics", "energy"]).code(0).says(&same);
    assert_eq!(fs::read(place.path("e.parquet")).expect("there"), bytes);
    place.write("torn.parquet", &bytes[..bytes.len() - 6]);
    place.run(&["compare", "e.npy", "torn.parquet"]).code(2).says(&["torn.parquet", "is corrupt"]);
    place.image("photos/8.png", 64, 9);
    place
        .run(&["embed", "photos", "--out", "e.parquet"])
        .code(2)
        .says(&["matrix of other rows", "e.parquet"]);
}
