//! Files that are wrong in one way each: every one is an error that names it, none a panic.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, RgbImage};
use synth_core::{Error, RunStore, StepFile};
use synth_export::{DecodeLimits, FolderImages, OnBadFile, RunDirectory, RunHead};

fn corpus(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bad").join(folder)
}

/// What the error of each bad image says.
const REASONS: [(&str, &str); 17] = [
    ("bomb.bmp", "Image too large"),
    ("bomb.png", "larger than the limits"),
    ("empty.png", "the file is empty"),
    ("end_only_in_thumbnail.jpg", "truncated image"),
    ("flipped_data.png", "damaged image"),
    ("flipped_header.png", "damaged image"),
    ("gif.png", "is Gif, which is not read; convert it to PNG"),
    ("huge.png", "50000 × 50000 px, larger than the limits for one image (32768 px a side, 512 MiB)"),
    ("no_pixels.png", "damaged image"),
    ("signature_only.png", "damaged image"),
    ("text.png", "not an image (PNG, JPEG"),
    ("truncated.bmp", "damaged image"),
    ("truncated.jpg", "truncated image"),
    ("truncated.png", "damaged image"),
    ("truncated.tif", "damaged image"),
    ("truncated.webp", "damaged image"),
    ("wide.png", "larger than the limits"),
];

#[test]
fn every_bad_image_is_listed_with_its_reason() {
    let folder = FolderImages::default().open(&corpus("images")).expect("readable");
    let (good, bad) = folder.load_all(OnBadFile::Collect).expect("collected");
    let good: Vec<&str> = good.iter().map(|image| image.path.as_str()).collect();
    assert!(good.is_empty(), "read as images: {good:?}");
    let bad: Vec<(&str, &str)> = bad.iter().map(|file| (file.path.as_str(), file.reason.as_str())).collect();
    assert_eq!(bad.len(), REASONS.len());
    for ((name, part), (path, reason)) in REASONS.iter().zip(bad) {
        assert_eq!(*name, path);
        assert!(reason.contains(part), "{name}: {reason}");
    }
}

#[test]
fn the_first_bad_image_is_the_error() {
    let folder = FolderImages::default().open(&corpus("images")).expect("readable");
    let error = folder.load_all(OnBadFile::Fail).expect_err("all are bad");
    assert!(matches!(&error, Error::Corrupt { path, .. } if path.ends_with("bomb.bmp")), "{error}");
}

#[test]
fn a_file_longer_than_the_limit_is_not_read() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("a.png");
    GrayImage::new(8, 8).save(&path).expect("writable");
    let bytes = fs::metadata(&path).expect("there").len();
    let load = |max_file_bytes| {
        let limits = DecodeLimits { max_file_bytes, ..DecodeLimits::default() };
        let folder =
            FolderImages { limits, ..FolderImages::default() }.open(directory.path()).expect("readable");
        folder.load(0).map(drop)
    };
    load(bytes).expect("within");
    let bad = load(bytes - 1).expect_err("longer");
    assert_eq!(bad.reason, format!("{bytes} bytes, more than the {} that a file may have", bytes - 1));
    assert!(matches!(bad.to_error(directory.path()), Error::Corrupt { .. }));
}

#[test]
fn good_images_keep_their_pixels_and_have_hashes() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let grey = DynamicImage::ImageLuma8(GrayImage::from_fn(5, 4, |x, y| Luma([(x * 50 + y) as u8])));
    let deep = ImageBuffer::from_fn(5, 4, |x, y| Luma([(x * 13_000 + y) as u16]));
    let deep = DynamicImage::ImageLuma16(deep);
    let colour = RgbImage::from_fn(5, 4, |x, y| image::Rgb([x as u8 * 9, y as u8 * 9, 200]));
    let colour = DynamicImage::ImageRgb8(colour);
    let images = [("a/deep.tiff", &deep), ("deep.png", &deep), ("grey.bmp", &grey), ("rgb.webp", &colour)];
    fs::create_dir(directory.path().join("a")).expect("writable");
    for (name, image) in images {
        image.save(directory.path().join(name)).expect("writable");
    }
    fs::write(
        directory.path().join("groups.csv"),
        "file,group\ngrey.bmp,w1\nrgb.webp,w1\ndeep.png,w2\na/deep.tiff,w2\n",
    )
    .expect("writable");
    let folder = FolderImages::default().open(directory.path()).expect("readable");
    let (loaded, _) = folder.load_all(OnBadFile::Fail).expect("all good");
    assert_eq!(loaded.len(), 4);
    for ((name, image), loaded) in images.iter().zip(&loaded) {
        assert_eq!(loaded.path, *name);
        let bytes = fs::read(directory.path().join(name)).expect("there");
        assert_eq!(loaded.blake3, blake3::hash(&bytes).to_hex().to_string());
        if *name == "grey.bmp" {
            assert_eq!(loaded.image.to_luma8(), image.to_luma8());
        } else {
            assert_eq!(&&loaded.image, image, "{name}");
        }
    }
    let groups: Vec<&str> = loaded.iter().map(|image| image.group.as_str()).collect();
    assert_eq!(groups, ["w2", "w2", "w1", "w1"]);
}

