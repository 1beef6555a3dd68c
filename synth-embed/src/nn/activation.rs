use burn::tensor::{Tensor, activation};
use synth_core::{Error, Result};

/// The non-linearity between the two halves of an MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Activation {
    /// x Φ(x), exactly: DINOv2, BERT, LAION's CLIP.
    Gelu,
    /// Its tanh approximation (Hendrycks and Gimpel 2016): SigLIP.
    GeluTanh,
    /// x σ(1.702 x): OpenAI's CLIP.
    QuickGelu,
}

impl Activation {
    /// By the name that `hidden_act` in a `config.json` gives it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for another.
    pub(crate) fn named(name: &str) -> Result<Self> {
        match name {
            "gelu" => Ok(Self::Gelu),
            "gelu_pytorch_tanh" | "gelu_new" => Ok(Self::GeluTanh),
            "quick_gelu" => Ok(Self::QuickGelu),
            _ => Err(Error::Unsupported {
                what: format!("`hidden_act` {name} in `config.json`"),
                reason: "known are gelu, gelu_pytorch_tanh, gelu_new and quick_gelu".into(),
            }),
        }
    }

    /// Element by element, with burn's operations.
    pub(crate) fn apply(self, x: Tensor<3>) -> Tensor<3> {
        match self {
            Self::Gelu => activation::gelu(x),
            Self::GeluTanh => activation::gelu_approximate(x),
            Self::QuickGelu => x.clone() * activation::sigmoid(x * 1.702),
        }
    }
}
