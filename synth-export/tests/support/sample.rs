//! A sample to write.

use std::collections::BTreeMap;

use image::{DynamicImage, GrayImage, Luma};
use synth_core::{ParameterSet, Provenance, Request, Sample, Seed};

/// A small sample without annotations.
pub(crate) fn sample(index: u64) -> Sample<DynamicImage> {
    let image = GrayImage::from_fn(4, 4, |x, y| Luma([(index * 40 + u64::from(x * 4 + y)) as u8]));
    Sample {
        item: DynamicImage::ImageLuma8(image),
        annotations: Vec::new(),
        provenance: Provenance {
            generator: "toy-1".into(),
            request: Request::new(ParameterSet::new().with("a", index as f64), Seed::from_u64(1), index),
            inputs: BTreeMap::new(),
            uncontrolled: BTreeMap::new(),
        },
    }
}
