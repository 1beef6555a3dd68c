//! Position tables for grids other than the trained one.

/// How a reference implementation resizes a table of positions: bicubic with half-pixel centres.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Resampling {
    /// Added to the number of patches where the sampling step is computed; Meta's plain DINOv2
    /// checkpoints were made with 0.1.
    pub(crate) offset: f64,
    /// Widens the kernel where the table shrinks, as Pillow does.
    pub(crate) antialias: bool,
}

impl Resampling {
    /// `table: [trained, trained, dim]` to `[rows, columns, dim]`, one axis after the other.
    pub(crate) fn resize(
        self,
        table: &[f32],
        trained: usize,
        [rows, columns]: [usize; 2],
        dim: usize,
    ) -> Vec<f32> {
        if [rows, columns] == [trained, trained] {
            return table.to_vec();
        }
        let across: Vec<Vec<f32>> =
            table.chunks(trained * dim).map(|row| self.along(row, columns, dim)).collect();
        self.along(&across.concat(), rows, columns * dim)
    }

    /// Resamples the first axis of `values: [_, width]` to `n` places.
    fn along(self, values: &[f32], n: usize, width: usize) -> Vec<f32> {
        let trained = values.len() / width;
        let step = trained as f64 / (n as f64 + self.offset);
        let mut out = Vec::with_capacity(n * width);
        for at in 0..n {
            let centre = step * (at as f64 + 0.5);
            let taps =
                if self.antialias { wide_taps(centre, step, trained) } else { four_taps(centre, trained) };
            out.extend((0..width).map(|column| {
                taps.iter().map(|(row, share)| share * f64::from(values[row * width + column])).sum::<f64>()
                    as f32
            }));
        }
        out
    }
}

/// Four taps around `centre`, the border repeated; A = −0.75 (torch's `upsample_bicubic2d`).
fn four_taps(centre: f64, trained: usize) -> Vec<(usize, f64)> {
    let first = (centre - 0.5).floor();
    let taps = (-1..=2).map(|tap| first + f64::from(tap));
    taps.map(|place| {
        let row = place.clamp(0.0, trained as f64 - 1.0) as usize;
        (row, cubic(place + 0.5 - centre, -0.75))
    })
    .collect()
}

/// The taps under a kernel as wide as the step, normalised; A = −0.5 (torch's `_upsample_bicubic2d_aa`,
/// after Pillow).
fn wide_taps(centre: f64, step: f64, trained: usize) -> Vec<(usize, f64)> {
    let stretch = step.max(1.0);
    let first = (centre - 2.0 * stretch + 0.5).max(0.0) as usize;
    let end = ((centre + 2.0 * stretch + 0.5) as usize).min(trained);
    let shares: Vec<f64> =
        (first..end).map(|row| cubic((row as f64 + 0.5 - centre) / stretch, -0.5)).collect();
    let total: f64 = shares.iter().sum();
    (first..end).zip(shares).map(|(row, share)| (row, share / total)).collect()
}

/// Keys 1981, "Cubic convolution interpolation for digital image processing", eq. 4, with slope `a`.
fn cubic(x: f64, a: f64) -> f64 {
    let x = x.abs();
    if x <= 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a
    } else {
        0.0
    }
}
