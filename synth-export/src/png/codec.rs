use image::{ColorType, DynamicImage, ImageFormat};
use synth_core::{Error, ItemCodec, Result};

use super::deflate::zlib;
use super::filter::filter_rows;
use crate::read::{DecodeLimits, decode_image};

/// PNG, lossless: 8- and 16-bit grey, grey with alpha, RGB and RGBA; not float pixels.
///
/// The bytes depend on the pixels alone: not on the machine, and not on the release of a compression
/// library, for everything from prediction to Huffman codes is written here. Made for what simulators
/// and cameras give: noise, which matching of strings cannot shorten, and label masks, whose rows
/// repeat. Each row takes the prediction with the smallest residuals; long runs of one byte are
/// matches, all else is Huffman-coded.
///
/// Pictures with much repeated texture (screenshots) become smaller with a general PNG optimiser.
///
/// # Examples
/// ```
/// use image::{DynamicImage, GrayImage};
/// use synth_core::ItemCodec;
/// use synth_export::PngCodec;
/// let image = DynamicImage::ImageLuma8(GrayImage::from_fn(40, 30, |x, y| image::Luma([(x * y) as u8])));
/// let bytes = PngCodec.encode(&image)?;
/// assert_eq!(PngCodec.decode(&bytes)?, image);
/// assert!(PngCodec.decode(&bytes[..50]).is_err(), "truncated");
/// # Ok::<(), synth_core::Error>(())
/// ```
///
/// # References
/// PNG: W3C Recommendation, third edition, <https://www.w3.org/TR/png-3/>.
#[derive(Clone, Copy, Debug, Default)]
pub struct PngCodec;

impl ItemCodec<DynamicImage> for PngCodec {
    fn extension(&self) -> &str {
        "png"
    }

    fn encode(&self, image: &DynamicImage) -> Result<Vec<u8>> {
        let pixel = Pixel::of(image.color())?;
        if image.width() == 0 || image.height() == 0 {
            let got = format!("{} × {} px", image.width(), image.height());
            return Err(Error::invalid("PNG image", "at least 1 × 1 px", got));
        }
        let samples = match image {
            DynamicImage::ImageLuma16(buffer) => Some(big_endian(buffer)),
            DynamicImage::ImageLumaA16(buffer) => Some(big_endian(buffer)),
            DynamicImage::ImageRgb16(buffer) => Some(big_endian(buffer)),
            DynamicImage::ImageRgba16(buffer) => Some(big_endian(buffer)),
            _ => None,
        };
        let rows = filter_rows(
            samples.as_deref().unwrap_or_else(|| image.as_bytes()),
            image.width() as usize * pixel.bytes,
            pixel.bytes,
        );
        Ok(file([image.width(), image.height()], pixel, &zlib(&rows)))
    }

    fn decode(&self, bytes: &[u8]) -> Result<DynamicImage> {
        decode_image(bytes, Some(ImageFormat::Png), &DecodeLimits::default())
            .map_err(|source| Error::component("PNG decoding", source))
    }
}

/// How a pixel is stored.
#[derive(Clone, Copy, Debug)]
struct Pixel {
    bit_depth: u8,
    colour_type: u8,
    bytes: usize,
}

impl Pixel {
    fn of(colour: ColorType) -> Result<Self> {
        let (bit_depth, colour_type) = match colour {
            ColorType::L8 => (8, 0),
            ColorType::L16 => (16, 0),
            ColorType::Rgb8 => (8, 2),
            ColorType::Rgb16 => (16, 2),
            ColorType::La8 => (8, 4),
            ColorType::La16 => (16, 4),
            ColorType::Rgba8 => (8, 6),
            ColorType::Rgba16 => (16, 6),
            _ => {
                let what = format!("PNG of {colour:?} pixels");
                let reason = "the format holds 8- and 16-bit grey and RGB, with or without alpha".to_owned();
                return Err(Error::Unsupported { what, reason });
            }
        };
        Ok(Self { bit_depth, colour_type, bytes: usize::from(colour.bytes_per_pixel()) })
    }
}

fn big_endian(samples: &[u16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_be_bytes()).collect()
}

fn file([width, height]: [u32; 2], pixel: Pixel, data: &[u8]) -> Vec<u8> {
    let mut header = [0; 13];
    header[..4].copy_from_slice(&width.to_be_bytes());
    header[4..8].copy_from_slice(&height.to_be_bytes());
    header[8..10].copy_from_slice(&[pixel.bit_depth, pixel.colour_type]);
    let mut bytes = Vec::with_capacity(data.len() + 64);
    bytes.extend_from_slice(b"\x89PNG\r\n\x1a\n");
    chunk(&mut bytes, *b"IHDR", &header);
    // A chunk's length is a 31-bit number.
    for part in data.chunks(1 << 30) {
        chunk(&mut bytes, *b"IDAT", part);
    }
    chunk(&mut bytes, *b"IEND", &[]);
    bytes
}