#[test]
fn an_empty_folder_is_an_error() {
    let directory = tempfile::tempdir().expect("temporary directory");
    fs::write(directory.path().join("readme.txt"), "no image").expect("writable");
    let error = FolderImages::default().open(directory.path()).expect_err("no image");
    assert!(matches!(error, Error::TooFewSamples { needed: 1, got: 0, .. }), "{error}");
}

fn head() -> RunHead {
    RunHead { config: "seed: 1\n".into(), about: BTreeMap::new() }
}

/// A run with one finished step.
fn run() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("temporary directory");
    let path = directory.path().join("run");
    let run = RunDirectory::create(&path, &head()).expect("writable");
    run.save("one", &[StepFile { path: "one/a.json".into(), bytes: b"{}".to_vec() }]).expect("writable");
    (directory, path)
}

#[test]
fn every_bad_manifest_is_named_and_can_be_mended() {
    let mut seen = 0;
    for entry in fs::read_dir(corpus("manifests")).expect("corpus") {
        let (_keep, path) = run();
        let bad = entry.expect("corpus").path();
        fs::copy(&bad, path.join("manifest.json")).expect("writable");
        for error in [RunDirectory::resume(&path, &head()), RunDirectory::open(&path)].map(Result::unwrap_err)
        {
            let text = error.to_string();
            assert!(matches!(error, Error::Corrupt { .. }), "{}: {text}", bad.display());
            assert!(text.contains("manifest.json") && text.contains("copy `manifest.json.bak`"), "{text}");
        }
        // What the error says helps, and nothing was lost.
        fs::copy(path.join("manifest.json.bak"), path.join("manifest.json")).expect("writable");
        let mended = RunDirectory::resume(&path, &head()).expect("mended");
        assert_eq!(mended.steps().expect("readable"), ["one"]);
        assert!(mended.verify().is_empty());
        seen += 1;
    }
    assert_eq!(seen, 10, "the corpus is complete");
}

#[test]
fn a_lost_manifest_is_no_fresh_start() {
    let (_keep, path) = run();
    fs::remove_file(path.join("manifest.json")).expect("there");
    let error = RunDirectory::resume(&path, &head()).expect_err("lost").to_string();
    assert!(error.contains("copy `manifest.json.bak`"), "{error}");
    fs::remove_file(path.join("manifest.json.bak")).expect("there");
    let error = RunDirectory::resume(&path, &head()).expect_err("other files are there");
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    assert!(path.join("one/a.json").is_file(), "nothing is lost");
}

#[test]
fn an_altered_configuration_is_named() {
    let (_keep, path) = run();
    fs::write(path.join("config.yaml"), "seed: 3\n").expect("writable");
    let error = RunDirectory::resume(&path, &head()).expect_err("altered");
    assert!(matches!(&error, Error::Corrupt { path, .. } if path.ends_with("config.yaml")), "{error}");
}

#[test]
fn a_users_own_config_is_not_replaced() {
    let directory = tempfile::tempdir().expect("temporary directory");
    let config = directory.path().join("config.yaml");
    fs::write(&config, "# mine\nseed: 1\n").expect("writable");
    let error = RunDirectory::create(directory.path(), &head()).expect_err("a user's file");
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    assert_eq!(fs::read_to_string(&config).expect("there"), "# mine\nseed: 1\n");
}
