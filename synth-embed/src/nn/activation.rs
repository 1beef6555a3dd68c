use burn::tensor::{Tensor, activation};

/// The non-linearity between the two halves of an MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// x Φ(x), exactly.
    Gelu,
}

impl Activation {
    /// Element by element, with burn's operations.
    pub(crate) fn apply(self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Gelu => activation::gelu(x),
        }
    }
}
