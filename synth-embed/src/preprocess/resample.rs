use std::ops::Range;

use image::{DynamicImage, GrayImage, RgbImage};
use synth_core::{Error, Result};

use super::filter::Filter;
use super::levels::Levels;
use super::taps::{HALF, Taps, level_from_sum};

/// An image resized to `width` × `height` px, equal to the bit to Pillow's `Image.resize` of its 8-bit
/// grey or RGB form.
///
/// ```text
/// out = clip((Σ w_k v_k + 2²¹) >> 22),   w_k = round(2²² f(d_k / s) / Σ f(d_k / s)),   s = max(in / out, 1)
/// ```
///
/// `d_k` is the distance of sample k from the output's centre, `f` the [`Filter`]; so what is shrunk is
/// low-pass filtered. First along the rows, then along the columns, with 8-bit levels in between; the
/// other way round, as Pillow does since version 13, where the height is to shrink by more than twice as
/// many pixels as the width (before, such images differ by a level here and there, at edges by more).
///
/// Why not the crate `fast_image_resize`: its weights have fewer bits, which changes 9 to 22 % of the
/// levels by one (640 × 480 and 4000 × 3000 px of texture to a short side of 256 px, version 6.1.0).
///
/// # Convention
/// Origin at the corner of the first pixel, pixel centres at ½; weights beyond the border are left out
/// and the others divided by their sum; stored levels are averaged as they are, without gamma. Alpha is
/// dropped, 16 bits and floats become 8 bits first, as [`Preprocessing`](super::Preprocessing) says.
///
/// # Errors
/// [`Error::InvalidParam`] if a side of the image, `width` or `height` is 0, [`Error::Unsupported`] for
/// a pixel type that the `image` crate may add.
///
/// # Examples
/// ```
/// use image::{DynamicImage, GrayImage};
/// use synth_embed::preprocess::{Filter, resize};
///
/// let edge = DynamicImage::from(GrayImage::from_fn(4, 1, |x, _| image::Luma([if x < 2 { 0 } else { 200 }])));
/// let wide = resize(&edge, 8, 1, Filter::Bicubic)?;
/// // Pillow: Image.fromarray(np.uint8([[0, 0, 200, 200]])).resize((8, 1), Image.BICUBIC)
/// assert_eq!(wide.as_bytes(), [0, 0, 0, 41, 159, 214, 204, 200]);
/// assert!(resize(&edge, 0, 1, Filter::Bicubic).is_err());
/// # Ok::<(), synth_core::Error>(())
/// ```
///
/// # References
/// Pillow, `src/libImaging/Resample.c`.
pub fn resize(image: &DynamicImage, width: u32, height: u32, filter: Filter) -> Result<DynamicImage> {
    if width == 0 || height == 0 {
        return Err(Error::invalid("size", "at least 1 × 1 px", format!("{width} × {height} px")));
    }
    let levels = Levels::new(image)?;
    let (columns, rows) = (width as usize, height as usize);
    let planes = resample(levels, filter, [columns, rows], [0..columns, 0..rows]);
    if planes.count == 1 {
        let grey = GrayImage::from_raw(width, height, planes.levels);
        return Ok(grey.expect("invariant: one level a pixel").into());
    }
    let row = |plane, y| &planes.row(plane, y as usize)[..columns];
    let colour =
        RgbImage::from_fn(width, height, |x, y| image::Rgb([0, 1, 2].map(|plane| row(plane, y)[x as usize])));
    Ok(colour.into())
}

/// A part of a resized image. Rows lie one after another, each as `count` stretches of `width` levels.
#[derive(Debug)]
pub(super) struct Planes {
    pub(super) count: usize,
    pub(super) width: usize,
    levels: Vec<u8>,
}

impl Planes {
    pub(super) fn row(&self, plane: usize, y: usize) -> &[u8] {
        &self.levels[(y * self.count + plane) * self.width..][..self.width]
    }

    /// All planes of a row; each has its equal share of `out`, whose rest is left alone.
    fn copy_row(&self, y: usize, out: &mut [i16]) {
        for (plane, out) in out.chunks_exact_mut(out.len() / self.count).enumerate() {
            for (level, out) in self.row(plane, y).iter().zip(out) {
                *out = i16::from(*level);
            }
        }
    }
}

/// What is `kept` (columns, rows) of the image resized to `size`; the rest is not computed.
pub(super) fn resample(
    image: Levels<'_>,
    filter: Filter,
    [width, height]: [usize; 2],
    [columns, rows]: [Range<usize>; 2],
) -> Planes {
    if [image.width, image.height] == [width, height] {
        return cut_out(image, [columns, rows]);
    }
    let (count, kept) = (image.planes, columns.len());
    let rows_first = rows_come_first([image.width, image.height], [width, height]);
    let down = Taps::new(filter, image.height, height, rows);
    let across = Taps::new(filter, image.width, width, columns);
    let levels = if rows_first {
        let read = |y, out: &mut [i16]| image.read_row(y, across.used.clone(), out);
        let narrow = resample_rows(count, &across, down.used.clone(), read);
        resample_columns(&narrow, count * kept, &down)
    } else {
        let used = across.used.len();
        let mut stored = vec![0_u8; down.used.len() * count * used];
        for (y, out) in down.used.clone().zip(stored.chunks_exact_mut(count * used)) {
            image.read_row(y, across.used.clone(), out);
        }
        let low = Planes { count, width: used, levels: resample_columns(&stored, count * used, &down) };
        resample_rows(count, &across, 0..down.starts.len(), |y, out| low.copy_row(y, out))
    };
    Planes { count, width: kept, levels }
}

