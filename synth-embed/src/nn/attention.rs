use burn::tensor::{Tensor, module, ops::AttentionModuleOptions};

use super::{Linear, Threads};

/// Multi-head self-attention (Vaswani et al. 2017, eq. 1) with queries, keys and values from one
/// product.
///
/// The factor 1/√head_dim is in the weights of the queries.
#[derive(Clone, Debug)]
pub(crate) struct Attention {
    /// `[dim, 3 dim]`: queries, keys, values.
    pub(crate) qkv: Linear,
    /// `[dim, dim]`.
    pub(crate) output: Linear,
    /// How many heads share `dim`.
    pub(crate) heads: usize,
}

impl Attention {
    /// `residual` plus what the rows of `x` gather: `[batch, rows, dim]`.
    pub(crate) fn add_to(&self, residual: Tensor<3>, x: Tensor<3>, threads: Threads) -> Tensor<3> {
        let qkv = self.qkv.forward(x, None, threads);
        self.output.add_to(residual, self.gather(qkv, threads), threads)
    }

    /// `[batch, rows, 3 dim]` to `[batch, rows, dim]`.
    fn gather(&self, qkv: Tensor<3>, threads: Threads) -> Tensor<3> {
        #[cfg(feature = "flex")]
        if super::flex::is_on_flex(&qkv) {
            return super::flex::attention(qkv, self.heads, threads);
        }
        let _ = threads;
        let [batch, rows, width] = qkv.dims();
        let (dim, head_dim) = (width / 3, width / 3 / self.heads);
        let part = |at: usize| {
            let part = qkv.clone().narrow(2, at * dim, dim);
            part.reshape([batch, rows, self.heads, head_dim]).swap_dims(1, 2)
        };
        let options = AttentionModuleOptions { scale: Some(1.0), softcap: None, is_causal: false };
        let gathered = module::attention(part(0), part(1), part(2), None, None, options);
        gathered.swap_dims(1, 2).reshape([batch, rows, dim])
    }
}
