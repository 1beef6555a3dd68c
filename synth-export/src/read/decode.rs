use std::fmt;
use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

/// What an embedded colour profile, text or EXIF block of a PNG may take, bytes: a megabyte of deflate can
/// claim a gigabyte. A longer profile is left out, like all of them; anything else is an error.
const METADATA_BYTES: u64 = 32 << 20;

/// Pixels that a byte of a JPEG file can stand for: a block of 8 × 8 takes one bit at least.
const JPEG_PX_PER_BYTE: u64 = 8 * 64;

/// Pixels that a byte of a PNG file can stand for: deflate packs at most 1,032 bytes into one, each of eight
/// pixels at most.
const PNG_PX_PER_BYTE: u64 = 1032 * 8;

/// How large an image may be. The header of a hostile or broken file can claim anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Longest file, bytes. Default 1 GiB.
    pub max_file_bytes: u64,
    /// Longest side, px. Default 32,768.
    pub max_side_px: u32,
    /// Memory that decoding one image may take, bytes. Default 512 MiB.
    pub max_alloc_bytes: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { max_file_bytes: 1 << 30, max_side_px: 1 << 15, max_alloc_bytes: 512 << 20 }
    }
}

/// Why bytes are no image that synth reads.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecodeError {
    /// There are no bytes.
    Empty,
    /// The first bytes are those of no supported format.
    UnknownFormat {
        /// The other format that they are of, if any.
        found: Option<ImageFormat>,
    },
    /// Another format than the one asked for.
    OtherFormat {
        /// The format found, if any.
        found: Option<ImageFormat>,
        /// The format asked for.
        expected: ImageFormat,
    },
    /// The header claims more than the limits allow.
    TooLarge {
        /// The limits.
        limits: DecodeLimits,
        /// Width and height that the header claims, px, where they can be read.
        claimed_px: Option<(u32, u32)>,
        /// What the decoder says.
        source: ImageError,
    },
    /// The file ends before its image does.
    Truncated,
    /// A kind of image that the decoder lacks (grey float TIFF).
    Unsupported {
        /// What the decoder says.
        source: ImageError,
    },
    /// The bytes are torn or damaged.
    Damaged {
        /// What the decoder says.
        source: ImageError,
    },
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("the file is empty"),
            Self::UnknownFormat { found: None } => f.write_str("not an image (PNG, JPEG, TIFF, BMP or WebP)"),
            Self::UnknownFormat { found: Some(found) } => {
                write!(f, "is {found:?}, which is not read; convert it to PNG, JPEG, TIFF, BMP or WebP")
            }
            Self::OtherFormat { found: Some(found), expected } => write!(f, "is {found:?}, not {expected:?}"),
            Self::OtherFormat { found: None, expected } => write!(f, "not a {expected:?} image"),
            Self::TooLarge {
                limits: DecodeLimits { max_side_px, max_alloc_bytes, .. }, claimed_px, ..
            } => {
                if let Some((width, height)) = claimed_px {
                    write!(f, "{width} × {height} px, ")?;
                }
                let mebibytes = max_alloc_bytes >> 20;
                write!(f, "larger than the limits for one image ({max_side_px} px a side, {mebibytes} MiB)")
            }
            Self::Truncated => f.write_str("truncated image"),
            Self::Unsupported { .. } => f.write_str("not a supported kind of image"),
            Self::Damaged { .. } => f.write_str("damaged image"),
        }
    }
}

impl std::error::Error for DecodeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::TooLarge { source, .. } | Self::Unsupported { source } | Self::Damaged { source } => {
                Some(source)
            }
            _ => None,
        }
    }
}

