use synth_core::{Error, Result};

use crate::nn::shapes;
use crate::weights::{Checkpoint, Weights};

/// For messages.
const MODEL: &str = "EfficientNet-Lite";

/// Stride of the first block of each stage; the others have 1.
const STRIDES: [usize; 7] = [1, 2, 2, 2, 1, 2, 1];
/// Of the published models: number of blocks, width of the last, side of the images in px.
const PUBLISHED: [(usize, usize, u32); 5] =
    [(16, 320, 224), (21, 320, 240), (21, 352, 260), (24, 384, 280), (30, 448, 300)];

/// What the shapes in a checkpoint say, and the strides, which they do not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Architecture {
    /// Channels after the first convolution.
    pub(super) stem: usize,
    pub(super) blocks: Vec<Block>,
    /// Channels after the last convolution.
    pub(super) head: usize,
    pub(super) classes: usize,
}

/// An inverted residual block: a pointwise convolution to `hidden` channels, a depthwise one, a pointwise
/// one to `outputs` (Sandler et al. 2018, "MobileNetV2: Inverted residuals and linear bottlenecks").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) inputs: usize,
    /// Equal to `inputs` in the first block, which has no first convolution.
    pub(super) hidden: usize,
    pub(super) outputs: usize,
    /// Side of the depthwise kernel: 3 or 5.
    pub(super) side: usize,
    pub(super) stride: usize,
}

impl Block {
    /// Whether what came in is added to what goes out.
    pub(super) fn is_residual(self) -> bool {
        self.stride == 1 && self.inputs == self.outputs
    }
}

/// Whether a checkpoint has the tensor by which the family is told.
pub(crate) fn is_one(checkpoint: &Checkpoint) -> bool {
    checkpoint.info("_conv_stem.weight").is_some()
}

impl Architecture {
    /// From the shapes. A stage ends where the width changes, which it does in all published models.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the tensor that is missing or has a shape of no EfficientNet-Lite.
    pub(super) fn of(weights: &Weights<'_>) -> Result<Self> {
        let stem = four(weights, "_conv_stem.weight")?[0];
        let mut blocks: Vec<Block> = Vec::new();
        let mut stage = 0;
        while weights.has(&format!("_blocks.{}._depthwise_conv.weight", blocks.len())) {
            let name = |part: &str| format!("_blocks.{}.{part}.weight", blocks.len());
            let inputs = blocks.last().map_or(stem, |block| block.outputs);
            let [hidden, _, side, _] = four(weights, &name("_depthwise_conv"))?;
            let [outputs, ..] = four(weights, &name("_project_conv"))?;
            let is_first = blocks.last().is_none_or(|last| last.outputs != outputs);
            if is_first && !blocks.is_empty() {
                stage += 1;
            }
            let is_wide_enough = !blocks.is_empty() || hidden == inputs;
            if !(matches!(side, 3 | 5) && stage < STRIDES.len() && is_wide_enough) {
                return Err(shapes::unlike(weights, &name("_depthwise_conv"), MODEL));
            }
            let stride = if is_first { STRIDES[stage] } else { 1 };
            blocks.push(Block { inputs, hidden, outputs, side, stride });
        }
        if stage + 1 != STRIDES.len() {
            let (path, stages) = (weights.path().display(), if blocks.is_empty() { 0 } else { stage + 1 });
            let what = format!("the checkpoint `{path}` of {stages} stages");
            return Err(Error::Unsupported { what, reason: format!("every {MODEL} has 7") });
        }
        let head = four(weights, "_conv_head.weight")?[0];
        let classes = weights.shape("_fc.bias").and_then(|shape| shape.first().copied()).unwrap_or(0);
        Ok(Self { stem, blocks, head, classes })
    }

    /// Which of the published models it is.
    fn published(&self) -> Option<usize> {
        let ours = (self.blocks.len(), self.width());
        PUBLISHED.iter().position(|(blocks, width, _)| (*blocks, *width) == ours)
    }

    /// Width of the last block.
    fn width(&self) -> usize {
        self.blocks.last().map_or(0, |block| block.outputs)
    }

    /// `efficientnet_lite0` to `efficientnet_lite4`, or with its own numbers.
    pub(super) fn name(&self) -> String {
        match self.published() {
            Some(number) => format!("efficientnet_lite{number}"),
            None => format!("efficientnet_lite_{}x{}", self.width(), self.blocks.len()),
        }
    }

    /// Side of the images that it was trained with, px; 224 if it is none of the published ones.
    pub(super) fn side_px(&self) -> u32 {
        self.published().map_or(PUBLISHED[0].2, |number| PUBLISHED[number].2)
    }
}

fn four(weights: &Weights<'_>, name: &str) -> Result<[usize; 4]> {
    match weights.shape(name).as_deref() {
        Some(&[outputs, inputs, height, width]) if outputs > 0 => Ok([outputs, inputs, height, width]),
        _ => Err(shapes::unlike(weights, name, MODEL)),
    }
}

/// Zeros before and after an axis of `length` places, so that a convolution gives ⌈length / stride⌉:
/// TensorFlow's SAME, the odd one after.
pub(super) fn same_padding(length: usize, side: usize, stride: usize) -> (usize, usize) {
    let total = ((length.div_ceil(stride) - 1) * stride + side).saturating_sub(length);
    (total / 2, total - total / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Worked by hand from the definition in TensorFlow's guide to `tf.nn.convolution`.
    #[test]
    fn padding_is_that_of_tensorflow() {
        assert_eq!(same_padding(224, 3, 2), (0, 1));
        assert_eq!(same_padding(225, 3, 2), (1, 1));
        assert_eq!(same_padding(56, 5, 2), (1, 2));
        assert_eq!(same_padding(7, 5, 1), (2, 2));
        assert_eq!(same_padding(1, 3, 2), (1, 1));
    }
}