fn chunk(bytes: &mut Vec<u8>, name: [u8; 4], data: &[u8]) {
    bytes.extend_from_slice(&(data.len() as u32).to_be_bytes());
    let start = bytes.len();
    bytes.extend_from_slice(&name);
    bytes.extend_from_slice(data);
    let check = crc32fast::hash(&bytes[start..]);
    bytes.extend_from_slice(&check.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, ImageBuffer, Luma, Rgb32FImage};
    use proptest::prelude::*;
    use synth_core::Seed;

    use super::*;

    /// An image of this colour type; `step` 0 is constant, larger ones are rougher.
    fn picture(colour: ColorType, width: u32, height: u32, step: u64) -> DynamicImage {
        let mut stream = Seed::from_u64(u64::from(width * 31 + height)).stream(step);
        let mut image = DynamicImage::new(width, height, colour);
        let count = (width * height) as usize * usize::from(colour.channel_count());
        let walk: Vec<u16> = (0..count)
            .scan(900_u16, |value, _| {
                *value = value.wrapping_add((stream.bits() % (step + 1)) as u16);
                Some(*value)
            })
            .collect();
        macro_rules! fill {
            ($buffer:expr) => {
                $buffer.iter_mut().zip(&walk).for_each(|(sample, value)| *sample = *value as _)
            };
        }
        match &mut image {
            DynamicImage::ImageLuma8(buffer) => fill!(buffer),
            DynamicImage::ImageLumaA8(buffer) => fill!(buffer),
            DynamicImage::ImageRgb8(buffer) => fill!(buffer),
            DynamicImage::ImageRgba8(buffer) => fill!(buffer),
            DynamicImage::ImageLuma16(buffer) => fill!(buffer),
            DynamicImage::ImageLumaA16(buffer) => fill!(buffer),
            DynamicImage::ImageRgb16(buffer) => fill!(buffer),
            DynamicImage::ImageRgba16(buffer) => fill!(buffer),
            other => panic!("{:?} is not in the tests", other.color()),
        }
        image
    }

    const COLOURS: [ColorType; 8] = [
        ColorType::L8,
        ColorType::La8,
        ColorType::Rgb8,
        ColorType::Rgba8,
        ColorType::L16,
        ColorType::La16,
        ColorType::Rgb16,
        ColorType::Rgba16,
    ];

    #[test]
    fn every_pixel_type_reads_back_equal() {
        for colour in COLOURS {
            for (width, height) in [(1, 1), (7, 3), (64, 65), (300, 220)] {
                for step in [0, 3, 60_000] {
                    let image = picture(colour, width, height, step);
                    let bytes = PngCodec.encode(&image).expect("encodes");
                    let back = PngCodec.decode(&bytes).expect("decodes");
                    assert!(back == image, "{colour:?} {width} × {height}, step {step}");
                }
            }
        }
    }

    #[test]
    fn bytes_are_part_of_the_format() {
        let mut hasher = blake3::Hasher::new();
        for colour in COLOURS {
            for step in [0, 3, 60_000] {
                hasher.update(&PngCodec.encode(&picture(colour, 131, 97, step)).expect("encodes"));
            }
        }
        assert_eq!(hasher.finalize().to_hex()[..32], *"28df2e695e74f62ded404f29945b5637");
    }

    #[test]
    fn label_masks_become_small() {
        let mask = ImageBuffer::from_fn(512, 512, |x, y| Luma([((x / 100) * (y / 90)) as u16]));
        let bytes = PngCodec.encode(&DynamicImage::ImageLuma16(mask)).expect("encodes");
        assert!(bytes.len() < 3000, "{}", bytes.len());
    }

    #[test]
    fn noise_grows_by_little() {
        let mut stream = Seed::from_u64(1).stream(0);
        let noise = GrayImage::from_fn(300, 300, |_, _| Luma([stream.bits() as u8]));
        let bytes = PngCodec.encode(&DynamicImage::ImageLuma8(noise)).expect("encodes");
        assert!(bytes.len() < 301 * 300 + 100, "{}", bytes.len());
    }

    #[test]
    fn float_pixels_are_refused() {
        let error =
            PngCodec.encode(&DynamicImage::ImageRgb32F(Rgb32FImage::new(2, 2))).expect_err("no float");
        assert!(error.to_string().contains("not supported"), "{error}");
    }

    #[test]
    fn damage_is_an_error() {
        let bytes = PngCodec.encode(&picture(ColorType::Rgb8, 40, 40, 5)).expect("encodes");
        for length in (0..bytes.len() - 12).step_by(7) {
            assert!(PngCodec.decode(&bytes[..length]).is_err(), "cut at {length}");
        }
        let mut altered = bytes.clone();
        altered[bytes.len() / 2] ^= 1;
        assert!(PngCodec.decode(&altered).is_err(), "one bit altered");
    }

    proptest! {
        #[test]
        fn any_grey_image_reads_back_equal(
            width in 1_u32..80,
            samples in prop::collection::vec(prop_oneof![Just(0_u8), Just(7), any::<u8>()], 80..3000),
        ) {
            let height = samples.len() as u32 / width;
            let samples = samples[..(width * height) as usize].to_vec();
            let image = DynamicImage::ImageLuma8(GrayImage::from_raw(width, height, samples).expect("sized"));
            let bytes = PngCodec.encode(&image).expect("encodes");
            prop_assert_eq!(PngCodec.decode(&bytes).expect("decodes"), image);
        }
    }
}
