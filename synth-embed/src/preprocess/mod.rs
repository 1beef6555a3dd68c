//! From images to what networks take, with the numbers of the reference implementations.
//!
//! [`Preprocessing`] resizes, crops and normalises:
//!
//! ```text
//! levels = 8-bit grey or RGB → resized (Pillow's filter) → the middle cut out, black where there is none
//! out[c, y, x] = (float32(scale · levels[c, y, x]) − mean[c]) / std[c]
//! ```
//!
//! | preset | resize, px | crop | odd crop | numbers |
//! |---|---|---|---|---|
//! | [`dinov2(n)`](PreprocessingParams::dinov2) | short side to 8/7 n | n | down | ImageNet's statistics |
//! | [`clip(n)`](PreprocessingParams::clip) | short side to n | n | down | OpenAI's statistics |
//! | [`siglip(n)`](PreprocessingParams::siglip) | n × n | none | | [−1, 1] |
//! | [`efficientnet_lite(n)`](PreprocessingParams::efficientnet_lite) | short side to n + 32 | n | half to even | (level − 127) / 128 |
//!
//! All are bicubic. [`PreprocessingParams::from_hugging_face`] reads a checkpoint's own description.
//!
//! # Which reference
//! Pillow 13 for the resizing, equal to the bit ([`resize`]). For DINOv2, CLIP and SigLIP transformers
//! 5.23 with its Pillow backend, whose float32 come out equal to the bit. Meta's DINOv2 and OpenAI's
//! CLIP use torchvision: that is [`Centering::HalfEven`], which moves half of the odd crops by one
//! pixel; its division by 255 in float32 gives the same numbers. EfficientNet-Lite was trained with
//! TensorFlow's resizing, which does not filter what it shrinks; its PyTorch port uses torchvision.
//!
//! # Convention
//! - *Transparency* is ignored, as by Pillow's `convert("RGB")` in torchvision's loader, in OpenAI's CLIP
//!   and in transformers' `load_image`; its image processors put what is transparent before white if they
//!   get an image that still has alpha (version 5.23; earlier ones ignored it as well).
//! - *Grey* becomes three equal channels.
//! - *16 bits* are scaled, `round(v / 257)`. Pillow cuts 16-bit grey off at 255, so that nearly all of it
//!   is white, and takes the upper byte of 16-bit RGB, at most one level off.
//! - *Floats* are clamped to [0, 1]; NaN is black.
//! - Stored levels count: colour profiles and gamma are ignored.
//!
//! Orientation tags belong to files, and are applied where a file becomes an image.
//!
//! # The same bits everywhere
//! Only + − × ÷ and `libm` are used, and sums of integers.

mod filter;
mod geometry;
mod hugging_face;
mod levels;
mod params;
mod preprocessing;
mod resample;
mod taps;

pub use filter::Filter;
pub use geometry::{Centering, Crop, Resize};
pub use params::PreprocessingParams;
pub use preprocessing::Preprocessing;
pub use resample::resize;
