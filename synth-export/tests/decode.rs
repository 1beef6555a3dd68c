//! Files of many kinds become the pixels that Pillow makes of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use image::{ColorType, DynamicImage};
use synth_core::ItemCodec;
use synth_export::{DecodeError, DecodeLimits, FolderImages, OnBadFile, PngCodec, decode_image};

fn data(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder)
}

fn decoded(path: &Path) -> DynamicImage {
    let bytes = fs::read(path).expect("there");
    decode_image(&bytes, None, &DecodeLimits::default()).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// Largest difference to Pillow's levels that a file's kind may have.
fn tolerance(name: &str) -> u8 {
    if name.ends_with(".jpg") { 2 } else { 0 }
}

#[test]
fn pixels_are_those_of_pillow() {
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(data("images")).expect("there") {
        let path = entry.expect("readable").path();
        let name = path.file_name().expect("a file").to_str().expect("UTF-8").to_owned();
        let (mut got, expected) = (decoded(&path), decoded(&data("expected").join(format!("{name}.png"))));
        if name == "rgb16.png" {
            assert_eq!(got.color(), ColorType::Rgb16);
            got = upper_bytes(&got);
        }
        assert_eq!(got.color(), expected.color(), "{name}");
        assert_eq!((got.width(), got.height()), (expected.width(), expected.height()), "{name}");
        let furthest = got.as_bytes().iter().zip(expected.as_bytes()).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(furthest <= Some(tolerance(&name)), "{name} differs by up to {furthest:?} levels");
        seen.insert(name);
    }
    assert_eq!(seen.len(), 28, "the files are complete");
}

/// What Pillow keeps of 16-bit RGB.
fn upper_bytes(image: &DynamicImage) -> DynamicImage {
    let image = image.as_rgb16().expect("16-bit RGB");
    let bytes = image.iter().map(|sample| (sample >> 8) as u8).collect();
    image::RgbImage::from_raw(image.width(), image.height(), bytes).expect("length").into()
}

#[test]
fn an_orientation_is_applied_once_and_changes_no_name() {
    let folder = FolderImages::default().open(&data("images")).expect("readable");
    let (images, _) = folder.load_all(OnBadFile::Fail).expect("all good");
    let turned = images.iter().find(|image| image.path == "oriented_6.png").expect("there");
    let bytes = fs::read(data("images/oriented_6.png")).expect("there");
    assert_eq!(turned.blake3, blake3::hash(&bytes).to_hex().to_string());
    assert_eq!((turned.image.width(), turned.image.height()), (22, 37));
    // Written again, there is no tag that could turn it once more.
    let again = PngCodec.encode(&turned.image).expect("encodes");
    assert_eq!(PngCodec.decode(&again).expect("decodes"), turned.image);
}

#[test]
fn a_quarter_turn_counts_twice_against_the_limit() {
    let (upright, turned) = (data("images/oriented_1.jpg"), data("images/oriented_6.jpg"));
    let limits = DecodeLimits { max_alloc_bytes: 37 * 22 * 3, ..DecodeLimits::default() };
    let decode = |path: &Path| decode_image(&fs::read(path).expect("there"), None, &limits);
    assert!(decode(&upright).is_ok());
    let error = decode(&turned).expect_err("two images");
    assert!(matches!(&error, DecodeError::TooLarge { claimed_px: Some((37, 22)), .. }), "{error}");
}
