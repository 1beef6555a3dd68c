//! From burn's tensors on the `flex` device to the kernels of [`cpu`](super::cpu) and back.

use burn::backend::Flex;
use burn::tensor::{DType, Device, Shape, Tensor, TensorData};
use burn_flex::FlexTensor;

use super::{Activation, Threads, cpu};

/// Whether the kernels here may take the tensor: float32 on the processor.
pub(super) fn is_on_flex(x: &Tensor<3>) -> bool {
    is_flex(&x.device()) && x.dtype() == DType::F32
}

pub(super) fn is_flex(device: &Device) -> bool {
    matches!(device.as_dispatch(), burn::backend::DispatchDevice::Flex(_))
}

/// A weight `[outputs, inputs]` as [`linear`] takes it.
pub(super) fn panels(weight: &[f32], inputs: usize, device: &Device) -> Tensor<1> {
    let panels = cpu::panels(weight, inputs);
    let len = panels.len();
    Tensor::from_data(TensorData::new(panels, [len]), (device, DType::F32))
}

/// `panels` as [`panels`](cpu::panels) lays a weight out.
pub(super) fn linear(
    x: Tensor<3>,
    panels: &Tensor<1>,
    bias: &Tensor<1>,
    activation: Option<Activation>,
    threads: Threads,
) -> Tensor<3> {
    debug_assert!(is_on_flex(&x), "panels are for float32 on the processor");
    let ([batch, rows, _], [outputs]) = (x.dims(), bias.dims());
    let (x, panels, bias) = (dense(x), dense(panels.clone()), dense(bias.clone()));
    let mut y = vec![0.0; batch * rows * outputs];
    for (x, y) in items(values(&x), batch).zip(y.chunks_mut(rows * outputs)) {
        cpu::linear(x, values(&panels), values(&bias), activation, y, threads);
    }
    tensor(y, [batch, rows, outputs])
}

/// `residual + x W + b`.
pub(super) fn add_linear(
    residual: Tensor<3>,
    x: Tensor<3>,
    panels: &Tensor<1>,
    bias: &Tensor<1>,
    threads: Threads,
) -> Tensor<3> {
    let [batch, rows, outputs] = residual.dims();
    let (x, panels, bias) = (dense(x), dense(panels.clone()), dense(bias.clone()));
    let mut y = dense(residual);
    let sums: &mut [f32] = y.storage_mut();
    for (x, sums) in items(values(&x), batch).zip(sums.chunks_mut(rows * outputs)) {
        cpu::add_linear(x, values(&panels), values(&bias), sums, threads);
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
    let data = TensorData::new(values, Shape::from(shape));
    Tensor::from_primitive::<Flex>(FlexTensor::from_data(data))
}
