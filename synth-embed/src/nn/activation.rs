use burn::tensor::{Tensor, activation};

/// The non-linearity between the two halves of an MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// x Φ(x), exactly: DINOv2, BERT.
    Gelu,
    /// Its tanh approximation (Hendrycks and Gimpel 2016): SigLIP.
    GeluTanh,
    /// x σ(1.702 x): OpenAI's CLIP.
    QuickGelu,
}

impl Activation {
    /// Element by element, with burn's operations.
    pub(crate) fn apply(self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Gelu => activation::gelu(x),
            Self::GeluTanh => activation::gelu_approximate(x),
            Self::QuickGelu => x.clone() * activation::sigmoid(x * 1.702),
        }
    }
}
