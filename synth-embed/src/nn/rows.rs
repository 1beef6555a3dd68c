//! What the drivers of images and texts share.

use burn::tensor::{Device, Tensor};
use ndarray::Array2;
use rayon::prelude::*;
use synth_core::{Error, Result};

use super::Threads;

/// Items that a device other than the processor takes at once. The last batch is filled up, so that
/// every product has the same number of rows.
pub(super) const DEVICE_BATCH: usize = 32;

/// Whether the device is burn's `flex`, beside which there are kernels of our own.
pub(crate) fn is_processor(device: &Device) -> bool {
    #[cfg(feature = "flex")]
    return matches!(device.as_dispatch(), burn::backend::DispatchDevice::Flex(_));
    #[cfg(not(feature = "flex"))]
    {
        let _ = device;
        false
    }
}

/// The rows of `count` items, one after another, each item on its own: as many as fill the threads evenly
/// run side by side, the rest one after another with all threads each.
pub(super) fn one_by_one(
    count: usize,
    row: impl Fn(usize, Threads) -> Result<Vec<f32>> + Sync,
) -> Result<Vec<f32>> {
    let threads = rayon::current_num_threads();
    let evenly = count / threads * threads;
    let first: Vec<Vec<f32>> =
        (0..evenly).into_par_iter().map(|item| row(item, Threads::One)).collect::<Result<_>>()?;
    let last: Vec<Vec<f32>> = (evenly..count).map(|item| row(item, Threads::All)).collect::<Result<_>>()?;
    Ok([first.concat(), last.concat()].concat())
}

pub(super) fn values(rows: Tensor<2>) -> Result<Vec<f32>> {
    let data = rows.try_into_data().map_err(|error| Error::component("the device", error))?;
    data.try_into_vec_as::<f32>().map_err(|error| Error::component("reading a tensor back", error))
}

/// `[items, dim]`, all of them finite.
pub(super) fn matrix(rows: Vec<f32>, items: usize, dim: usize) -> Result<Array2<f32>> {
    if let Some(at) = rows.iter().position(|value| !value.is_finite()) {
        let at = format!("item {}, column {}", at / dim, at % dim);
        return Err(Error::NonFinite { what: "the output of the network".into(), at });
    }
    Array2::from_shape_vec((items, dim), rows)
        .map_err(|error| Error::component("collecting embeddings", error))
}
