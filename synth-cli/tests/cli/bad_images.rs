//! Folders in which some files are no images, or claim what they do not hold: each is named with how to go
//! on, the good ones are embedded beside them, and no claim costs memory.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::bombs::{comment, deflated_zeros, gif, jpeg_claiming, png, profile, tiff};
use crate::support::{Ended, Place};

/// What a bomb here unpacks to: far beyond [`MEMORY`].
const BOMB: usize = 500 << 20;

/// Virtual memory that the program may take, KiB: twice what it needs for small images.
const MEMORY: &str = "-v 500000";

const SKIP: &str = "hint: --skip-bad leaves out files that cannot be used";

/// The images of `synth-export`'s tests, among them of kinds that cameras and scanners write.
fn image(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../synth-export/tests/data/images");
    fs::read(folder.join(name)).expect("committed")
}

fn small_png(before: &[u8]) -> Vec<u8> {
    png((40, 40), before, &deflated_zeros(40 * 41))
}

/// A place with good images in `photos`: of 8 and 16 bits, CMYK, in a folder that is called an image, and
/// two whose comment or profile is a bomb that nobody needs to unpack.
fn place() -> (Place, Vec<&'static str>) {
    let place = Place::new();
    place.image("photos/a.png", 64, 1);
    place.image("photos/folder.png/inside.png", 64, 2);
    for name in ["cmyk.jpg", "cmyk.tif", "rgb16.png", "with_alpha.webp"] {
        place.write(&format!("photos/{name}"), image(name));
    }
    place.write("photos/comment.png", small_png(&comment(BOMB)));
    place.write("photos/profile.png", small_png(&profile(BOMB)));
    let good = [
        "a.png",
        "cmyk.jpg",
        "cmyk.tif",
        "comment.png",
        "folder.png/inside.png",
        "profile.png",
        "rgb16.png",
        "with_alpha.webp",
    ];
    (place, good.to_vec())
}

/// Files with one fault each, in the order of their names, and what is said of them.
fn faults() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let (jpeg, whole) = (image("grey.jpg"), image("rgb16.png"));
    let too_large = "50000 × 50000 px, larger than the limits for one image (32768 px a side, 512 MiB)";
    vec![
        ("claim.jpg", jpeg_claiming(&jpeg, 60_000), "60000 × 60000 px, larger than the limits"),
        ("claim.png", png((50_000, 50_000), b"", &deflated_zeros(64)), too_large),
        ("claim.tif", tiff(60_000), "60000 × 60000 px, larger than the limits"),
        ("claim_and_profile.png", png((50_000, 50_000), &profile(BOMB), &deflated_zeros(64)), too_large),
        ("cut.jpg", jpeg[..jpeg.len() / 2].to_vec(), "truncated image"),
        ("cut.png", whole[..whole.len() / 2].to_vec(), "damaged image"),
        ("empty.png", Vec::new(), "the file is empty"),
        ("gif.png", gif(60_000), "is Gif, which is not read; convert it to PNG, JPEG, TIFF, BMP or WebP"),
        // Small enough for the limits, had it the pixels.
        ("hollow.jpg", jpeg_claiming(&jpeg, 10_000), "truncated image"),
        ("hollow.png", png((10_000, 10_000), b"", &deflated_zeros(64)), "truncated image"),
        ("text.png", b"this is no image\n".to_vec(), "not an image (PNG, JPEG, TIFF, BMP or WebP)"),
    ]
}

/// Names that lead to no file, and what is said of them.
#[cfg(unix)]
fn links(place: &Place, folder: &str) -> Vec<(&'static str, &'static str)> {
    use std::os::unix::fs::symlink;
    let path = |name: &str| place.path(folder).join(name);
    for (name, target) in [("dangling.png", "nowhere"), ("loop.png", "loop.png"), ("zeros.png", "/dev/zero")]
    {
        symlink(target, path(name)).expect("a link");
    }
    let made = std::process::Command::new("mkfifo").arg(path("pipe.png")).status().expect("mkfifo");
    assert!(made.success());
    vec![
        ("dangling.png", "a link to `nowhere`, which does not exist"),
        ("loop.png", "a link to `loop.png`: "),
        ("pipe.png", "not a regular file"),
        ("zeros.png", "not a regular file"),
    ]
}

