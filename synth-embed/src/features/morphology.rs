//! Granulometry: how much of the picture closings and openings of growing size fill or remove.
//!
//! Matheron's pattern spectrum (Maragos 1989) on the grey plane, with octagons (a square dilated by
//! a diamond) as the nearest cheap thing to a disc.

use super::plane::Plane;

/// Sliding extremum of `2 · half + 1` samples along a line, borders repeated: van Herk's method,
/// three comparisons per sample at every size.
#[derive(Debug, Default)]
struct Slider {
    padded: Vec<f32>,
    forward: Vec<f32>,
    backward: Vec<f32>,
}

impl Slider {
    fn run(&mut self, line: &mut [f32], half: usize, pick: fn(f32, f32) -> f32) {
        let width = 2 * half + 1;
        let n = line.len() + 2 * half;
        let padded_len = n.div_ceil(width) * width;
        let (first, last) = (line[0], line[line.len() - 1]);
        self.padded.clear();
        self.padded.resize(half, first);
        self.padded.extend_from_slice(line);
        self.padded.resize(padded_len, last);
        self.forward.clone_from(&self.padded);
        self.backward.clone_from(&self.padded);
        for block in self.forward.chunks_exact_mut(width) {
            for i in 1..width {
                block[i] = pick(block[i], block[i - 1]);
            }
        }
        for block in self.backward.chunks_exact_mut(width) {
            for i in (0..width - 1).rev() {
                block[i] = pick(block[i], block[i + 1]);
            }
        }
        for (i, out) in line.iter_mut().enumerate() {
            *out = pick(self.backward[i], self.forward[i + width - 1]);
        }
    }
}

/// Grey dilation or erosion of a plane by flat structuring elements.
#[derive(Debug, Default)]
pub(super) struct Morphology {
    slider: Slider,
    line: Vec<f32>,
}

impl Morphology {
    /// Extremum over a square of side 2 · half + 1.
    fn square(&mut self, plane: &mut Plane, half: usize, pick: fn(f32, f32) -> f32) {
        if half == 0 {
            return;
        }
        let side = plane.side;
        for row in plane.data.chunks_exact_mut(side) {
            self.slider.run(row, half, pick);
        }
        for x in 0..side {
            self.along(plane, x, side, side, half, pick);
        }
    }

    /// Extremum along both diagonals: a diamond of half-width 2 · half.
    fn diamond(&mut self, plane: &mut Plane, half: usize, pick: fn(f32, f32) -> f32) {
        if half == 0 {
            return;
        }
        let side = plane.side;
        for start in 0..side {
            self.along(plane, start, side + 1, side - start, half, pick);
            self.along(plane, start, side - 1, start + 1, half, pick);
        }
        for start in 1..side {
            self.along(plane, start * side, side + 1, side - start, half, pick);
            self.along(plane, start * side + side - 1, side - 1, side - start, half, pick);
        }
    }

    fn along(
        &mut self,
        plane: &mut Plane,
        start: usize,
        stride: usize,
        count: usize,
        half: usize,
        pick: fn(f32, f32) -> f32,
    ) {
        self.line.clear();
        self.line.extend((0..count).map(|i| plane.data[start + i * stride]));
        self.slider.run(&mut self.line, half, pick);
        for (i, &value) in self.line.iter().enumerate() {
            plane.data[start + i * stride] = value;
        }
    }

    fn octagon(&mut self, plane: &mut Plane, radius: usize, pick: fn(f32, f32) -> f32) {
        let diagonal = radius * 3 / 10;
        self.square(plane, radius - 2 * diagonal, pick);
        self.diamond(plane, diagonal, pick);
    }

    /// Dilation, then erosion: fills dark things that the octagon does not fit into.
    fn closing(&mut self, plane: &Plane, radius: usize) -> Plane {
        let mut out = plane.clone();
        self.octagon(&mut out, radius, f32::max);
        self.octagon(&mut out, radius, f32::min);
        out
    }

    /// For each radius, what the closing by it fills beyond the one before, as (mean, of the plane's
    /// own unit); with the plane negated the openings' spectrum.
    pub(super) fn spectrum(&mut self, plane: &Plane, radii: &[usize]) -> Vec<f32> {
        let mut before = mean(plane);
        radii
            .iter()
            .map(|&radius| {
                let now = mean(&self.closing(plane, radius));
                let filled = now - before;
                before = now;
                filled as f32
            })
            .collect()
    }
}

fn mean(plane: &Plane) -> f64 {
    plane.data.iter().map(|&value| f64::from(value)).sum::<f64>() / plane.data.len() as f64
}
