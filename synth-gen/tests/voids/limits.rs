//! The edges of what can be asked for, and what is refused.

use image::{DynamicImage, GrayImage};
use synth_core::{Error, ParameterSet};
use synth_gen::{BaseImage, Bounds, VoidShape, VoidsParams, builtin_chips};

use super::{bare, draw, set};

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