/// What is kept of an image that has its size already: as the sums would give it, with one weight of 1.
fn cut_out(image: Levels<'_>, [columns, rows]: [Range<usize>; 2]) -> Planes {
    let (count, width) = (image.planes, columns.len());
    let mut levels = vec![0; rows.len() * count * width];
    for (y, out) in rows.zip(levels.chunks_exact_mut(count * width)) {
        image.read_row::<u8>(y, columns.clone(), out);
    }
    Planes { count, width, levels }
}

/// Pillow's rule since version 13, of sizes from and to.
fn rows_come_first(from: [usize; 2], to: [usize; 2]) -> bool {
    let [wider, higher] = [0, 1].map(|axis| from[axis] as i64 - to[axis] as i64);
    higher <= 0 || higher <= 2 * wider
}

/// Samples that one step of [`dot`] takes, so that it needs no remainder.
const STEP: usize = 8;

/// The rows `rows`, each of them resampled; `read` writes the used samples of each of `planes` planes.
fn resample_rows(
    planes: usize,
    taps: &Taps,
    rows: Range<usize>,
    read: impl Fn(usize, &mut [i16]),
) -> Vec<u8> {
    let length = taps.length.next_multiple_of(STEP);
    let weights = SplitWeights::new(taps, length);
    let kept = taps.starts.len();
    // The last windows may reach behind the row: zeros, with the weight zero.
    let share = taps.used.len() + length;
    let mut levels = vec![0_i16; share * planes];
    let mut out = vec![0_u8; rows.len() * planes * kept];
    for (y, out) in rows.zip(out.chunks_exact_mut(planes * kept)) {
        read(y, &mut levels);
        for (plane, out) in levels.chunks_exact(share).zip(out.chunks_exact_mut(kept)) {
            for ((out, start), (high, low)) in out.iter_mut().zip(&taps.starts).zip(weights.iter()) {
                let window = &plane[start - taps.used.start..][..length];
                let sum = (dot(window, high) << LOW_BITS).wrapping_add(dot(window, low));
                *out = level_from_sum(sum.wrapping_add(HALF));
            }
        }
    }
    out
}

/// Bits of a weight's lower part; then both parts fit 16 bits with a sign.
const LOW_BITS: u32 = 8;

/// Weights in two parts, `high · 2⁸ + low`: processors multiply 16 bits many times faster than 32.
#[derive(Debug)]
struct SplitWeights {
    length: usize,
    high: Vec<i16>,
    low: Vec<i16>,
}

impl SplitWeights {
    /// Each output's weights, with zeros up to `length`.
    fn new(taps: &Taps, length: usize) -> Self {
        let padded = |part: fn(i32) -> i16| {
            let mut parts = Vec::with_capacity(taps.starts.len() * length);
            for weights in taps.weights.chunks_exact(taps.length) {
                parts.extend(weights.iter().map(|&weight| part(weight)));
                parts.resize(parts.len() + length - taps.length, 0);
            }
            parts
        };
        let high = padded(|weight| (weight >> LOW_BITS) as i16);
        let low = padded(|weight| (weight & ((1 << LOW_BITS) - 1)) as i16);
        Self { length, high, low }
    }

    fn iter(&self) -> impl Iterator<Item = (&[i16], &[i16])> {
        self.high.chunks_exact(self.length).zip(self.low.chunks_exact(self.length))
    }
}

/// Sums wrap around: what the parts add up to fits.
fn dot(levels: &[i16], weights: &[i16]) -> i32 {
    let products = levels.iter().zip(weights).map(|(&level, &weight)| i32::from(level) * i32::from(weight));
    products.fold(0, i32::wrapping_add)
}

/// Columns whose sums are held at once.
const STRIP: usize = 16;

/// Weighted sums of the rows of `levels`, `width` levels each, of which the first is the first used one.
fn resample_columns(levels: &[u8], width: usize, taps: &Taps) -> Vec<u8> {
    let mut out = vec![0; taps.starts.len() * width];
    let outputs = out.chunks_exact_mut(width).zip(&taps.starts).zip(taps.weights.chunks_exact(taps.length));
    for ((out, start), weights) in outputs {
        let rows = || levels[(start - taps.used.start) * width..].chunks_exact(width).zip(weights);
        let (strips, rest) = out.as_chunks_mut::<STRIP>();
        for (index, strip) in strips.iter_mut().enumerate() {
            let mut sums = [HALF; STRIP];
            for (row, &weight) in rows() {
                let levels: &[u8; STRIP] = &row.as_chunks().0[index];
                for (sum, &level) in sums.iter_mut().zip(levels) {
                    *sum = sum.wrapping_add(i32::from(level).wrapping_mul(weight));
                }
            }
            *strip = sums.map(level_from_sum);
        }
        let first = width - rest.len();
        for (column, out) in rest.iter_mut().enumerate() {
            let products = rows().map(|(row, &weight)| i32::from(row[first + column]).wrapping_mul(weight));
            *out = level_from_sum(products.fold(HALF, i32::wrapping_add));
        }
    }
    out
}
