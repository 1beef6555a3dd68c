//! Void images and their labels, checked from outside: against geometry, against each other, and
//! against hashes that hold on every machine.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
use proptest::prelude::*;
use synth_core::{
    Annotation, Error, Generator, GeneratorExt, Instance, ParameterSet, ParameterValue, Request, Sample,
    Seed, Segmentation,
};
use synth_gen::{BaseImage, Bounds, VoidShape, Voids, VoidsParams, builtin_chips};

fn flat(width: u32, height: u32, level: u16) -> Vec<BaseImage> {
    let image = ImageBuffer::from_pixel(width, height, Luma([level]));
    vec![BaseImage::new("flat", DynamicImage::ImageLuma16(image))]
}

/// Geometry alone: no blur, no outline, wide bounds.
fn bare() -> VoidsParams {
    VoidsParams {
        void_count: Bounds::new(0, 400),
        base_size: Bounds::new(0.0, 400.0),
        brightness_factor: Bounds::new(0.0, 4.0),
        position_spread: Bounds::new(0.0, 1.0),
        edge_blur: 0.0,
        outline: 0.0,
        ..VoidsParams::default()
    }
}

fn set(shape: &str, count: i64, base_size: f64, size_std: f64, spread: f64) -> ParameterSet {
    ParameterSet::new()
        .with("void_shape", shape)
        .with("void_count", count)
        .with("base_size", base_size)
        .with("size_std", size_std)
        .with("position_spread", spread)
        .with("brightness_factor", 0.5)
}

fn draw(voids: &Voids, params: ParameterSet, index: u64) -> Sample<DynamicImage> {
    voids.generate_one(&Request::new(params, Seed::from_u64(11), index)).expect("a valid request")
}

fn instances(sample: &Sample<DynamicImage>) -> Vec<&Instance> {
    let annotations = sample.annotations.iter();
    annotations
        .map(|annotation| match annotation {
            Annotation::Instance(instance) => instance,
            other => panic!("{other:?} is no instance"),
        })
        .collect()
}

fn mask(instance: &Instance) -> Vec<bool> {
    match &instance.segmentation {
        Segmentation::Rle(rle) => rle.to_mask(),
        other => panic!("{other:?} is no run-length code"),
    }
}

fn number(instance: &Instance, name: &str) -> f64 {
    match instance.attributes.get(name) {
        Some(ParameterValue::Float(value)) => *value,
        other => panic!("{name} is {other:?}"),
    }
}

/// Whether a void covers a point, from its attributes alone.
fn covers(void: &Instance, x: f64, y: f64) -> bool {
    let (dx, dy) = (x - number(void, "centre_x"), y - number(void, "centre_y"));
    let angle = number(void, "angle_deg").to_radians();
    let (along, across) = (dx * angle.cos() + dy * angle.sin(), dy * angle.cos() - dx * angle.sin());
    if !void.attributes.contains_key("radius_00") {
        let (a, b) = (number(void, "radius"), number(void, "radius_minor"));
        return (along / a).powi(2) + (across / b).powi(2) <= 1.0;
    }
    let corner = |k: usize| {
        let (radius, at) = (number(void, &format!("radius_{:02}", k % 12)), k as f64 * PI / 6.0);
        (radius * at.cos(), radius * at.sin())
    };
    let sector = (across.atan2(along).rem_euclid(2.0 * PI) / (PI / 6.0)) as usize % 12;
    let ((ax, ay), (bx, by)) = (corner(sector), corner(sector + 1));
    (bx - ax) * (across - ay) - (by - ay) * (along - ax) >= 0.0
}

/// Share of a pixel that a void covers, from 20 × 20 points.
fn coverage(void: &Instance, column: u32, row: u32) -> f64 {
    let at = |pixel: u32, i: usize| f64::from(pixel) + (i as f64 + 0.5) / 20.0;
    let inside = |i: usize| covers(void, at(column, i % 20), at(row, i / 20));
    (0..400).filter(|&i| inside(i)).count() as f64 / 400.0
}