#[cfg(not(unix))]
fn links(_place: &Place, _folder: &str) -> Vec<(&'static str, &'static str)> {
    Vec::new()
}

fn run(place: &Place, arguments: &[&str]) -> Ended {
    match cfg!(target_os = "linux") {
        true => place.limited(MEMORY, arguments),
        false => place.run(arguments),
    }
}

#[test]
fn each_fault_is_refused_with_how_to_go_on_and_nothing_is_left() {
    let place = Place::new();
    let mut said: Vec<(&str, &str)> = faults().iter().map(|(name, _, says)| (*name, *says)).collect();
    fs::create_dir(place.path("links")).expect("created");
    for (name, bytes, _) in faults() {
        place.write(&format!("{name}.d/{name}"), bytes);
    }
    for (name, says) in links(&place, "links") {
        fs::create_dir(place.path(&format!("{name}.d"))).expect("created");
        fs::rename(place.path("links").join(name), place.path(&format!("{name}.d/{name}"))).expect("moved");
        // A broken link is told by its own name, what is behind it only where it is left out.
        said.push((name, if says.starts_with("a link") { "the target of the link" } else { says }));
    }
    let before = place.names("");
    for (name, says) in said {
        let folder = format!("{name}.d");
        place.image(&format!("{folder}/a.png"), 64, 1);
        let path = format!("`{folder}/{name}`");
        run(&place, &["embed", &folder, "--out", "e.npy"]).code(2).says(&[&path, says, SKIP]);
        run(&place, &["compare", &folder, &folder]).code(2).says(&[&path, says, SKIP]);
    }
    assert_eq!(place.names(""), before, "nothing half-written is left");
}

/// The files that `--json` lists as left out, with the reasons.
fn left_out(answer: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let entries = answer["left_out"].as_array().expect("a list").iter();
    entries.map(|entry| (text(&entry["file"]), text(&entry["reason"]))).collect()
}

#[test]
fn good_files_are_embedded_and_bad_ones_listed() {
    let (place, good) = place();
    place.run(&["embed", "photos", "--out", "good.npy"]).code(0);
    let mut bad: Vec<(&str, &str)> = faults().iter().map(|(name, _, says)| (*name, *says)).collect();
    for (name, bytes, _) in faults() {
        place.write(&format!("photos/{name}"), bytes);
    }
    bad.extend(links(&place, "photos"));
    bad.sort_unstable();
    let before = place.names("");

    let listed = |answer: &Value, bad: &[(&str, &str)]| {
        let listed = left_out(answer);
        assert_eq!(listed.len(), bad.len(), "{listed:?}");
        for ((file, reason), (name, says)) in listed.iter().zip(bad) {
            assert_eq!(*file, format!("photos/{name}"));
            assert!(reason.contains(says), "{file}: {reason}");
        }
    };
    let ended = run(&place, &["embed", "photos", "--out", "e.npy", "--skip-bad", "--json"]).code(0);
    for (name, says) in &bad {
        let line = ended.stderr.lines().find(|line| line.contains(&format!("`photos/{name}`")));
        let line = line.unwrap_or_else(|| panic!("{name} is not in\n{}", ended.stderr));
        assert!(line.starts_with("warning: left out: ") && line.contains(says), "{line}");
    }
    let answer: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!(answer["n"], good.len());
    listed(&answer, &bad);
    assert_eq!(
        fs::read(place.path("e.npy")).expect("there"),
        fs::read(place.path("good.npy")).expect("there")
    );
    let rows = fs::read_to_string(place.path("e.rows.jsonl")).expect("a sidecar");
    let paths: Vec<Value> = rows.lines().map(|row| serde_json::from_str(row).expect("JSON")).collect();
    assert_eq!(paths.iter().map(|row| row["path"].as_str().expect("text")).collect::<Vec<_>>(), good);

    let metrics = ["--metrics", "energy", "--skip-bad", "--json"];
    let ended = run(&place, &[&["compare", "photos", "good.npy"], &metrics[..]].concat()).code(0);
    let answer: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!((&answer["n_real"], &answer["n_synthetic"]), (&good.len().into(), &good.len().into()));
    listed(&answer, &bad);
    let mut after = place.names("");
    after.retain(|name| !["e.npy", "e.rows.jsonl"].contains(&name.as_str()));
    assert_eq!(after, before, "nothing half-written is left");
}

