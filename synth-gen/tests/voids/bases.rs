//! Base images: their sizes, their pixel types, and which one is taken.

use std::collections::BTreeMap;

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
use synth_core::{Generator, GeneratorExt, ParameterSet, Request, Seed};
use synth_gen::{BaseImage, VoidsParams, builtin_chips};

use super::{bare, draw, flat, set};

#[test]
fn no_voids_give_the_base_itself() {
    let bases = builtin_chips(40).expect("valid");
    let voids = bare().build(bases.clone()).expect("valid");
    let sample = draw(&voids, set("circle", 0, 8.0, 0.0, 0.5), 0);
    let base = bases.iter().find(|base| base.id == sample.provenance.inputs["base_image"]);
    assert_eq!(base.map(|base| &base.image), Some(&sample.item));
    assert!(sample.annotations.is_empty());
}

#[test]
fn a_pixels_type_does_not_change_its_shade() {
    let grey = GrayImage::from_fn(90, 70, |x, y| Luma([(x * 2 + y) as u8]));
    let rgb = RgbImage::from_fn(90, 70, |x, y| Rgb([grey.get_pixel(x, y).0[0]; 3]));
    let deep = ImageBuffer::from_fn(90, 70, |x, y| Luma([u16::from(grey.get_pixel(x, y).0[0]) * 257]));
    let deep_rgb = ImageBuffer::from_fn(90, 70, |x, y| Rgb([u16::from(grey.get_pixel(x, y).0[0]) * 257; 3]));
    let shaded = |image: DynamicImage| {
        let voids = VoidsParams::default().build(vec![BaseImage::new("a", image)]).expect("valid");
        let sample = draw(&voids, ParameterSet::new(), 5);
        (sample.item, sample.annotations)
    };
    let (grey, labels) = shaded(DynamicImage::ImageLuma8(grey));
    let (rgb, rgb_labels) = shaded(DynamicImage::ImageRgb8(rgb));
    let (deep, deep_labels) = shaded(DynamicImage::ImageLuma16(deep));
    let (deep_rgb, _) = shaded(DynamicImage::ImageRgb16(deep_rgb));
    assert!(labels == rgb_labels && labels == deep_labels);
    let (grey, DynamicImage::ImageRgb8(rgb)) = (grey.to_luma8(), rgb) else {
        panic!("the pixel type changed")
    };
    let DynamicImage::ImageLuma16(deep) = deep else { panic!("the pixel type changed") };
    let DynamicImage::ImageRgb16(deep_rgb) = deep_rgb else { panic!("the pixel type changed") };
    for (x, y, &Luma([level])) in grey.enumerate_pixels() {
        assert_eq!(rgb.get_pixel(x, y).0, [level; 3]);
        assert_eq!(deep_rgb.get_pixel(x, y).0, [deep.get_pixel(x, y).0[0]; 3]);
        assert!((f64::from(deep.get_pixel(x, y).0[0]) / 257.0 - f64::from(level)).abs() < 0.6);
    }
}

#[test]
fn bases_of_different_sizes_each_give_their_own() {
    let mut bases = flat(40, 90, 500);
    bases.push(BaseImage::new(
        "wide",
        DynamicImage::ImageRgb8(RgbImage::from_pixel(130, 33, Rgb([9, 90, 200]))),
    ));
    let voids = VoidsParams::default().build(bases).expect("valid");
    let requests: Vec<Request> =
        (0..40).map(|index| Request::new(ParameterSet::new(), Seed::from_u64(1), index)).collect();
    let mut seen = BTreeMap::new();
    for sample in voids.generate(&requests).expect("valid") {
        let sample = sample.expect("drawn");
        *seen.entry((sample.item.width(), sample.provenance.inputs["base_image"].clone())).or_insert(0) += 1;
    }
    let keys: Vec<(u32, &str)> = seen.keys().map(|(width, id)| (*width, id.as_str())).collect();
    assert_eq!(keys, [(40, "flat"), (130, "wide")]);
}

#[test]
fn pinning_the_base_that_is_drawn_changes_nothing() {
    let voids = VoidsParams::default().build(builtin_chips(64).expect("valid")).expect("valid");
    let mut request = Request::new(ParameterSet::new(), Seed::from_u64(6), 3);
    let free = voids.generate_one(&request).expect("valid");
    request.pins.insert("base_image".to_owned(), free.provenance.inputs["base_image"].clone());
    let pinned = voids.generate_one(&request).expect("valid");
    assert_eq!((pinned.item, pinned.annotations), (free.item, free.annotations));
}
