//! Writes a contact sheet to look at: the built-in chips, and one row of voids per shape, each with
//! its instances tinted below it.
//!
//! ```text
//! void_sheet OUT.png [SIDE]
//! ```

use std::env;
use std::error::Error;

use image::{DynamicImage, GenericImage, Rgb, RgbImage};
use synth_core::{Annotation, GeneratorExt, ParameterSet, Request, Sample, Seed, Segmentation};
use synth_gen::{VoidShape, VoidsParams, builtin_chips};

const COLUMNS: u32 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let out = arguments.next().ok_or("usage: void_sheet OUT.png [SIDE]")?;
    let side: u32 = arguments.next().map_or(Ok(224), |side| side.parse())?;
    let chips = builtin_chips(side)?;
    let mut sheet = RgbImage::new(COLUMNS * side, 7 * side);
    for (column, chip) in (0..).zip(&chips) {
        sheet.copy_from(&chip.image.to_rgb8(), column * side, 0)?;
    }
    let voids = VoidsParams::default().build(chips)?;
    for (row, shape) in (0..).zip(VoidShape::ALL) {
        for column in 0..COLUMNS {
            let params = ParameterSet::new().with("void_shape", shape.name()).with("position_spread", 0.8);
            let request = Request::new(params, Seed::from_u64(row), u64::from(column));
            let sample = voids.generate_one(&request)?;
            let top = (1 + 2 * row as u32) * side;
            sheet.copy_from(&sample.item.to_rgb8(), column * side, top)?;
            sheet.copy_from(&tinted(&sample), column * side, top + side)?;
        }
    }
    Ok(sheet.save(out)?)
}

fn tinted(sample: &Sample<DynamicImage>) -> RgbImage {
    let mut image = sample.item.to_rgb8();
    for (at, annotation) in sample.annotations.iter().enumerate() {
        let Annotation::Instance(instance) = annotation else { continue };
        let Segmentation::Rle(rle) = &instance.segmentation else { continue };
        let colour = [(at * 97 % 256) as u8, (at * 57 + 90) as u8, (at * 151 + 30) as u8];
        for (column, top, rows) in rle.column_runs() {
            for row in top..top + rows {
                let Rgb(pixel) = image.get_pixel_mut(column, row);
                pixel.iter_mut().zip(colour).for_each(|(sample, tint)| *sample = sample.midpoint(tint));
            }
        }
    }
    image
}
