//! A real set of one's own images: what is refused, what is told, what the report names.

use std::fs;

use crate::support::{Place, SMALL};

const OWN: &str = "\
experiment_name: own
real: {dir: photos}
param_bounds: {base_size: [2, 12], size_std: [0, 4]}
initial_sets: 6
iteration_batch_size: 4
replications_per_iteration: 2
max_iterations: 1
bootstrap_replicates: 19
folds: 2
";

/// Eight real images of 64 px.
fn place() -> Place {
    let place = Place::new();
    for kind in 0..8 {
        place.image(&format!("photos/{kind}.png"), 64, kind);
    }
    place.write("own.yaml", OWN);
    place
}

#[test]
fn a_set_of_copies_is_refused_before_anything_is_written() {
    let place = place();
    for kind in 0..8 {
        place.image(&format!("photos/{kind}.png"), 64, 5);
    }
    place.image("clean/a.png", 64, 1);
    place.run(&["run", "own.yaml", "--set", "base_image_dir=clean"]).code(2).says(&[
        "own.yaml:2: `real.dir`:",
        "28 of the 28 pairs of images in `photos` are equal (0.png = 1.png = 2.png = 3.png = 4.png = … (8 in all))",
    ]);
    assert!(!place.path("runs").exists(), "nothing is written");
}

#[test]
fn two_copies_are_told_and_base_images_of_another_kind_too() {
    let place = place();
    fs::copy(place.path("photos/0.png"), place.path("photos/7.png")).expect("copied");
    // Of another size than the built-in chips: refused. With chips asked for: told.
    place.run(&["run", "own.yaml"]).code(2).says(&[
        "own.yaml:2: `real.dir`: its images have 64 × 64 px, and without `base_image_dir` defects would be drawn on \
         the built-in chips of 224 × 224 px",
        "hint: give `base_image_dir`",
    ]);
    assert!(!place.path("runs").exists(), "nothing is written");
    place.run(&["run", "own.yaml", "--set", "image_size=64"]).code(0).says(&[
        "warning: `base_image_dir` is not given",
        "warning: real images are equal and count as independent: 0.png = 7.png",
    ]);
    let page = fs::read_to_string(place.path("runs/own/report.html")).expect("a page");
    let missed = page.split("Least explained real samples: ").nth(1).expect("samples are named");
    assert!(missed.starts_with("photos/"), "{}", &missed[..60]);
    // The same images in another place, or another size of base images, are told when it is resumed.
    place.image("photos/3.png", 64, 40);
    place
        .run(&["run", "own.yaml", "--set", "image_size=64"])
        .code(2)
        .says(&["`real.dir` must be the very images", "3.png has changed"]);
    place.image("clean/a.png", 96, 1);
    place
        .run(&["run", "own.yaml", "--set", "base_image_dir=clean", "--set", "max_iterations=0", "--out", "b"])
        .code(0)
        .says(&["warning: the real images (64 × 64 px) and the base images (96 × 96 px) differ in size"]);
}

#[test]
fn a_folder_beside_the_configuration_is_hinted_at() {
    let place = place();
    place.write("photos/own.yaml", OWN.replacen("photos", "deep", 1));
    place.image("photos/deep/a.png", 64, 1);
    place.run(&["run", "photos/own.yaml"]).code(2).says(&[
        "`real.dir`:",
        "hint: relative paths begin where the command is given; did you mean `photos/deep`?",
    ]);
}

#[test]
fn groups_that_are_missing_or_of_no_image_are_told() {
    let place = place();
    place.image("clean/a.png", 64, 1);
    let run = |groups: &'static str| {
        let groups = format!("real.groups={groups}");
        let settings = ["--set", "base_image_dir=clean", "--set", "max_iterations=0", "--set", &groups];
        place.run(&[&["run", "own.yaml"], &settings[..]].concat())
    };
    run("nofile.csv").code(2).says(&["--set real.groups=nofile.csv: `real.groups`:", "photos/nofile.csv"]);
    place.write("photos/g.csv", "file,group\n0.png,a\n");
    run("g.csv").code(2).says(&["`real.groups`:", "photos/g.csv", "the image `1.png` has no group"]);
    let rows: String = (0..10).map(|kind| format!("{kind}.png,w{}\n", kind / 2)).collect();
    place.write("photos/groups.csv", format!("file,group\n{rows}"));
    run("groups.csv")
        .code(0)
        .says(&["warning: 2 files with a group are no images of the folder: 8.png, 9.png"]);
    place
        .run(&["embed", "photos", "--out", "e.npy"])
        .code(0)
        .says(&["warning: photos: 2 files with a group"]);
}

#[test]
fn small_base_images_are_told() {
    let place = Place::new();
    place.image("b32/a.png", 32, 1);
    let order = ["generate", "voids", "--base", "b32", "--count", "1", "--out"];
    place
        .run(&[&order[..], &["a"]].concat())
        .code(0)
        .says(&["warning: `base_size` may reach 40 px, more than half the shortest side (32 px)"]);
    place.write("set.yaml", "base_size: 6\n");
    let quiet = place.run(&[&order[..], &["b", "--params", "set.yaml"]].concat()).code(0);
    assert!(!quiet.stderr.contains("warning"), "{}", quiet.stderr);
    place.write(
        "small.yaml",
        SMALL.replacen("image_size: 64", "image_size: 32", 1).replace("[2, 12]", "[2, 20]"),
    );
    place.run(&["run", "small.yaml"]).code(0).says(&["warning: `base_size` may reach 20 px"]);
}

#[test]
fn a_file_for_a_folder_and_a_link_to_nowhere_are_named() {
    let place = place();
    place.write("p.yaml", "text");
    place
        .run(&["embed", "p.yaml", "--out", "e.npy"])
        .code(2)
        .says(&["`p.yaml` must be a folder of images, got a file"]);
    place
        .run(&["generate", "voids", "--base", "p.yaml", "--count", "1", "--out", "d"])
        .code(2)
        .says(&["`p.yaml` must be a folder of images"]);
    place
        .run(&["generate", "voids", "--count", "1", "--out", "photos"])
        .code(2)
        .says(&["the folder is in use by something else: file `photos/", "--out DIR"]);
    std::os::unix::fs::symlink("gone.png", place.path("photos/link.png")).expect("a link");
    place
        .run(&["embed", "photos", "--out", "e.npy"])
        .code(2)
        .says(&["the target of the link `photos/link.png` was not found"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_where_nothing_can_be_made_is_the_systems_fault() {
    let place = Place::small();
    for order in [
        &["generate", "voids", "--count", "1", "--out", "/proc/x"][..],
        &["run", "small.yaml", "--out", "/proc/x"],
    ] {
        place
            .run(order)
            .code(3)
            .says(&["creating the directory failed: /proc/x", "hint: choose another place"]);
    }
}

#[test]
fn a_matrix_is_never_overwritten() {
    let place = place();
    let embed = ["embed", "photos", "--out", "e.npy"];
    place.run(&embed).code(0);
    let before = fs::read(place.path("e.npy")).expect("a matrix");
    place.run(&embed).code(0).says(&["e.npy has these rows already; nothing to do"]);
    place.image("photos/0.png", 64, 77);
    place.run(&embed).code(2).says(&["matrix of other rows `e.npy` already exists", "hint: remove it"]);
    assert_eq!(fs::read(place.path("e.npy")).expect("still there"), before);
}
