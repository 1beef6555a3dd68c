//! From texts to rows, in batches that no row depends on.

use std::collections::BTreeMap;
use std::fmt;

use burn::tensor::{Bool, Device, Int, Tensor, TensorData};
use ndarray::Array2;
use rayon::prelude::*;
use synth_core::Result;

use super::rows::{DEVICE_BATCH, is_processor, matrix, one_by_one, values};
use super::{Sight, Threads};

/// The length to which the shortest texts are filled up on a device other than the processor; longer ones
/// to the next power of two.
const SHORTEST: usize = 16;

/// A network that maps token numbers to rows.
pub(crate) trait TextNetwork: fmt::Debug + Send + Sync {
    /// Length of a row.
    fn dim(&self) -> usize;

    /// Most tokens that a text may have.
    fn max_tokens(&self) -> usize;

    /// `[batch, dim]`.
    fn forward(&self, tokens: &Tokens, threads: Threads) -> Tensor<2>;
}

/// From a text to at least one and at most [`TextNetwork::max_tokens`] numbers.
pub(crate) trait Tokenize: fmt::Debug + Send + Sync {
    /// The numbers, each below the rows of the network's table.
    fn tokens(&self, text: &str) -> Result<Vec<u32>>;
}

/// The token numbers of some texts, filled up to one length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// `[batch, rows]`, 0 where filled up.
    numbers: Vec<u32>,
    /// How many are each text's own, at least 1.
    lengths: Vec<usize>,
}

impl Tokens {
    /// These texts, each of 1 to `rows` numbers.
    pub(crate) fn new<'a>(texts: impl IntoIterator<Item = &'a [u32]>, rows: usize) -> Self {
        let mut tokens = Self { numbers: Vec::new(), lengths: Vec::new() };
        for text in texts {
            tokens.numbers.extend_from_slice(text);
            tokens.lengths.push(text.len());
            tokens.numbers.resize(tokens.lengths.len() * rows, 0);
        }
        tokens
    }

    /// How many texts.
    pub(crate) fn batch(&self) -> usize {
        self.lengths.len()
    }

    /// Numbers of a text, with those that fill it up.
    pub(crate) fn rows(&self) -> usize {
        self.numbers.len() / self.lengths.len()
    }

    /// One after another, `[batch · rows]`.
    pub(super) fn numbers_on(&self, device: &Device) -> Tensor<1, Int> {
        places_on(self.numbers.iter().map(|number| i64::from(*number)).collect(), device)
    }

    /// What each row may attend to: what fills a text up is hidden.
    pub(crate) fn sight(&self, device: &Device) -> Sight {
        let rows = self.rows();
        if self.lengths.iter().all(|length| *length == rows) {
            return Sight::All;
        }
        let hidden: Vec<bool> =
            self.lengths.iter().flat_map(|length| (0..rows).map(move |row| row >= *length)).collect();
        let hidden = TensorData::new(hidden, [self.batch(), 1, 1, rows]);
        Sight::Unless(Box::new(Tensor::<4, Bool>::from_data(hidden, device)))
    }

    /// The last row of its own of each text: `[batch, rows, dim]` to `[batch, 1, dim]`.
    pub(crate) fn last(&self, x: Tensor<3>) -> Tensor<3> {
        let [batch, rows, dim] = x.dims();
        let last = self.lengths.iter().enumerate().map(|(text, length)| (text * rows + length - 1) as i64);
        let last = places_on(last.collect(), &x.device());
        x.reshape([batch * rows, dim]).select(0, last).reshape([batch, 1, dim])
    }

    /// The mean over each text's own rows: `[batch, rows, dim]` to `[batch, 1, dim]`.
    pub(crate) fn mean(&self, x: Tensor<3>) -> Tensor<3> {
        let rows = self.rows();
        let shares = self.lengths.iter().flat_map(|length| {
            let share = 1.0 / *length as f32;
            (0..rows).map(move |row| if row < *length { share } else { 0.0 })
        });
        let shares = TensorData::new(shares.collect::<Vec<f32>>(), [self.batch(), rows, 1]);
        let shares = Tensor::from_data(shares, &x.device());
        (x * shares).sum_dim(1)
    }
}

