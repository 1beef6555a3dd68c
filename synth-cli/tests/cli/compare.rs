//! `synth compare`: one answer whichever way a set is named, and errors that name the sets.

use std::fs;

use crate::support::{Place, npy};

#[test]
fn a_dataset_of_one_parameter_set_gives_one_answer_by_either_folder() {
    let place = Place::new();
    place.write("set.yaml", "void_shape: circle\nbase_size: 6\nbrightness_factor: 0.4\n");
    let generate = |more: &[&str]| {
        place.run(&[&["generate", "voids", "--count", "12", "--size", "64"], more].concat()).code(0);
    };
    generate(&["--out", "a", "--seed", "1"]);
    generate(&["--out", "c", "--params", "set.yaml"]);
    let compare = |real: &str, synthetic: &str| {
        let ended =
            place.run(&["compare", real, synthetic, "--metrics", "energy", "--fail-on", "distinguishable"]);
        (ended.code, ended.stdout)
    };
    let whole = compare("a", "c");
    assert!(whole.1.contains("12 real rows in 12 groups, 12 synthetic rows in 12 groups"), "{}", whole.1);
    assert_eq!(whole, compare("a/images", "c/images"));
    assert!(whole.0 == Some(0) || whole.0 == Some(1), "there is a verdict");
}

#[test]
fn the_groups_of_a_dataset_hold_for_its_images_alone() {
    let place = Place::small();
    place.run(&["run", "small.yaml", "--out", "r"]).code(0);
    let compare = |synthetic: &str| {
        place.run(&["compare", "r/iteration_000/images", synthetic, "--metrics", "energy"]).code(0).stdout
    };
    assert_eq!(compare("r/iteration_001"), compare("r/iteration_001/images"));
    assert!(
        compare("r/iteration_001").contains("8 synthetic rows in 4 groups"),
        "{}",
        compare("r/iteration_001")
    );
}

#[test]
fn matrices_are_named_and_options_for_folders_refused() {
    let place = Place::new();
    let wave = |at: usize| (at as f32 * 0.7).sin();
    place.write("x.npy", npy(12, 8, wave));
    place.write("y.npy", npy(12, 8, |at| wave(at + 200)));
    place.write("d9.npy", npy(12, 9, wave));
    place.write("one.npy", npy(1, 8, wave));
    let compare = |more: &[&str]| place.run(&[&["compare"], more, &["--metrics", "energy"]].concat());
    compare(&["x.npy", "d9.npy"])
        .code(2)
        .says(&["`d9.npy` must be rows of 8 numbers like `x.npy`, got rows of 9"]);
    compare(&["x.npy", "one.npy"]).code(2).says(&["`one.npy`", "at least 2 rows, got 1"]);
    compare(&["x.npy", "y.npy", "--model", "foo"]).code(2).says(&["`--model` must be left out"]);
    compare(&["x.npy", "y.npy"]).code(0);
    let same = compare(&["x.npy", "x.npy"]).code(0);
    assert!(same.stderr.contains("warning: both sets hold the same rows"), "{}", same.stderr);
    place.write("z.npy", npy(12, 8, |at| if at < 16 { wave(at) } else { wave(at + 200) }));
    compare(&["x.npy", "z.npy"]).code(0).says(&["warning: 2 of the 12 synthetic rows are real rows too"]);
}

#[test]
fn an_unknown_model_is_refused_for_folders() {
    let place = Place::new();
    for kind in 0..4 {
        place.image(&format!("a/{kind}.png"), 64, kind);
    }
    place.run(&["compare", "a", "a", "--model", "featurs"]).code(2).says(&["featurs"]);
    fs::write(place.path("a/broken.png"), "").expect("written");
    place.run(&["compare", "a", "a"]).code(2).says(&["a/broken.png", "the file is empty"]);
}
