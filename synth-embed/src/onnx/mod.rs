//! Image models of one's own, from ONNX files.
//!
//! [`OnnxEmbedder`] takes any model of one image that gives one vector, whatever it was trained with:
//! PyTorch's `torch.onnx.export`, `tf2onnx`, or a download. It runs on the processor, by
//! [tract](https://docs.rs/tract-onnx), without burn; no device is chosen.
//!
//! # What a file must hold
//! - *Input*: one, float32, of four axes with three channels: `[batch, 3, height, width]` or
//!   `[batch, height, width, 3]`, whichever has the 3; where neither says so, the first. The batch may be
//!   free or fixed (a fixed one of b images gets each image b times, so export with a free batch or one
//!   of 1). Free sides are those of the preprocessing.
//! - *Output*: float32, `[batch, dim]`, or of four axes of which only the channels are longer than 1, as
//!   after a global pooling. Of several outputs one is chosen by name, and the model is cut down to what
//!   that one needs: so the image tower of a CLIP file runs without its texts.
//! - *Operators*: ONNX's that tract knows, none of them random. tract is tested with opsets 9 to 18, the tests
//!   here have 17 and 20.
//! - *Weights*: in the file or, as in models above 2 GB, in files beside it (`model.onnx_data`).
//!
//! # How images are prepared
//! As the `preprocessor_config.json` beside the model says, or one folder above where the model lies in a
//! folder `onnx`, as on the Hugging Face hub. Without one as for DINOv2: the short side to 8/7 of the
//! model's, bicubic, the middle, ImageNet's statistics, which suits most models trained on ImageNet. ONNX
//! files do not tell, and the wrong statistics give rows that look right and mean less: where it matters,
//! say it by [`Preparation`].
mod embedder;
mod file;
mod graph;
mod input;
mod network;
mod outlets;

pub use embedder::{OnnxEmbedder, OnnxParams, Preparation};
