//! A square grey plane and the exact area average that makes one from any image.

use image::DynamicImage;

/// A square plane of `side`² values, row by row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plane {
    pub(super) side: usize,
    pub(super) data: Vec<f32>,
}

impl Plane {
    pub(super) fn new(side: usize, data: Vec<f32>) -> Self {
        assert_eq!(data.len(), side * side, "invariant: a plane is square");
        Self { side, data }
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.data.chunks_exact(self.side)
    }

    pub(super) fn map(&self, f: impl FnMut(f32) -> f32) -> Self {
        Self { side: self.side, data: self.data.iter().copied().map(f).collect() }
    }
}

/// Luminance in [0, 1], resampled to `side` × `side` by an exact area average.
pub(super) fn plane_from_image(image: &DynamicImage, side: usize) -> Plane {
    let (width, height) = (image.width() as usize, image.height() as usize);
    match image {
        DynamicImage::ImageLuma8(grey) => {
            let pixels = grey.as_raw();
            resample(width, height, side, |at| f32::from(pixels[at]) / 255.0)
        }
        DynamicImage::ImageLuma16(grey) => {
            let pixels = grey.as_raw();
            resample(width, height, side, |at| f32::from(pixels[at]) / 65535.0)
        }
        DynamicImage::ImageRgb8(colour) => {
            let pixels = colour.as_raw();
            resample(width, height, side, |at| luminance(&pixels[3 * at..3 * at + 3]) / 255.0)
        }
        DynamicImage::ImageRgb32F(colour) => {
            let pixels = colour.as_raw();
            resample(width, height, side, |at| unit_luminance(&pixels[3 * at..3 * at + 3]))
        }
        DynamicImage::ImageRgba32F(colour) => {
            let pixels = colour.as_raw();
            resample(width, height, side, |at| unit_luminance(&pixels[4 * at..4 * at + 3]))
        }
        // The remaining kinds hold integers of at most 16 bits, which this conversion keeps exactly.
        other => {
            let colour = other.to_rgb16();
            let pixels = colour.as_raw();
            resample(width, height, side, |at| luminance(&pixels[3 * at..3 * at + 3]) / 65535.0)
        }
    }
}

/// Rec. 709 luma of the stored values: 0.2126 R + 0.7152 G + 0.0722 B.
fn luminance<T: Copy + Into<f32>>(rgb: &[T]) -> f32 {
    0.2126 * rgb[0].into() + 0.7152 * rgb[1].into() + 0.0722 * rgb[2].into()
}

/// Floating-point pixels may lie outside [0, 1] or be NaN; NaN counts as black.
fn unit_luminance(rgb: &[f32]) -> f32 {
    let value = luminance(rgb);
    if value.is_nan() { 0.0 } else { value.clamp(0.0, 1.0) }
}

/// Which source cells one target cell covers, and by how much.
struct Span {
    first: usize,
    weights: Vec<f32>,
}

/// Cell `i` of `target` covers [i·n/target, (i + 1)·n/target) of `n` source cells; weights sum to 1.
fn spans(n: usize, target: usize) -> Vec<Span> {
    (0..target)
        .map(|i| {
            // In units of 1/target of a source cell every border is an integer: no rounding.
            let (start, end) = (i * n, (i + 1) * n);
            let (first, last) = (start / target, (end - 1) / target);
            let weights = (first..=last)
                .map(|cell| {
                    let overlap = end.min((cell + 1) * target) - start.max(cell * target);
                    overlap as f32 / n as f32
                })
                .collect();
            Span { first, weights }
        })
        .collect()
}

fn resample(width: usize, height: usize, side: usize, value: impl Fn(usize) -> f32) -> Plane {
    let (columns, rows) = (spans(width, side), spans(height, side));
    let mut data = vec![0.0_f32; side * side];
    let mut line = vec![0.0_f32; width];
    for (span, out) in rows.iter().zip(data.chunks_exact_mut(side)) {
        line.fill(0.0);
        for (offset, &weight) in span.weights.iter().enumerate() {
            let start = (span.first + offset) * width;
            for (x, sum) in line.iter_mut().enumerate() {
                *sum += weight * value(start + x);
            }
        }
        for (span, out) in columns.iter().zip(out) {
            let cells = &line[span.first..span.first + span.weights.len()];
            *out = cells.iter().zip(&span.weights).map(|(value, weight)| value * weight).sum();
        }
    }
    Plane::new(side, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_every_cell_once() {
        for (n, target) in [(16, 128), (224, 128), (129, 128), (4096, 128), (1, 4)] {
            let mut cover = vec![0.0_f64; n];
            for span in spans(n, target) {
                for (offset, &weight) in span.weights.iter().enumerate() {
                    cover[span.first + offset] += f64::from(weight);
                }
            }
            let expected = target as f64 / n as f64;
            assert!(cover.iter().all(|&sum| (sum - expected).abs() < 1e-5 * expected), "{n} to {target}");
        }
    }

    #[test]
    fn averages_areas_exactly() {
        // Three cells to two: the middle one is shared in halves; 0, 6, 9 gives 2 and 8.
        let cells = [0.0, 6.0, 9.0, 0.0, 6.0, 9.0, 0.0, 6.0, 9.0];
        let plane = resample(3, 3, 2, |at| cells[at]);
        for (got, expected) in plane.data.iter().zip([2.0_f32, 8.0, 2.0, 8.0]) {
            assert!((got - expected).abs() < 1e-5);
        }
    }
}