#[cfg(feature = "flex")]
#[test]
fn a_neural_embedder_leaves_out_the_same_files() {
    let (place, good) = place();
    for (name, bytes, _) in faults() {
        place.write(&format!("photos/{name}"), bytes);
    }
    let weights: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../synth-embed/tests/goldens/models/dinov2");
    let weights = weights.to_str().expect("unicode");
    let model = ["--model", "dinov2", "--weights", weights, "--device", "flex"];
    let embed = [&["embed", "photos", "--out", "e.npy"], &model[..]].concat();
    run(&place, &embed).code(2).says(&["`photos/claim.jpg`", SKIP]);
    assert_eq!(place.names(""), ["photos"]);
    let ended = run(&place, &[&embed[..], &["--skip-bad", "--json"]].concat()).code(0);
    let answer: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!((&answer["n"], left_out(&answer).len()), (&good.len().into(), faults().len()));
}

#[test]
fn a_folder_of_nothing_good_leaves_nothing() {
    let place = Place::new();
    place.write("photos/text.png", "this is no image");
    place.write("photos/photo.gif", gif(8));
    let embed = |more: &[&str]| place.run(&[&["embed", "photos", "--out", "e.npy"], more].concat());
    embed(&["--skip-bad"]).code(2).says(&["`photos` needs at least 1 readable image, got 0"]);
    fs::remove_file(place.path("photos/text.png")).expect("there");
    embed(&[])
        .code(2)
        .says(&["needs at least 1 image, got 0", "hint: images are files whose names end in .png"]);
    assert_eq!(place.names(""), ["photos"]);
}

/// It is an image, but none that `features` can tell anything of.
#[test]
fn an_image_that_the_embedder_refuses_is_left_out_too() {
    let place = Place::new();
    (0..3).for_each(|kind| place.image(&format!("photos/{kind}.png"), 64, kind));
    place.image("photos/1_small.png", 8, 1);
    let embed = |more: &[&str]| place.run(&[&["embed", "photos", "--out", "e.npy"], more].concat());
    embed(&[]).code(2).says(&["`photos/1_small.png`", "at least 16 px a side, got 8 x 8", SKIP]);
    let skip = ["--skip-bad", "--json"];
    for says in ["3 images, 216 numbers each, 1 left out", "has these rows already; nothing to do"] {
        let ended =
            embed(&skip).code(0).says(&[says, "warning: left out: `photos/1_small.png`: cannot be embedded"]);
        let answer: Value = serde_json::from_str(&ended.stdout).expect("JSON");
        assert_eq!((&answer["n"], left_out(&answer).len()), (&3.into(), 1));
    }
    embed(&[]).code(2).says(&["`photos/1_small.png`", SKIP]);
    let ended =
        place.run(&[&["compare", "photos", "e.npy", "--metrics", "energy"], &skip[..]].concat()).code(0);
    let answer: Value = serde_json::from_str(&ended.stdout).expect("JSON");
    assert_eq!((&answer["n_real"], left_out(&answer).len()), (&3.into(), 1));
    place.image("photos/9.png", 64, 9);
    embed(&skip).code(2).says(&["matrix of other rows"]);
}

#[test]
fn what_was_finished_before_a_bad_file_is_kept() {
    let place = Place::new();
    (0..257).for_each(|kind| place.image(&format!("photos/{kind:03}.png"), 16, kind));
    place.write("photos/256.png", "this is no image");
    let embed = |more: &[&str]| place.run(&[&["embed", "photos", "--out", "e.npy"], more].concat());
    embed(&[]).code(2).says(&["photos/256.png", SKIP, "hint: give the same command again to go on"]);
    assert_eq!(place.names(""), ["e.npy.partial", "photos"]);
    embed(&["--skip-bad"]).code(0).says(&["256 images, 216 numbers each, 1 left out"]);
    assert_eq!(place.names(""), ["e.npy", "e.rows.jsonl", "photos"]);
}
