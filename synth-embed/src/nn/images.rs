//! From images to rows, in batches that no row depends on.

use std::fmt;

use burn::tensor::{Device, Tensor};
use image::DynamicImage;
use ndarray::Array2;
use rayon::prelude::*;
use synth_core::{Error, Result};

use super::Threads;
use crate::preprocess::Preprocessing;

/// Images that a device other than the processor takes at once. The last batch is filled up, so that
/// every product has the same number of rows.
const DEVICE_BATCH: usize = 32;

/// A network that maps prepared images to rows.
pub(crate) trait ImageNetwork: fmt::Debug + Send + Sync {
    /// Length of a row.
    fn dim(&self) -> usize;

    /// `pixels: [batch, 3, height, width]`, of the size that the network was built for, to `[batch, dim]`.
    fn forward(&self, pixels: &[f32], batch: usize, device: &Device, threads: Threads) -> Tensor<2>;
}

/// Prepares the images and embeds them: `[items, dim]`.
///
/// On the processor every image goes through the network alone. As many as fill the threads evenly run
/// side by side, the rest one after another with all threads each.
pub(crate) fn embed_images(
    network: &dyn ImageNetwork,
    preprocessing: &Preprocessing,
    device: &Device,
    items: &[&DynamicImage],
) -> Result<Array2<f32>> {
    let rows = if is_processor(device) {
        one_by_one(network, preprocessing, device, items)?
    } else {
        in_batches(network, preprocessing, device, items)?
    };
    Array2::from_shape_vec((items.len(), network.dim()), rows)
        .map_err(|error| Error::component("collecting embeddings", error))
}

fn is_processor(device: &Device) -> bool {
    #[cfg(feature = "flex")]
    return matches!(device.as_dispatch(), burn::backend::DispatchDevice::Flex(_));
    #[cfg(not(feature = "flex"))]
    {
        let _ = device;
        false
    }
}

fn one_by_one(
    network: &dyn ImageNetwork,
    preprocessing: &Preprocessing,
    device: &Device,
    items: &[&DynamicImage],
) -> Result<Vec<f32>> {
    let threads = rayon::current_num_threads();
    let (side_by_side, rest) = items.split_at(items.len() / threads * threads);
    let row = |item: &&DynamicImage, threads| {
        let pixels = prepared(preprocessing, std::slice::from_ref(item))?;
        values(network.forward(&pixels, 1, device, threads))
    };
    let first: Vec<Vec<f32>> =
        side_by_side.par_iter().map(|item| row(item, Threads::One)).collect::<Result<_>>()?;
    let last: Vec<Vec<f32>> = rest.iter().map(|item| row(item, Threads::All)).collect::<Result<_>>()?;
    Ok([first.concat(), last.concat()].concat())
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

fn values(rows: Tensor<2>) -> Result<Vec<f32>> {
    let data = rows.try_into_data().map_err(|error| Error::component("the device", error))?;
    data.try_into_vec_as::<f32>().map_err(|error| Error::component("reading a tensor back", error))
}
