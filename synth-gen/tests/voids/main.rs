//! Void images and their labels, checked from outside: against geometry, against each other, and
//! against hashes that hold on every machine.

mod bases;
mod geometry;
mod golden;
mod labels;
mod limits;

use image::{DynamicImage, ImageBuffer, Luma};
use synth_core::{
    Annotation, GeneratorExt, Instance, ParameterSet, ParameterValue, Request, Sample, Seed, Segmentation,
};
use synth_gen::{BaseImage, Bounds, Voids, VoidsParams};

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