fn places_on(places: Vec<i64>, device: &Device) -> Tensor<1, Int> {
    let count = places.len();
    Tensor::from_data(TensorData::new(places, [count]), device)
}

/// Tokenises the texts and embeds them: `[items, dim]`.
///
/// On the processor every text goes through the network alone, at its own length. Another device takes
/// batches of one size; texts that are filled up to the same length share them, so that a row depends on
/// its own text's length and on no other's.
pub(crate) fn embed_texts(
    network: &dyn TextNetwork,
    tokenizer: &dyn Tokenize,
    device: &Device,
    items: &[&str],
) -> Result<Array2<f32>> {
    let rows = if is_processor(device) {
        one_by_one(items.len(), |item, threads| {
            let text = tokenizer.tokens(items[item])?;
            let tokens = Tokens::new([text.as_slice()], text.len());
            values(network.forward(&tokens, threads))
        })?
    } else {
        let texts: Vec<Vec<u32>> =
            items.par_iter().map(|item| tokenizer.tokens(item)).collect::<Result<_>>()?;
        in_batches(network, &texts)?
    };
    matrix(rows, items.len(), network.dim())
}

fn in_batches(network: &dyn TextNetwork, texts: &[Vec<u32>]) -> Result<Vec<f32>> {
    let mut by_rows: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (item, text) in texts.iter().enumerate() {
        let rows = text.len().max(SHORTEST).next_power_of_two().min(network.max_tokens());
        by_rows.entry(rows).or_default().push(item);
    }
    let dim = network.dim();
    let mut found = vec![0.0; texts.len() * dim];
    for (rows, items) in by_rows {
        for batch in items.chunks(DEVICE_BATCH) {
            let own = batch.iter().map(|item| texts[*item].as_slice());
            let filling = std::iter::repeat_n(&[0][..], DEVICE_BATCH - batch.len());
            let tokens = Tokens::new(own.chain(filling), rows);
            let values = values(network.forward(&tokens, Threads::All))?;
            for (item, row) in batch.iter().zip(values.chunks(dim)) {
                found[item * dim..][..dim].copy_from_slice(row);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_filled_up_behind_their_own_tokens() {
        let tokens = Tokens::new([&[5, 6, 7][..], &[8][..]], 4);
        assert_eq!((tokens.batch(), tokens.rows()), (2, 4));
        assert_eq!(tokens.numbers, [5, 6, 7, 0, 8, 0, 0, 0]);
        assert_eq!(tokens.lengths, [3, 1]);
    }

    #[cfg(feature = "flex")]
    #[test]
    fn pooling_leaves_out_what_fills_a_text_up() {
        let device = Device::flex();
        let tokens = Tokens::new([&[5, 6, 7][..], &[8][..]], 4);
        let x: Vec<f32> = (0..16).map(|at| at as f32).collect();
        let x = Tensor::<3>::from_data(TensorData::new(x, [2, 4, 2]), &device);
        let pooled = |x: Tensor<3>| x.into_data().try_into_vec_as::<f32>().expect("float32");
        assert_eq!(pooled(tokens.last(x.clone())), [4.0, 5.0, 8.0, 9.0]);
        assert_eq!(pooled(tokens.mean(x)), [2.0, 3.0, 8.0, 9.0]);
        let Sight::Unless(hidden) = tokens.sight(&device) else { panic!("some rows are filled up") };
        let hidden = hidden.into_data().try_into_vec_as::<bool>().expect("booleans");
        assert_eq!(hidden, [false, false, false, true, false, true, true, true]);
        assert!(matches!(Tokens::new([&[5, 6][..]], 2).sight(&device), Sight::All));
    }
}
