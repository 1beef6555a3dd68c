//! From named tensors to layers.

use burn::tensor::{Device, Tensor, TensorData};
use synth_core::Result;

use super::linear::LinearValues;
use super::{Activation, Attention, Block, LayerNorm, Mlp, NormOrder};
use crate::Precision;
use crate::weights::Weights;

/// The values of a tensor, row by row.
pub(crate) fn values(weights: &mut Weights<'_>, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
    let tensor = weights.tensor(name, shape)?;
    Ok(tensor.as_standard_layout().into_owned().into_raw_vec_and_offset().0)
}

/// Rows of tokens or positions, `[1, rows, dim]`, on the device.
pub(crate) fn rows_on(device: &Device, values: Vec<f32>, dim: usize) -> Tensor<3> {
    let rows = values.len() / dim;
    Tensor::from_data(TensorData::new(values, [1, rows, dim]), device)
}

/// `name.weight`, whose first axis is the outputs, and `name.bias`. A convolution whose stride is its
/// kernel is a product with the patches.
pub(crate) fn linear(weights: &mut Weights<'_>, name: &str, shape: &[usize]) -> Result<LinearValues> {
    Ok(LinearValues {
        weight: values(weights, &format!("{name}.weight"), shape)?,
        bias: values(weights, &format!("{name}.bias"), &shape[..1])?,
    })
}

/// `name.weight` alone; the bias is 0.
pub(crate) fn linear_without_bias(
    weights: &mut Weights<'_>,
    name: &str,
    shape: &[usize],
) -> Result<LinearValues> {
    let weight = values(weights, &format!("{name}.weight"), shape)?;
    Ok(LinearValues { weight, bias: vec![0.0; shape[0]] })
}

/// `name.weight` and `name.bias`, both `[dim]`.
pub(crate) fn layer_norm(
    weights: &mut Weights<'_>,
    name: &str,
    dim: usize,
    epsilon: f64,
    device: &Device,
) -> Result<LayerNorm> {
    let gamma = values(weights, &format!("{name}.weight"), &[dim])?;
    let beta = values(weights, &format!("{name}.bias"), &[dim])?;
    Ok(LayerNorm::new(gamma, beta, epsilon, device))
}

/// The numbers of a stack of equal blocks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Blocks {
    pub(crate) count: usize,
    pub(crate) dim: usize,
    pub(crate) heads: usize,
    pub(crate) hidden: usize,
    /// `None` for a gated MLP, `gated` instead of `mlp`, whose first layer is twice as wide.
    pub(crate) activation: Option<Activation>,
    /// Whether what attention and MLP add is scaled, by `scale1` and `scale2`.
    pub(crate) scaled: bool,
    pub(crate) order: NormOrder,
    pub(crate) epsilon: f64,
    pub(crate) precision: Precision,
}

impl Blocks {
    /// Reads `{prefix}blocks.0` and those that follow.
    pub(crate) fn load(self, weights: &mut Weights<'_>, prefix: &str, device: &Device) -> Result<Vec<Block>> {
        (0..self.count).map(|at| self.block(weights, &format!("{prefix}blocks.{at}"), device)).collect()
    }

    /// The factor 1/√head_dim goes into the queries, the scales into what they scale.
    fn block(self, weights: &mut Weights<'_>, block: &str, device: &Device) -> Result<Block> {
        let Self { dim, heads, hidden, .. } = self;
        let name = |part: &str| format!("{block}.{part}");
        let mut factors = vec![1.0; 3 * dim];
        factors[..dim].fill(1.0 / ((dim / heads) as f32).sqrt());
        let qkv = linear(weights, &name("attention.qkv"), &[3 * dim, dim])?.scaled(&factors);
        let mut output = linear(weights, &name("attention.output"), &[dim, dim])?;
        let (mlp, wide) = if self.activation.is_some() { ("mlp", hidden) } else { ("gated", 2 * hidden) };
        let up = linear(weights, &name(&format!("{mlp}.up")), &[wide, dim])?;
        let mut down = linear(weights, &name(&format!("{mlp}.down")), &[dim, hidden])?;
        if self.scaled {
            output = output.scaled(&values(weights, &name("scale1"), &[dim])?);
            down = down.scaled(&values(weights, &name("scale2"), &[dim])?);
        }
        let [qkv, output, up, down] =
            [qkv, output, up, down].map(|values| values.rounded_on(device, self.precision));
        Ok(Block {
            norm1: layer_norm(weights, &name("norm1"), dim, self.epsilon, device)?,
            attention: Attention { qkv, output, heads },
            norm2: layer_norm(weights, &name("norm2"), dim, self.epsilon, device)?,
            mlp: match self.activation {
                Some(activation) => Mlp::Plain { up, activation, down },
                None => Mlp::SwiGlu { up, down },
            },
            order: self.order,
        })
    }
}