/// Decodes an image by its content, whatever the file is called; the first frame or page of many.
///
/// Pixels keep their type: 8- and 16-bit grey, RGB, with alpha where the file has it. Palettes are
/// expanded, CMYK becomes RGB. The image is turned and mirrored as its orientation tag says (EXIF in
/// JPEG, PNG and WebP, TIFF's own), once and here, so that a pixel's place is what a viewer shows.
/// Colour profiles are ignored.
///
/// # Against Pillow
/// Formats without loss give the same pixels, CMYK TIFF included. JPEG decoders may round differently: up
/// to 2 levels apart in the tests' files, CMYK and YCCK (of Adobe's inverted inks, as Pillow takes for
/// granted) included.
///
/// # Errors
/// [`DecodeError`]; nothing is allocated for a header that breaks the limits, and of what is compressed
/// beside the pixels (a PNG's colour profile) no more than 32 MiB is unpacked. The length of the file is
/// the caller's to check.
pub fn decode_image(
    bytes: &[u8],
    expected: Option<ImageFormat>,
    limits: &DecodeLimits,
) -> Result<DynamicImage, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    let format = match (image::guess_format(bytes).ok(), expected) {
        (found, Some(expected)) if found != Some(expected) => {
            return Err(DecodeError::OtherFormat { found, expected });
        }
        (Some(format), _) if format.reading_enabled() => format,
        (found, _) => return Err(DecodeError::UnknownFormat { found }),
    };
    if format == ImageFormat::Jpeg && !is_complete_jpeg(bytes) {
        return Err(DecodeError::Truncated);
    }
    let fault = |source| match source {
        ImageError::Limits(_) => {
            let header = reader(bytes, format, within(None, METADATA_BYTES));
            let claimed_px = header.into_dimensions().ok();
            DecodeError::TooLarge { limits: *limits, claimed_px, source }
        }
        ImageError::Unsupported(_) => DecodeError::Unsupported { source },
        source => DecodeError::Damaged { source },
    };
    let side_px = Some(limits.max_side_px);
    let header = within(side_px, limits.max_alloc_bytes.min(METADATA_BYTES));
    let decoder = reader(bytes, format, header).into_decoder().map_err(fault)?;
    let is_within = decoder.total_bytes() <= limits.max_alloc_bytes;
    if is_within && !could_hold(bytes, format, decoder.dimensions()) {
        return Err(DecodeError::Truncated);
    }
    decode_upright(decoder, within(side_px, limits.max_alloc_bytes)).map_err(fault)
}

fn within(side_px: Option<u32>, alloc_bytes: u64) -> Limits {
    let mut limits = Limits::no_limits();
    (limits.max_image_width, limits.max_image_height) = (side_px, side_px);
    limits.max_alloc = Some(alloc_bytes);
    limits
}

fn reader(bytes: &[u8], format: ImageFormat, limits: Limits) -> ImageReader<Cursor<&[u8]>> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits);
    reader
}

/// The image as its orientation tag wants it seen.
fn decode_upright(mut decoder: impl ImageDecoder, mut allowed: Limits) -> Result<DynamicImage, ImageError> {
    let orientation = decoder.orientation()?;
    // A quarter turn needs a second image.
    let in_place = matches!(
        orientation,
        Orientation::NoTransforms
            | Orientation::Rotate180
            | Orientation::FlipHorizontal
            | Orientation::FlipVertical
    );
    let images = if in_place { 1 } else { 2 };
    allowed.reserve(decoder.total_bytes().saturating_mul(images))?;
    decoder.set_limits(allowed)?;
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// Whether a file is long enough for its pixels. For one that is not, memory would be taken by its claim;
/// of a JPEG the decoder, which is lenient, would make as much grey.
fn could_hold(bytes: &[u8], format: ImageFormat, (width, height): (u32, u32)) -> bool {
    let px_per_byte = match format {
        ImageFormat::Jpeg => JPEG_PX_PER_BYTE,
        ImageFormat::Png => PNG_PX_PER_BYTE,
        // Their pixels may take no bytes.
        _ => return true,
    };
    u64::from(width) * u64::from(height) <= bytes.len() as u64 * px_per_byte
}

/// Whether the markers of a JPEG file lead to its end marker. The decoder itself is lenient: it
/// fills what is missing with grey. Thumbnails inside segments are skipped with their segment.
fn is_complete_jpeg(bytes: &[u8]) -> bool {
    let mut at = 2;
    loop {
        // Entropy-coded data and padding run up to the next marker that is neither a stuffed zero
        // nor a restart.
        let Some(marker) = bytes.get(at..).and_then(|rest| {
            rest.windows(2)
                .position(|pair| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0x01 | 0xd0..=0xd7 | 0xff))
        }) else {
            return false;
        };
        let code = bytes[at + marker + 1];
        if code == 0xd9 {
            return true;
        }
        at += marker + 2;
        let Some(length) = bytes.get(at..at + 2) else { return false };
        at += usize::from(u16::from_be_bytes([length[0], length[1]]));
    }
}
