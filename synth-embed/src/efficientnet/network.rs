use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Tensor, TensorData, module};

use super::architecture::same_padding;
use super::layers::{BlockLayers, Convolution, Layers};

/// Numbers that one tensor may hold: 128 MiB, the largest buffer that a WebGPU driver must bind.
const MAX_NUMBERS: usize = 1 << 25;

/// EfficientNet-Lite on burn's tensors, up to the mean over the places: what every device runs.
///
/// Tan and Le 2019, "EfficientNet: Rethinking model scaling for convolutional neural networks"; the Lite
/// variants are of tensorflow/tpu, models/official/efficientnet/lite.
#[derive(Clone, Debug)]
pub(super) struct Network {
    stem: Layer,
    blocks: Vec<Block>,
    head: Layer,
}

#[derive(Clone, Debug)]
struct Layer {
    weight: Tensor<4>,
    bias: Tensor<1>,
    stride: usize,
    groups: usize,
}

#[derive(Clone, Debug)]
struct Block {
    expand: Option<Layer>,
    depthwise: Layer,
    project: Layer,
    is_residual: bool,
}

impl Network {
    /// Puts the layers on the device.
    pub(super) fn new(layers: &Layers, device: &Device) -> Self {
        Self {
            stem: Layer::new(&layers.stem, 1, device),
            blocks: layers.blocks.iter().map(|block| Block::new(block, device)).collect(),
            head: Layer::new(&layers.head, 1, device),
        }
    }

    /// `pixels: [batch, 3, height, width]` to `[batch, channels]`, as many images at once as the largest
    /// buffer holds.
    pub(super) fn forward(&self, pixels: Tensor<4>) -> Tensor<2> {
        let [batch, _, height, width] = pixels.dims();
        let at_once = (MAX_NUMBERS / self.widest(height, width)).clamp(1, batch);
        // Powers of two: the device's kernels are tuned for one shape.
        let at_once = 1 << at_once.ilog2();
        let rows = pixels.split(at_once, 0).into_iter().map(|pixels| self.forward_at_once(pixels));
        Tensor::cat(rows.collect(), 0)
    }

    /// Numbers of the largest tensor between two layers, for one image.
    fn widest(&self, height: usize, width: usize) -> usize {
        let mut size = [height, width].map(|length| length.div_ceil(self.stem.stride));
        let mut widest = size[0] * size[1] * self.stem.outputs();
        for block in &self.blocks {
            widest = widest.max(size[0] * size[1] * block.depthwise.outputs());
            size = size.map(|length| length.div_ceil(block.depthwise.stride));
        }
        widest
    }

    fn forward_at_once(&self, pixels: Tensor<4>) -> Tensor<2> {
        let x = self.stem.forward(pixels).clamp(0.0, 6.0);
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x));
        let x = self.head.forward(x).clamp(0.0, 6.0);
        let [batch, channels, ..] = x.dims();
        x.mean_dims(&[2, 3]).reshape([batch, channels])
    }
}

impl Block {
    fn new(block: &BlockLayers, device: &Device) -> Self {
        Self {
            expand: block.expand.as_ref().map(|layer| Layer::new(layer, 1, device)),
            depthwise: Layer::new(&block.depthwise, block.of.hidden, device),
            project: Layer::new(&block.project, 1, device),
            is_residual: block.of.is_residual(),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let hidden = match &self.expand {
            Some(expand) => expand.forward(x.clone()).clamp(0.0, 6.0),
            None => x.clone(),
        };
        let y = self.project.forward(self.depthwise.forward(hidden).clamp(0.0, 6.0));
        if self.is_residual { y + x } else { y }
    }
}

impl Layer {
    fn new(layer: &Convolution, groups: usize, device: &Device) -> Self {
        Self {
            weight: Tensor::from_data(TensorData::new(layer.weight.clone(), layer.shape), device),
            bias: Tensor::from_data(TensorData::new(layer.bias.clone(), [layer.bias.len()]), device),
            stride: layer.stride,
            groups,
        }
    }

    fn outputs(&self) -> usize {
        self.bias.dims()[0]
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let ([_, _, height, width], side) = (x.dims(), self.weight.dims()[2]);
        let padding = [height, width].map(|length| same_padding(length, side, self.stride));
        let options = ConvOptions::new_with_padding([self.stride; 2], padding, [1; 2], self.groups);
        module::conv2d(x, self.weight.clone(), Some(self.bias.clone()), options)
    }
}
