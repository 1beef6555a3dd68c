use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ImageEncoder, ImageFormat};
use synth_core::{Error, ItemCodec, Result};

use crate::read::{DecodeLimits, decode_image};

/// PNG through the `image` crate, fast compression. Portable: the same image gives the same bytes on
/// every machine.
///
/// Holds 8- and 16-bit grey, grey with alpha, RGB and RGBA; not float pixels.
#[derive(Clone, Copy, Debug, Default)]
pub struct ImagePng;

impl ItemCodec<DynamicImage> for ImagePng {
    fn extension(&self) -> &str {
        "png"
    }

    fn encode(&self, image: &DynamicImage) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive);
        encoder
            .write_image(image.as_bytes(), image.width(), image.height(), image.color().into())
            .map_err(|source| Error::component("PNG encoding", source))?;
        Ok(bytes)
    }

    fn decode(&self, bytes: &[u8]) -> Result<DynamicImage> {
        decode_image(bytes, Some(ImageFormat::Png), &DecodeLimits::default())
            .map_err(|source| Error::component("PNG decoding", source))
    }
}
