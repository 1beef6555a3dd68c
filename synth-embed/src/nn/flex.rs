//! From burn's tensors on the `flex` device to the kernels of [`cpu`](super::cpu) and back.

use burn::backend::Flex;
use burn::tensor::{DType, Shape, Tensor};
use burn_flex::FlexTensor;

use super::{Activation, Linear, Threads, cpu};

/// Whether the kernels here may take the tensor: float32 on the processor.
pub(super) fn is_on_flex(x: &Tensor<3>) -> bool {
    matches!(x.device().as_dispatch(), burn::backend::DispatchDevice::Flex(_)) && x.dtype() == DType::F32
}

pub(super) fn linear(
    x: Tensor<3>,
    layer: &Linear,
    activation: Option<Activation>,
    threads: Threads,
) -> Tensor<3> {
    let [batch, rows, _] = x.dims();
    let outputs = layer.outputs();
    let (x, weight, bias) = (dense(x), dense(layer.weight.clone()), dense(layer.bias.clone()));
    let mut y = vec![0.0; batch * rows * outputs];
    for (x, y) in items(values(&x), batch).zip(y.chunks_mut(rows * outputs)) {
        cpu::multiply(x, values(&weight), y, rows, cpu::Into::Replace, threads);
        cpu::add_bias(y, values(&bias), activation, threads);
    }
    tensor(y, [batch, rows, outputs])
}

pub(super) fn linear_add(residual: Tensor<3>, x: Tensor<3>, layer: &Linear, threads: Threads) -> Tensor<3> {
    let [batch, rows, outputs] = residual.dims();
    let (x, weight, bias) = (dense(x), dense(layer.weight.clone()), dense(layer.bias.clone()));
    let mut y = dense(residual);
    let sums: &mut [f32] = y.storage_mut();
    for (x, sums) in items(values(&x), batch).zip(sums.chunks_mut(rows * outputs)) {
        cpu::add_bias(sums, values(&bias), None, threads);
        cpu::multiply(x, values(&weight), sums, rows, cpu::Into::Add, threads);
    }
    Tensor::from_primitive::<Flex>(y)
}

pub(super) fn attention(qkv: Tensor<3>, heads: usize, causal: bool, threads: Threads) -> Tensor<3> {
    let [batch, rows, width] = qkv.dims();
    let dim = width / 3;
    let qkv = dense(qkv);
    let mut y = vec![0.0; batch * rows * dim];
    for (qkv, y) in items(values(&qkv), batch).zip(y.chunks_mut(rows * dim)) {
        cpu::attend(qkv, y, cpu::Heads { rows, heads, dim, causal }, threads);
    }
    tensor(y, [batch, rows, dim])
}

pub(super) fn gated(x: Tensor<3>, threads: Threads) -> Tensor<3> {
    let [batch, rows, width] = x.dims();
    let x = dense(x);
    let mut y = vec![0.0; batch * rows * width / 2];
    cpu::gate(values(&x), &mut y, width, threads);
    tensor(y, [batch, rows, width / 2])
}

/// The tensor's own memory if its values lie in order and fill it, else a copy that is so.
fn dense<const D: usize>(x: Tensor<D>) -> FlexTensor {
    let x = x.try_into_primitive::<Flex>().expect("a float tensor on flex");
    if x.is_contiguous() && x.layout().start_offset() == 0 && x.bytes().len() == x.layout().num_elements() * 4
    {
        return x;
    }
    x.to_contiguous()
}

fn values(x: &FlexTensor) -> &[f32] {
    x.storage()
}

fn items(values: &[f32], batch: usize) -> impl Iterator<Item = &[f32]> {
    values.chunks(values.len() / batch.max(1))
}

fn tensor(values: Vec<f32>, shape: [usize; 3]) -> Tensor<3> {
    let data = burn::tensor::TensorData::new(values, Shape::from(shape));
    Tensor::from_primitive::<Flex>(FlexTensor::from_data(data))
}
