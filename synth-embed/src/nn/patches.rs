//! From images to the tokens that enter a vision transformer.

use burn::tensor::{Device, Tensor, TensorData};

use super::{Linear, Threads};

/// The patches of one image `[3, height, width]`, each as a convolution's kernel has it: `[3, side, side]`,
/// row by row.
fn patches(pixels: &[f32], [height, width]: [usize; 2], side: usize) -> Vec<f32> {
    let mut patches = Vec::with_capacity(pixels.len());
    for (top, left) in
        (0..height / side).flat_map(|row| (0..width / side).map(move |column| (row * side, column * side)))
    {
        for line in
            (0..3).flat_map(|channel| (0..side).map(move |y| (channel * height + top + y) * width + left))
        {
            patches.extend_from_slice(&pixels[line..line + side]);
        }
    }
    patches
}

/// The patches of images `[batch, 3, height, width]` on the device, `[batch, patches, 3 · side²]`; what is
/// left over on the right and below is dropped.
pub(crate) fn patches_on(
    device: &Device,
    pixels: &[f32],
    batch: usize,
    size: [usize; 2],
    side: usize,
) -> Tensor<3> {
    let patches: Vec<f32> =
        pixels.chunks(pixels.len() / batch).flat_map(|image| patches(image, size, side)).collect();
    Tensor::from_data(
        TensorData::new(patches, [batch, size[0] / side * (size[1] / side), 3 * side * side]),
        device,
    )
}

/// What an image is before the first block: tokens of its own, then its patches at their positions
/// (Dosovitskiy et al. 2021).
#[derive(Clone, Debug)]
pub(crate) struct PatchTokens {
    pub(crate) patches: Linear,
    /// Class token, with its position, and registers, `[1, _, dim]`.
    pub(crate) prefix: Option<Tensor<3>>,
    /// `[1, patches, dim]`
    pub(crate) positions: Tensor<3>,
}

impl PatchTokens {
    /// `patches: [batch, patches, 3 · side²]` to `[batch, prefix + patches, dim]`.
    pub(crate) fn forward(&self, patches: Tensor<3>, threads: Threads) -> Tensor<3> {
        let batch = patches.dims()[0];
        let each = |x: &Tensor<3>| {
            let [_, rows, dim] = x.dims();
            x.clone().expand([batch, rows, dim])
        };
        let patches = self.patches.add_to(each(&self.positions), patches, threads);
        match &self.prefix {
            Some(prefix) => Tensor::cat(vec![each(prefix), patches], 1),
            None => patches,
        }
    }
}
