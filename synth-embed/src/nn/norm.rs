use burn::tensor::{Device, Tensor, TensorData, module};

/// (x − mean)/√(variance + ε) γ + β over the last axis (Ba, Kiros, Hinton 2016).
#[derive(Clone, Debug)]
pub(crate) struct LayerNorm {
    gamma: Tensor<1>,
    beta: Tensor<1>,
    epsilon: f64,
}

impl LayerNorm {
    /// From γ and β of equal length.
    pub(crate) fn new(gamma: Vec<f32>, beta: Vec<f32>, epsilon: f64, device: &Device) -> Self {
        let on = |values: Vec<f32>| {
            let length = values.len();
            Tensor::from_data(TensorData::new(values, [length]), device)
        };
        Self { gamma: on(gamma), beta: on(beta), epsilon }
    }

    /// Of the same shape.
    pub(crate) fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        module::layer_norm(x, self.gamma.clone(), Some(self.beta.clone()), self.epsilon)
    }
}
