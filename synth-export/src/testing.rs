//! Small samples for this crate's own tests.

use std::collections::BTreeMap;

use image::{DynamicImage, GrayImage, Luma};
use synth_core::{
    Annotation, Instance, ParameterSet, ParameterValue, Provenance, Request, Rle, Sample, Seed, Segmentation,
};

pub(crate) fn instance(rle: Rle) -> Annotation {
    Annotation::Instance(Instance {
        category: "void".into(),
        bbox: [0.0, 0.0, 1.0, 1.0],
        area: rle.area(),
        visible: rle.area() > 0,
        segmentation: Segmentation::Rle(rle),
        attributes: BTreeMap::from([("angle".to_owned(), ParameterValue::Float(12.5))]),
    })
}

/// A 4 × 3 image that depends on `index`, with one labelled pixel.
pub(crate) fn sample(index: u64) -> Sample<DynamicImage> {
    let image = GrayImage::from_fn(4, 3, |x, y| Luma([(index as u8).wrapping_mul(31) ^ (x * 3 + y) as u8]));
    let params = ParameterSet::new().with("void_count", 8).with("base_size", 0.1 + index as f64);
    let rle = Rle::new([3, 4], vec![index as u32 % 12, 1, 11 - index as u32 % 12]).expect("twelve pixels");
    Sample {
        item: DynamicImage::ImageLuma8(image),
        annotations: vec![instance(rle)],
        provenance: Provenance {
            generator: "toy-1".into(),
            request: Request::new(params, Seed::from_u64(1), index),
            inputs: BTreeMap::from([("base_image".to_owned(), "die_1".to_owned())]),
            uncontrolled: BTreeMap::from([("rotation".to_owned(), ParameterValue::Float(0.1 + 0.2))]),
        },
    }
}