#[test]
fn labels_are_where_the_geometry_covers_half_a_pixel_and_later_voids_lie_on_top() {
    let (width, height) = (70, 50);
    let voids = bare().build(flat(width, height, 60_000)).expect("valid");
    for (shape, index) in [("circle", 0), ("ellipse", 1), ("irregular", 2), ("irregular", 3)] {
        let sample = draw(&voids, set(shape, 6, 9.0, 4.0, 0.9), index);
        let instances = instances(&sample);
        let masks: Vec<Vec<bool>> = instances.iter().map(|instance| mask(instance)).collect();
        let mut near_half = 0;
        for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
            let shares: Vec<f64> = instances.iter().map(|void| coverage(void, column, row)).collect();
            if shares.iter().any(|share| (share - 0.5).abs() < 0.06) {
                near_half += 1;
                continue;
            }
            let expected = shares.iter().rposition(|&share| share >= 0.5);
            let at = (row * width + column) as usize;
            let labelled: Vec<usize> = (0..masks.len()).filter(|&void| masks[void][at]).collect();
            assert_eq!(labelled, Vec::from_iter(expected), "{shape}: pixel ({column}, {row})");
        }
        assert!(near_half < 200, "{shape}: {near_half} pixels are too close to call");
    }
}

#[test]
fn one_circle_darkens_its_exact_area() {
    let voids = bare().build(flat(200, 160, 60_000)).expect("valid");
    for radius in [1.0, 2.5, 10.0, 33.3] {
        let params = set("circle", 1, radius, 0.0, 0.0);
        // The centre is the first pixel's: a quarter of the circle, two strips and a square of half a pixel.
        let sample = draw(&voids, params, 0);
        let lost: f64 =
            sample.item.to_luma16().iter().map(|&value| (60_000.0 - f64::from(value)) / 30_000.0).sum();
        let half = |at: f64| {
            0.5 * (at * (radius * radius - at * at).sqrt() + radius * radius * (at / radius).asin())
        };
        let expected = PI * radius * radius / 4.0 + 2.0 * half(0.5) + 0.25;
        assert!((lost - expected).abs() < 0.02 * radius.sqrt(), "{radius}: {lost}, not {expected}");
    }
}

#[test]
fn ellipses_cover_their_area_wherever_they_lie() {
    let params = VoidsParams { centred: true, brightness_factor: Bounds::new(0.0, 1.0), ..bare() };
    let voids = params.build(flat(160, 160, 60_000)).expect("valid");
    for (shape, ratio) in [("circle", 1.0), ("ellipse", 0.6)] {
        for index in 0..30 {
            let sample = draw(&voids, set(shape, 1, 20.0, 3.0, 0.4), index);
            let radius = number(instances(&sample)[0], "radius");
            let lost: f64 =
                sample.item.to_luma16().iter().map(|&value| (60_000.0 - f64::from(value)) / 30_000.0).sum();
            let expected = PI * radius * radius * ratio;
            // Each of about 7 r border pixels is rounded to 1/255.
            assert!((lost / expected - 1.0).abs() < 3e-4, "{shape} {radius}: {lost}, not {expected}");
        }
    }
}

#[test]
fn the_outline_moves_the_edge_and_the_blur_keeps_the_area() {
    let area = |outline: f64, edge_blur: f64| -> f64 {
        let params = VoidsParams { centred: true, outline, edge_blur, ..bare() };
        let voids = params.build(flat(160, 160, 60_000)).expect("valid");
        let sample = draw(&voids, set("circle", 1, 20.0, 0.0, 0.0), 0);
        sample.item.to_luma16().iter().map(|&value| (60_000.0 - f64::from(value)) / 30_000.0).sum()
    };
    for (outline, edge_blur) in [(0.0, 2.0), (0.62, 0.0), (0.62, 2.0), (0.0, 10.0)] {
        let expected = PI * (20.0 + outline) * (20.0 + outline);
        let got = area(outline, edge_blur);
        // The widest blur cuts the most products, each to 16 bits.
        assert!((got / expected - 1.0).abs() < 2e-3, "{outline}, {edge_blur}: {got}, not {expected}");
    }
}

