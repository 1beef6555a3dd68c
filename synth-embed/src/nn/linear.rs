use burn::tensor::{Device, Tensor, TensorData, module};

use super::{Activation, Threads};
use crate::Precision;

/// x W + b, in the precision of W.
#[derive(Clone, Debug)]
pub(crate) struct Linear {
    weight: Weight,
    /// `[outputs]`.
    bias: Tensor<1>,
}

#[derive(Clone, Debug)]
enum Weight {
    /// `[inputs, outputs]`, the transpose of PyTorch's.
    Dense(Tensor<2>),
    /// As the kernels of [`flex`](super::flex) take it.
    #[cfg(feature = "flex")]
    Panels(Tensor<1>),
}

/// The values of a [`Linear`] before they are on a device; weight as PyTorch stores it,
/// `[outputs, inputs]`.
#[derive(Clone, Debug)]
pub(crate) struct LinearValues {
    pub(crate) weight: Vec<f32>,
    pub(crate) bias: Vec<f32>,
}

impl LinearValues {
    /// Multiplies output `o` by `factors[o]`: a layer scale, or the scale of attention's queries.
    pub(crate) fn scaled(mut self, factors: &[f32]) -> Self {
        let inputs = self.weight.len() / self.bias.len();
        for ((row, bias), factor) in self.weight.chunks_mut(inputs).zip(&mut self.bias).zip(factors) {
            row.iter_mut().for_each(|weight| *weight *= factor);
            *bias *= factor;
        }
        self
    }

    /// Transposed, on the device, in float32.
    pub(crate) fn on(self, device: &Device) -> Linear {
        self.rounded_on(device, Precision::Float32)
    }

    /// Transposed, on the device.
    pub(crate) fn rounded_on(self, device: &Device, precision: Precision) -> Linear {
        let (outputs, inputs) = (self.bias.len(), self.weight.len() / self.bias.len());
        let options = || (device, precision.dtype());
        let bias = Tensor::from_data(TensorData::new(self.bias, [outputs]), options());
        #[cfg(feature = "flex")]
        if super::flex::is_flex(device) && precision == Precision::Float32 {
            return Linear {
                weight: Weight::Panels(super::flex::panels(&self.weight, inputs, device)),
                bias,
            };
        }
        let mut transposed = vec![0.0; self.weight.len()];
        for (output, row) in self.weight.chunks(inputs).enumerate() {
            for (input, weight) in row.iter().enumerate() {
                transposed[input * outputs + output] = *weight;
            }
        }
        let weight = Tensor::from_data(TensorData::new(transposed, [inputs, outputs]), options());
        Linear { weight: Weight::Dense(weight), bias }
    }
}

impl Linear {
    /// Length of a row that comes out.
    pub(crate) fn outputs(&self) -> usize {
        self.bias.dims()[0]
    }

    /// `[batch, rows, inputs]` to `[batch, rows, outputs]`.
    pub(crate) fn forward(
        &self,
        x: Tensor<3>,
        activation: Option<Activation>,
        threads: Threads,
    ) -> Tensor<3> {
        let weight = match &self.weight {
            Weight::Dense(weight) => weight,
            #[cfg(feature = "flex")]
            Weight::Panels(panels) => {
                return super::flex::linear(x, panels, &self.bias, activation, threads);
            }
        };
        let _ = threads;
        let x = x.cast(weight.dtype());
        let y = module::linear(x, weight.clone(), Some(self.bias.clone()));
        match activation {
            Some(activation) => activation.apply(y),
            None => y,
        }
    }

    /// `residual + x W + b`.
    pub(crate) fn add_to(&self, residual: Tensor<3>, x: Tensor<3>, threads: Threads) -> Tensor<3> {
        #[cfg(feature = "flex")]
        if let Weight::Panels(panels) = &self.weight {
            return super::flex::add_linear(residual, x, panels, &self.bias, threads);
        }
        let sum = self.forward(x, None, threads).cast(residual.dtype());
        residual + sum
    }
}
