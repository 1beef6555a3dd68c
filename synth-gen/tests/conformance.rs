//! The laws of every generator, held to the voids: as they come, and on bases of every pixel type and
//! several sizes, centred and lightened, without labels.

use image::{DynamicImage, ImageBuffer, Luma, Rgb, RgbImage};
use synth_core::conformance::GeneratorCaps;
use synth_core::{Generator, generator_conformance};
use synth_gen::{BaseImage, Bounds, VoidsParams, builtin_chips};

type Images = Box<dyn Generator<Item = DynamicImage>>;

fn build(params: &VoidsParams, bases: Vec<BaseImage>) -> Images {
    let text = serde_json::to_string(params).expect("serialises");
    let read: VoidsParams = serde_json::from_str(&text).expect("reads back");
    Box::new(read.build(bases).expect("valid parameters"))
}

fn caps(rebuilt: fn() -> Images) -> GeneratorCaps<DynamicImage> {
    GeneratorCaps {
        inputs: vec!["base_image".to_owned()],
        rebuilt: Some(rebuilt),
        ..GeneratorCaps::new(|image: &DynamicImage| image.as_bytes().to_vec())
    }
}

mod as_they_come {
    use super::*;

    fn chips() -> Vec<BaseImage> {
        builtin_chips(64).expect("a valid side")
    }

    fn made() -> Images {
        Box::new(VoidsParams::default().build(chips()).expect("valid parameters"))
    }

    generator_conformance!(made, caps(|| build(&VoidsParams::default(), chips())));
}

mod on_bases_of_every_kind {
    use super::*;

    fn params() -> VoidsParams {
        VoidsParams {
            centred: true,
            labels: false,
            brightness_factor: Bounds::new(0.2, 2.5),
            edge_blur: 5.5,
            outline: 0.0,
            ..VoidsParams::default()
        }
    }

    fn bases() -> Vec<BaseImage> {
        let deep = ImageBuffer::from_fn(90, 33, |x, y| Luma([(x * 613 + y * 389) as u16]));
        let colour = RgbImage::from_fn(40, 71, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]));
        let deep_colour = ImageBuffer::from_fn(64, 64, |x, y| Rgb([(x * 900) as u16, (y * 900) as u16, 7]));
        let mut bases = builtin_chips(48).expect("a valid side");
        bases.truncate(1);
        bases.push(BaseImage::new("deep", DynamicImage::ImageLuma16(deep)));
        bases.push(BaseImage::new("colour", DynamicImage::ImageRgb8(colour)));
        bases.push(BaseImage::new("deep_colour", DynamicImage::ImageRgb16(deep_colour)));
        bases
    }

    fn made() -> Images {
        Box::new(params().build(bases()).expect("valid parameters"))
    }

    generator_conformance!(made, caps(|| build(&params(), bases())));
}