#[test]
fn hidden_voids_keep_their_record() {
    let voids = bare().build(flat(64, 64, 200)).expect("valid");
    let sample = draw(&voids, set("circle", 5, 8.0, 0.0, 0.0), 0);
    let instances = instances(&sample);
    assert_eq!(instances.len(), 5);
    for void in &instances[..4] {
        assert_eq!((void.area, void.visible, void.bbox), (0, false, [0.0; 4]));
        assert!(!mask(void).contains(&true));
        assert!((number(void, "radius") - 8.0).abs() < 1e-12);
    }
    assert!(instances[4].visible && instances[4].area > 0);
}

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

#[test]
fn without_labels_the_image_is_the_same() {
    let bases = builtin_chips(64).expect("valid");
    let with = VoidsParams::default().build(bases.clone()).expect("valid");
    let without = VoidsParams { labels: false, ..VoidsParams::default() }.build(bases).expect("valid");
    let (with, without) = (draw(&with, ParameterSet::new(), 1), draw(&without, ParameterSet::new(), 1));
    assert_eq!(with.item, without.item);
    assert!(without.annotations.is_empty());
}

#[test]
fn warns_where_a_void_can_hide_the_image() {
    let voids = VoidsParams::default().build(builtin_chips(48).expect("valid")).expect("valid");
    let warn = |base_size: f64| voids.warnings(&ParameterSet::new().with("base_size", base_size));
    assert!(warn(24.0).expect("inside").is_empty());
    let warnings = warn(24.5).expect("inside");
    assert!(warnings[0].contains("base_size 24.5 px is more than half of the 48 px side"), "{warnings:?}");
    assert!(warn(99.0).is_err());
}

#[test]
fn rejects_bases_that_cannot_be_drawn_on() {
    let build =
        |bases: Vec<BaseImage>| VoidsParams::default().build(bases).map(|_| ()).expect_err("must be refused");
    assert!(build(vec![]).to_string().contains("at least one image"));
    let grey = |width, height| DynamicImage::ImageLuma8(GrayImage::new(width, height));
    for (width, height) in [(31, 64), (64, 31), (4097, 32)] {
        let error = build(vec![BaseImage::new("odd", grey(width, height))]);
        let text = error.to_string();
        assert!(text.contains("`base image `odd``") && text.contains("32 to 4096 px"), "{text}");
    }
    for image in [DynamicImage::new_rgba8(40, 40), DynamicImage::new_rgb32f(40, 40)] {
        let text = build(vec![BaseImage::new("a", image)]).to_string();
        assert!(text.contains("8- or 16-bit grey or RGB"), "{text}");
    }
    let twice = build(vec![BaseImage::new("a", grey(40, 40)), BaseImage::new("a", grey(40, 40))]);
    assert!(matches!(twice, Error::AlreadyExists { .. }), "{twice}");
}

#[test]
fn extremes_are_drawn_without_fuss() {
    let chips = builtin_chips(32).expect("valid");
    let params = VoidsParams { edge_blur: 10.0, outline: 4.0, ..bare() };
    let voids =
        VoidsParams { base_size: Bounds::new(0.0, 4096.0), size_std: Bounds::new(0.0, 1024.0), ..params }
            .build(chips)
            .expect("valid");
    for shape in VoidShape::ALL {
        for (count, base_size, size_std) in [(400, 0.0, 0.0), (3, 4096.0, 1024.0), (400, 50.0, 1024.0)] {
            for brightness in [0.0, 4.0] {
                let params =
                    set(shape.name(), count, base_size, size_std, 1.0).with("brightness_factor", brightness);
                let sample = draw(&voids, params, 0);
                assert_eq!(sample.annotations.len() as i64, count);
            }
        }
    }
}

