//! What the shapes in a checkpoint, and the `config.json` beside it, say of its architecture.

use synth_core::{Error, Result};

use crate::weights::Weights;

/// How many blocks there are below `{prefix}blocks`.
pub(crate) fn count_blocks(weights: &Weights<'_>, prefix: &str) -> usize {
    (0..).take_while(|at| weights.has(&format!("{prefix}blocks.{at}.norm1.weight"))).count()
}

/// The shape of a matrix that is not empty.
///
/// # Errors
/// [`unlike`], if it is missing or none.
pub(crate) fn matrix(weights: &Weights<'_>, name: &str, model: &str) -> Result<[usize; 2]> {
    match weights.shape(name).as_deref() {
        Some([rows, columns]) if *rows > 0 && *columns > 0 => Ok([*rows, *columns]),
        _ => Err(unlike(weights, name, model)),
    }
}

/// The error for a tensor by which a checkpoint cannot be a `model`.
pub(crate) fn unlike(weights: &Weights<'_>, name: &str, model: &str) -> Error {
    let path = weights.path().display();
    Error::Unsupported {
        what: match weights.shape(name) {
            Some(shape) => format!("tensor `{name}` of shape {shape:?} in `{path}`"),
            None => format!("the checkpoint `{path}` without `{name}`"),
        },
        reason: format!("no {model} is like that"),
    }
}

/// A number of heads, which must divide the dimensions.
///
/// # Errors
/// [`Error::InvalidParam`].
pub(crate) fn heads(heads: usize, dim: usize) -> Result<usize> {
    if heads > 0 && dim.is_multiple_of(heads) {
        return Ok(heads);
    }
    let expected = format!("a divisor of {dim}, the model's dimensions");
    Err(Error::invalid("num_attention_heads", expected, heads))
}

/// Refuses a number of `config.json` that the weights contradict.
///
/// # Errors
/// [`Error::InvalidParam`].
pub(crate) fn agree(key: &str, configured: Option<usize>, weights: usize) -> Result<()> {
    match configured.filter(|configured| *configured != weights) {
        None => Ok(()),
        Some(other) => {
            let expected = format!("{weights}, as in the weights: is `config.json` another model's?");
            Err(Error::invalid(key, expected, other))
        }
    }
}
