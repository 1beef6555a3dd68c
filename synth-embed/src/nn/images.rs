//! From images to rows, in batches that no row depends on.

use std::fmt;
use std::path::Path;

use burn::tensor::{Device, Tensor};
use image::DynamicImage;
use ndarray::Array2;
use rayon::prelude::*;
use synth_core::{Error, Result};

use super::Threads;
use super::rows::{DEVICE_BATCH, is_processor, matrix, one_by_one, values};
use crate::preprocess::{Preprocessing, PreprocessingParams};

/// A network that maps prepared images to rows.
pub(crate) trait ImageNetwork: fmt::Debug + Send + Sync {
    /// Length of a row.
    fn dim(&self) -> usize;

    /// `pixels: [batch, 3, height, width]`, of the size that the network was built for, to `[batch, dim]`.
    fn forward(&self, pixels: &[f32], batch: usize, device: &Device, threads: Threads) -> Tensor<2>;
}

/// How images are prepared for a network that sees squares of `side_px`: as described beside its weights, else
/// as usual for its family.
///
/// # Errors
/// [`Error::InvalidParam`] for a description of another size; as [`PreprocessingParams::described_in`].
pub(crate) fn preprocessing_beside(
    weights: &Path,
    side_px: usize,
    usual: impl FnOnce(u32) -> PreprocessingParams,
) -> Result<Preprocessing> {
    let described = PreprocessingParams::described_in(weights.parent().unwrap_or(Path::new("")))?;
    let side = u32::try_from(side_px).unwrap_or(u32::MAX);
    let preprocessing = described.unwrap_or_else(|| usual(side)).build()?;
    let [height, width] = preprocessing.output_px();
    if [height, width] != [side_px; 2] {
        let expected =
            format!("{side} × {side} px in `preprocessor_config.json`, for the weights beside it see that");
        return Err(Error::invalid("crop_size", expected, format!("{width} × {height} px")));
    }
    Ok(preprocessing)
}

/// Prepares the images and embeds them: `[items, dim]`.
///
/// On the processor every image goes through the network alone.
pub(crate) fn embed_images(
    network: &dyn ImageNetwork,
    preprocessing: &Preprocessing,
    device: &Device,
    items: &[&DynamicImage],
) -> Result<Array2<f32>> {
    let rows = if is_processor(device) {
        one_by_one(items.len(), |item, threads| {
            let pixels = prepared(preprocessing, &items[item..=item])?;
            values(network.forward(&pixels, 1, device, threads))
        })?
    } else {
        in_batches(network, preprocessing, device, items)?
    };
    matrix(rows, items.len(), network.dim())
}

/// The next batch is prepared while the device works.
fn in_batches(
    network: &dyn ImageNetwork,
    preprocessing: &Preprocessing,
    device: &Device,
    items: &[&DynamicImage],
) -> Result<Vec<f32>> {
    let mut rows = Vec::with_capacity(items.len() * network.dim());
    let mut batches = items.chunks(DEVICE_BATCH);
    let mut ready = batches.next().map(|batch| prepared(preprocessing, batch)).transpose()?;
    while let Some(mut pixels) = ready {
        pixels.resize(DEVICE_BATCH * preprocessing.output_len(), 0.0);
        let next = batches.next();
        let (found, prepared) = rayon::join(
            || values(network.forward(&pixels, DEVICE_BATCH, device, Threads::All)),
            || next.map(|batch| prepared(preprocessing, batch)).transpose(),
        );
        rows.extend(found?);
        ready = prepared?;
    }
    rows.truncate(items.len() * network.dim());
    Ok(rows)
}

/// `[items, 3, height, width]`.
fn prepared(preprocessing: &Preprocessing, items: &[&DynamicImage]) -> Result<Vec<f32>> {
    let mut pixels = vec![0.0; items.len() * preprocessing.output_len()];
    items
        .par_iter()
        .zip(pixels.par_chunks_mut(preprocessing.output_len()))
        .try_for_each(|(item, out)| preprocessing.apply(item, out))?;
    Ok(pixels)
}