/// The bytes of images and labels over shapes, pixel types, odd sizes and options.
fn fingerprint() -> String {
    let ramp = |x: u32, y: u32| (x * 613 + y * 389) as u16;
    let mut bases = builtin_chips(224).expect("valid");
    bases.extend(
        builtin_chips(33)
            .expect("valid")
            .into_iter()
            .map(|chip| BaseImage::new(format!("s{}", chip.id), chip.image)),
    );
    bases.push(BaseImage::new(
        "deep",
        DynamicImage::ImageLuma16(ImageBuffer::from_fn(301, 77, |x, y| Luma([ramp(x, y)]))),
    ));
    bases.push(BaseImage::new(
        "rgb",
        DynamicImage::ImageRgb8(RgbImage::from_fn(65, 640, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]))),
    ));
    bases.push(BaseImage::new(
        "deep_rgb",
        DynamicImage::ImageRgb16(ImageBuffer::from_fn(64, 64, |x, y| Rgb([ramp(x, y), ramp(y, x), 7]))),
    ));
    let mut hasher = blake3::Hasher::new();
    for (centred, edge_blur, brightness) in [(false, 2.0, 0.8), (true, 7.5, 1.8), (false, 0.0, 0.5)] {
        let params = VoidsParams {
            centred,
            edge_blur,
            brightness_factor: Bounds::new(0.3, brightness),
            ..VoidsParams::default()
        };
        let voids = params.build(bases.clone()).expect("valid");
        let seed = Seed::from_u64(2026);
        let request = |index: u64| Request::new(voids.space().draw(&mut seed.stream(index)), seed, index);
        let requests: Vec<Request> = (0..60).map(request).collect();
        for sample in voids.generate(&requests).expect("valid") {
            let sample = sample.expect("drawn");
            hasher.update(sample.item.as_bytes());
            hasher.update(&serde_json::to_vec(&sample.annotations).expect("serialises"));
            hasher.update(&serde_json::to_vec(&sample.provenance).expect("serialises"));
        }
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

#[test]
fn bytes_are_the_same_on_every_machine() {
    assert_eq!(fingerprint(), "d8051a4e7b068e1a0e11fb24b05c4455");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn labels_are_consistent(
        shape in prop::sample::select(VoidShape::ALL.to_vec()),
        count in 0_i64..40,
        base_size in 0.0..60.0_f64,
        size_std in 0.0..15.0_f64,
        spread in 0.0..1.0_f64,
        size in (32_u32..200, 32_u32..200),
        index in 0_u64..1000,
    ) {
        let voids = bare().build(flat(size.0, size.1, 1000)).expect("valid");
        let sample = draw(&voids, set(shape.name(), count, base_size, size_std, spread), index);
        let instances = instances(&sample);
        prop_assert_eq!(instances.len() as i64, count);
        let (mut owner, samples) = (vec![false; (size.0 * size.1) as usize], sample.item.to_luma16());
        for void in &instances {
            let mask = mask(void);
            let pixels: Vec<(u32, u32)> = (0..size.0 * size.1)
                .filter(|&at| mask[at as usize])
                .map(|at| (at % size.0, at / size.0))
                .collect();
            prop_assert_eq!(void.area, pixels.len() as u64);
            prop_assert_eq!(void.visible, !pixels.is_empty());
            let bound = |axis: fn(&(u32, u32)) -> u32| {
                let values = pixels.iter().map(axis);
                values.clone().min().zip(values.max()).map_or((0, 0), |(low, high)| (low, high - low + 1))
            };
            let ((x, width), (y, height)) = (bound(|p| p.0), bound(|p| p.1));
            prop_assert_eq!(void.bbox, [x, y, width, height].map(f64::from));
            for &(x, y) in &pixels {
                let at = (y * size.0 + x) as usize;
                prop_assert!(!owner[at], "two instances share a pixel");
                owner[at] = true;
                // Half covered at least, so a quarter darker at least.
                prop_assert!(samples.get_pixel(x, y).0[0] <= 755);
            }
        }
        // Nothing else is more than half covered by one void, so full darkness is labelled.
        for (at, sample) in samples.iter().enumerate().filter(|(at, _)| !owner[*at]) {
            prop_assert!(*sample > 500, "an unlabelled pixel {} is fully dark", at);
        }
    }
}
