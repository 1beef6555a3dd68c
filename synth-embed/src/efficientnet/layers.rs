//! The layers as numbers, before they are on a device.

use synth_core::{Error, Result};

use super::architecture::{Architecture, Block};
use crate::nn::{LinearValues, load};
use crate::weights::Weights;

/// Of every batch norm in every published checkpoint.
const EPSILON: f64 = 1e-3;

/// A convolution with the batch norm that follows it.
///
/// # Shapes
/// - weight: `[outputs, inputs of each, side, side]`
/// - bias: `[outputs]`
#[derive(Clone, Debug)]
pub(super) struct Convolution {
    pub(super) weight: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) shape: [usize; 4],
    pub(super) stride: usize,
}

/// The three convolutions of a [`Block`], two in the first.
#[derive(Clone, Debug)]
pub(super) struct BlockLayers {
    pub(super) of: Block,
    pub(super) expand: Option<Convolution>,
    pub(super) depthwise: Convolution,
    pub(super) project: Convolution,
}

/// All of a network.
#[derive(Clone, Debug)]
pub(super) struct Layers {
    pub(super) stem: Convolution,
    pub(super) blocks: Vec<BlockLayers>,
    pub(super) head: Convolution,
    pub(super) classifier: Option<LinearValues>,
}

impl Layers {
    /// Reads them; the classifier only where it is asked for.
    pub(super) fn load(weights: &mut Weights<'_>, of: &Architecture, classifies: bool) -> Result<Self> {
        let stem = convolution(weights, "_conv_stem", "_bn0", [of.stem, 3, 3, 3], 2)?;
        let blocks = of
            .blocks
            .iter()
            .enumerate()
            .map(|(at, block)| BlockLayers::load(weights, at, *block))
            .collect::<Result<_>>()?;
        let width = of.blocks.last().map_or(of.stem, |block| block.outputs);
        let head = convolution(weights, "_conv_head", "_bn1", [of.head, width, 1, 1], 1)?;
        let classifier =
            if classifies { Some(load::linear(weights, "_fc", &[of.classes, of.head])?) } else { None };
        Ok(Self { stem, blocks, head, classifier })
    }
}

impl BlockLayers {
    fn load(weights: &mut Weights<'_>, at: usize, of: Block) -> Result<Self> {
        let Block { inputs, hidden, outputs, side, stride, .. } = of;
        let mut layer = |part: &str, norm: &str, shape, stride| {
            let name = |part: &str| format!("_blocks.{at}.{part}");
            convolution(weights, &name(part), &name(norm), shape, stride)
        };
        let expand =
            if at > 0 { Some(layer("_expand_conv", "_bn0", [hidden, inputs, 1, 1], 1)?) } else { None };
        let depthwise = layer("_depthwise_conv", "_bn1", [hidden, 1, side, side], stride)?;
        let project = layer("_project_conv", "_bn2", [outputs, hidden, 1, 1], 1)?;
        Ok(Self { of, expand, depthwise, project })
    }
}

/// Reads a convolution without bias and its batch norm, and folds the one into the other:
/// γ (x W − mean)/√(variance + ε) + β.
fn convolution(
    weights: &mut Weights<'_>,
    name: &str,
    norm: &str,
    shape: [usize; 4],
    stride: usize,
) -> Result<Convolution> {
    let outputs = shape[0];
    let mut weight = load::values(weights, &format!("{name}.weight"), &shape)?;
    let mut of_norm = |part: &str| load::values(weights, &format!("{norm}.{part}"), &[outputs]);
    let (gamma, beta) = (of_norm("weight")?, of_norm("bias")?);
    let (mean, variance) = (of_norm("running_mean")?, of_norm("running_var")?);
    if let Some(variance) = variance.iter().find(|variance| **variance < 0.0) {
        return Err(Error::invalid(format!("{norm}.running_var"), "variances of at least 0", variance));
    }
    let mut bias = beta;
    for (at, kernel) in weight.chunks_mut(shape[1..].iter().product()).enumerate() {
        let factor = f64::from(gamma[at]) / (f64::from(variance[at]) + EPSILON).sqrt();
        kernel.iter_mut().for_each(|weight| *weight = (f64::from(*weight) * factor) as f32);
        bias[at] = (f64::from(bias[at]) - f64::from(mean[at]) * factor) as f32;
    }
    Ok(Convolution { weight, bias, shape, stride })
}
