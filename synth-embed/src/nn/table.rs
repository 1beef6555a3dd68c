use burn::tensor::{Device, Tensor, TensorData};
use synth_core::Result;

use super::Tokens;
use super::load::{rows_on, values};
use crate::weights::Weights;

/// What a token is before the first block: its row of one table and its position's of another.
#[derive(Clone, Debug)]
pub(crate) struct TokenTable {
    /// `[vocabulary, dim]`
    tokens: Tensor<2>,
    /// `[1, positions, dim]`
    positions: Tensor<3>,
}

/// The shape of a [`TokenTable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableShape {
    /// Rows of the table of tokens.
    pub(crate) vocabulary: usize,
    /// Rows of the table of positions: the most tokens that a text may have.
    pub(crate) positions: usize,
    /// Length of both tables' rows.
    pub(crate) dim: usize,
}

impl TokenTable {
    /// Reads `{prefix}tokens.weight` and `{prefix}positions`; `each` of length dim is added to every
    /// position.
    pub(crate) fn load(
        weights: &mut Weights<'_>,
        prefix: &str,
        shape: TableShape,
        each: Option<&[f32]>,
        device: &Device,
    ) -> Result<Self> {
        let TableShape { vocabulary, positions, dim } = shape;
        let tokens = values(weights, &format!("{prefix}tokens.weight"), &[vocabulary, dim])?;
        let mut places = values(weights, &format!("{prefix}positions"), &[positions, dim])?;
        if let Some(each) = each {
            places.chunks_mut(dim).for_each(|row| row.iter_mut().zip(each).for_each(|(x, each)| *x += each));
        }
        Ok(Self {
            tokens: Tensor::from_data(TensorData::new(tokens, [vocabulary, dim]), device),
            positions: rows_on(device, places, dim),
        })
    }

    /// Where it lies.
    pub(crate) fn device(&self) -> Device {
        self.tokens.device()
    }

    /// `[batch, rows, dim]`.
    pub(crate) fn forward(&self, tokens: &Tokens) -> Tensor<3> {
        let (batch, rows, dim) = (tokens.batch(), tokens.rows(), self.tokens.dims()[1]);
        let x = self.tokens.clone().select(0, tokens.numbers_on(&self.device()));
        x.reshape([batch, rows, dim]) + self.positions.clone().narrow(1, 0, rows)
    }
}
