//! An embedder of one's own, put beside the built-in one: which of the two sees a difference?
//!
//! The embedder describes an image by two histograms, of brightness and of slope. The void simulator
//! draws a real set and three synthetic ones: from the same distribution, with smaller voids, and
//! with voids closer together. Each MMD² to the real set comes with its standard error and the
//! p-value of a permutation test.
//!
//! Look at the p-values, without which the figures tell nothing: that of the same distribution may be
//! anything, those of the other two are small. MMD² of two embedders have no common unit; divided by
//! their errors they tell that histograms, which see no places, see less of voids closer together.
#![expect(clippy::print_stdout, reason = "an example is there to be read")]

use image::{DynamicImage, GrayImage};
use ndarray::Array2;
use synth_core::{
    Divergence, Embedder, EmbedderExt, EmbedderId, Embeddings, Generator, Request, Result, Seed,
};
use synth_embed::FeaturesParams;
use synth_gen::{VoidsParams, builtin_chips};
use synth_validate::fidelity::MmdParams;

const BINS: usize = 16;

/// Shares of pixels by brightness and by slope, 16 bins each.
#[derive(Debug)]
struct Histograms(EmbedderId);

impl Histograms {
    fn new() -> Self {
        // Change what it computes and change its name: rows of two identities are never compared.
        let (name, preprocessing) = ("histograms-1".to_owned(), "grey".to_owned());
        Self(EmbedderId { name, weights: None, preprocessing })
    }

    fn row(image: &GrayImage) -> [f32; 2 * BINS] {
        let (width, height) = image.dimensions();
        let share = 1.0 / (width * height).max(1) as f32;
        let mut row = [0.0; 2 * BINS];
        for (x, y, pixel) in image.enumerate_pixels() {
            let grey = pixel.0[0];
            let next = |x: u32, y: u32| image.get_pixel(x.min(width - 1), y.min(height - 1)).0[0];
            let slope = next(x + 1, y).abs_diff(grey).max(next(x, y + 1).abs_diff(grey));
            row[usize::from(grey) * BINS / 256] += share;
            row[BINS + usize::from(slope.min(63)) * BINS / 64] += share;
        }
        row
    }
}

impl Embedder<DynamicImage> for Histograms {
    fn identity(&self) -> &EmbedderId {
        &self.0
    }

    fn dim(&self) -> usize {
        2 * BINS
    }

    fn embed(&self, items: &[&DynamicImage]) -> Result<Array2<f32>> {
        // Each row from its own image: nothing of a batch can leak into another row.
        let rows: Vec<[f32; 2 * BINS]> = items.iter().map(|image| Self::row(&image.to_luma8())).collect();
        Ok(ndarray::arr2(&rows))
    }
}

/// `count` images of one chip; shape and places of the voids are drawn.
fn images(name: &str, count: u64, (radius_px, spread): (f64, f64)) -> Result<Vec<DynamicImage>> {
    let one_chip = builtin_chips(96)?.into_iter().take(1).collect();
    let voids = VoidsParams::default().build(one_chip)?;
    let seed = Seed::from_u64(1).derive(name);
    let request = |index| {
        let drawn = voids.space().draw(&mut seed.derive("params").stream(index));
        let fixed = drawn.with("void_count", 8).with("brightness_factor", 0.6).with("size_std", 2.0);
        Request::new(fixed.with("base_size", radius_px).with("position_spread", spread), seed, index)
    };
    let requests: Vec<Request> = (0..count).map(request).collect();
    let samples = voids.generate(&requests)?.into_iter().flatten();
    Ok(samples.map(|sample| sample.item).collect())
}

fn embed(embedder: &dyn Embedder<DynamicImage>, name: &str, images: &[DynamicImage]) -> Result<Embeddings> {
    let ids: Vec<String> = (0..images.len()).map(|i| format!("{name}_{i:03}")).collect();
    // Each image has its own parameter set, so each is its own group.
    embedder.embed_named(&images.iter().collect::<Vec<_>>(), ids.clone(), ids)
}

fn main() -> Result<()> {
    let real = images("real", 48, (8.0, 0.8))?;
    let synthetic = [("same", (8.0, 0.8)), ("smaller", (6.5, 0.8)), ("closer", (8.0, 0.7))];
    let embedders: [Box<dyn Embedder<DynamicImage>>; 2] =
        [Box::new(Histograms::new()), Box::new(FeaturesParams::default().build()?)];
    println!("{:<14} {:<8} {:>9} {:>9} {:>7}", "embedder", "voids", "MMD²", "± error", "p");
    for embedder in &embedders {
        let reference = embed(&**embedder, "real", &real)?;
        let fitted = MmdParams::default().build()?.fit(&reference, Seed::from_u64(1))?;
        for (name, params) in synthetic {
            let sample = embed(&**embedder, "synthetic", &images(name, 96, params)?)?;
            let estimate = fitted.estimate(&sample)?;
            let (error, p) = (estimate.std_error.unwrap_or(f64::NAN), estimate.p_value.unwrap_or(f64::NAN));
            let embedder = &embedder.identity().name;
            println!("{embedder:<14} {name:<8} {:>9.4} {error:>9.4} {p:>7.3}", estimate.value);
        }
    }
    Ok(())
}

/// One line proves the embedder right: a test per law.
#[cfg(test)]
mod conformance {
    use super::*;
    use synth_core::conformance::EmbedderCaps;

    fn caps() -> EmbedderCaps<DynamicImage> {
        let grey = DynamicImage::from(GrayImage::from_pixel(32, 32, image::Luma([90])));
        EmbedderCaps::new(images("conformance", 3, (8.0, 0.8)).expect("images")).with_constant(grey)
    }

    synth_core::embedder_conformance!(|| Box::new(Histograms::new()), caps());
}
