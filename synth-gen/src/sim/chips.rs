use image::{DynamicImage, GrayImage};
use synth_core::{Error, Result, Seed, Stream};

use super::voids::BaseImage;

/// How many built-in chips there are.
const CHIPS: usize = 5;
/// Sides that can be made, px; the same that voids can be drawn on.
const SIDES_PX: std::ops::RangeInclusive<u32> = 32..=4096;
/// Standard deviation of the sensor noise, grey levels.
const NOISE: f64 = 3.0;
/// Standard deviation of the optics' blur, px.
const BLUR_PX: f64 = 0.7;

/// Five procedural base images of chips without voids, `chip_0` to `chip_4`, 8-bit grey.
///
/// Each is a die with its own shading, a dark border, 4 to 8 bright pads, three traces, a slight blur
/// and sensor noise of σ = 3 grey levels. The same side gives the same bytes on every machine.
///
/// # Errors
/// [`Error::InvalidParam`] if `side_px` is not 32 to 4096.
///
/// # Examples
/// ```
/// let chips = synth_gen::builtin_chips(64)?;
/// assert_eq!(chips.len(), 5);
/// assert_eq!((chips[4].id.as_str(), chips[4].image.width()), ("chip_4", 64));
/// assert!(synth_gen::builtin_chips(16).is_err());
/// # Ok::<(), synth_core::Error>(())
/// ```
pub fn builtin_chips(side_px: u32) -> Result<Vec<BaseImage>> {
    if !SIDES_PX.contains(&side_px) {
        let expected = format!("a side of {} to {} px", SIDES_PX.start(), SIDES_PX.end());
        return Err(Error::invalid("side_px", expected, side_px));
    }
    let seed = Seed::from_u64(0).derive("builtin chips 1");
    let chip = |number: usize| {
        let stream = seed.stream(number as u64);
        BaseImage::new(format!("chip_{number}"), Plane::chip(number, side_px as usize, stream).into_image())
    };
    Ok((0..CHIPS).map(chip).collect())
}

/// A square grey image in real numbers.
struct Plane {
    side: usize,
    values: Vec<f64>,
}

impl Plane {
    fn chip(number: usize, side: usize, mut stream: Stream) -> Self {
        let mut plane = Self::die(number, side, &mut stream);
        plane.border(&mut stream);
        for _ in 0..4 + number {
            plane.pad(&mut stream);
        }
        for _ in 0..3 {
            plane.trace(&mut stream);
        }
        plane.values.iter_mut().for_each(|value| *value += NOISE * stream.normal());
        plane.blurred()
    }

    /// The bare die: a gradient of its own, darker towards the corners.
    fn die(number: usize, side: usize, stream: &mut Stream) -> Self {
        let gradient = [stream.uniform(-25.0, 25.0), stream.uniform(-25.0, 25.0)];
        let base = 165.0 + 6.0 * number as f64;
        let value = |at: usize| {
            let x = (at % side) as f64 / side as f64 - 0.5;
            let y = (at / side) as f64 / side as f64 - 0.5;
            base + gradient[0] * x + gradient[1] * y - 30.0 * (x * x + y * y)
        };
        Self { side, values: (0..side * side).map(value).collect() }
    }

    fn border(&mut self, stream: &mut Stream) {
        let margin = (self.side as f64 * stream.uniform(0.03, 0.06)) as usize;
        let inside = margin..self.side - margin;
        for (at, value) in self.values.iter_mut().enumerate() {
            if !(inside.contains(&(at % self.side)) && inside.contains(&(at / self.side))) {
                *value -= 45.0;
            }
        }
    }

    fn pad(&mut self, stream: &mut Stream) {
        let side = self.side as f64;
        let [width, height] = [0, 1].map(|_| stream.uniform(0.05, 0.12) * side);
        let [left, top] = [0, 1].map(|_| stream.uniform(0.1, 0.8) * side);
        let brightness = 205.0 + 5.0 * stream.normal();
        let end = |from: f64, length: f64| ((from + length) as usize + 1).min(self.side);
        for y in top as usize..end(top, height) {
            let row = y * self.side;
            self.values[row + left as usize..row + end(left, width)].fill(brightness);
        }
    }

    /// A straight conductor, anti-aliased.
    fn trace(&mut self, stream: &mut Stream) {
        let [ax, ay, bx, by] = [0; 4].map(|_| stream.uniform(0.05, 0.95) * self.side as f64);
        let half_width = 0.5 * ((self.side / 112).max(1)) as f64;
        let (dx, dy) = (bx - ax, by - ay);
        let squared = (dx * dx + dy * dy).max(f64::MIN_POSITIVE);
        for (at, value) in self.values.iter_mut().enumerate() {
            let (x, y) = ((at % self.side) as f64 + 0.5 - ax, (at / self.side) as f64 + 0.5 - ay);
            let along = ((x * dx + y * dy) / squared).clamp(0.0, 1.0);
            let (off_x, off_y) = (x - along * dx, y - along * dy);
            let distance = libm::sqrt(off_x * off_x + off_y * off_y);
            let coverage = (half_width + 0.5 - distance).clamp(0.0, 1.0);
            *value += coverage * (185.0 - *value);
        }
    }

    fn blurred(self) -> Self {
        self.blurred_along([1, 0]).blurred_along([0, 1])
    }

    /// Five taps of a Gaussian, borders mirrored about the border pixel's centre.
    fn blurred_along(&self, step: [isize; 2]) -> Self {
        let weight = |i: f64| libm::exp(-i * i / (2.0 * BLUR_PX * BLUR_PX));
        let weights = [-2.0, -1.0, 0.0, 1.0, 2.0].map(weight);
        let total: f64 = weights.iter().sum();
        let last = self.side as isize - 1;
        let mirror = |at: isize| (last - (last - at.abs()).abs()) as usize;
        let value = |at: usize| {
            let (x, y) = ((at % self.side) as isize, (at / self.side) as isize);
            let tap = |i: usize| {
                let offset = i as isize - 2;
                let (x, y) = (mirror(x + offset * step[0]), mirror(y + offset * step[1]));
                weights[i] / total * self.values[y * self.side + x]
            };
            (0..5).map(tap).sum()
        };
        Self { side: self.side, values: (0..self.side * self.side).map(value).collect() }
    }

    fn into_image(self) -> DynamicImage {
        let bytes = self.values.iter().map(|value| libm::round(value.clamp(0.0, 255.0)) as u8).collect();
        let side = self.side as u32;
        let image = GrayImage::from_raw(side, side, bytes);
        DynamicImage::ImageLuma8(image.expect("invariant: one byte per pixel"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chips_differ_and_use_the_grey_scale() {
        let chips = builtin_chips(96).expect("valid side");
        for (at, chip) in chips.iter().enumerate() {
            let pixels = chip.image.as_bytes();
            let mean = pixels.iter().map(|&p| f64::from(p)).sum::<f64>() / pixels.len() as f64;
            assert!((120.0..200.0).contains(&mean), "{mean}");
            assert!(pixels.iter().any(|&p| p > 190) && pixels.iter().any(|&p| p < 140));
            assert!(chips[..at].iter().all(|other| other.image != chip.image));
        }
    }

    #[test]
    fn every_side_in_range_works() {
        for side in [32, 33, 100, 513] {
            assert!(builtin_chips(side).expect("valid side").iter().all(|chip| chip.image.height() == side));
        }
        assert!(builtin_chips(31).is_err() && builtin_chips(4097).is_err());
    }
}
