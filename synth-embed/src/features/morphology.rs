//! Granulometry: how much of the picture closings of growing size fill.
//!
//! Flat structuring elements are octagons, a square dilated by a diamond, as the nearest cheap thing
//! to a disc. What lies outside the plane takes no part.

use super::filter::halve;
use super::plane::Plane;

/// Radii of the closings in px of the given plane; those from [`COARSE_FROM`] on are computed on a
/// plane of half the side with half the radius.
pub(super) const RADII: [usize; 14] = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24];
const COARSE_FROM: usize = 8;

/// What the closing by each radius adds to the plane's mean, cumulated and divided by what the
/// largest adds:
///
/// ```text
/// C_r = (mean(closing_r v) − mean v) / (mean(closing_24 v) − mean v + 0.001)
/// ```
///
/// So C is the size distribution of the dark parts by area: 0 below the smallest, 1 above the largest.
pub(super) fn closing_sizes(plane: &Plane) -> Vec<f32> {
    let half = halve(plane);
    let start = mean(plane);
    let filled: Vec<f64> = RADII
        .iter()
        .map(|&radius| {
            let closed =
                if radius < COARSE_FROM { closing(plane, radius) } else { closing(&half, radius / 2) };
            mean(&closed) - start
        })
        .collect();
    let whole = filled[RADII.len() - 1] + 1e-3;
    filled.iter().map(|filled| (filled / whole) as f32).collect()
}

fn mean(plane: &Plane) -> f64 {
    plane.data.iter().map(|&value| f64::from(value)).sum::<f64>() / plane.data.len() as f64
}

/// Dilation, then erosion: fills dark parts that the octagon does not fit into.
fn closing(plane: &Plane, radius: usize) -> Plane {
    let dilated = octagon(plane, radius, f32::NEG_INFINITY, |a, b| if a > b { a } else { b });
    octagon(&dilated, radius, f32::INFINITY, |a, b| if a < b { a } else { b })
}

/// Extremum over an octagon of half-width `radius`; `neutral` never wins in `pick`.
fn octagon(plane: &Plane, radius: usize, neutral: f32, pick: impl Fn(f32, f32) -> f32 + Copy) -> Plane {
    // The diagonals reach 2 · diagonal px along each axis; 0.3 makes the eight sides about equal.
    let diagonal = radius * 3 / 10;
    let straight = radius - 2 * diagonal;
    let columns = along_columns(plane, straight, Shear::None, neutral, pick);
    let rows = along_columns(&transposed(&columns), straight, Shear::None, neutral, pick);
    let falling = along_columns(&rows, diagonal, Shear::Falling, neutral, pick);
    let rising = along_columns(&falling, diagonal, Shear::Rising, neutral, pick);
    transposed(&rising)
}

fn transposed(plane: &Plane) -> Plane {
    let side = plane.side;
    let mut data = Vec::with_capacity(side * side);
    for x in 0..side {
        data.extend(plane.data.iter().skip(x).step_by(side));
    }
    Plane::new(side, data)
}

/// Which lines become columns.
#[derive(Clone, Copy)]
enum Shear {
    None,
    Falling,
    Rising,
}

impl Shear {
    fn shift(self, y: usize, side: usize) -> usize {
        match self {
            Self::None => 0,
            Self::Falling => side - 1 - y,
            Self::Rising => y,
        }
    }

    fn width(self, side: usize) -> usize {
        match self {
            Self::None => side,
            Self::Falling | Self::Rising => 2 * side - 1,
        }
    }
}

/// Extremum of 2 · half + 1 samples along the columns of the sheared plane.
///
/// Whole rows are compared at once. The window is doubled until two overlapping ones cover it, so a
/// window of w samples takes about log2 w comparisons.
fn along_columns(
    plane: &Plane,
    half: usize,
    shear: Shear,
    neutral: f32,
    pick: impl Fn(f32, f32) -> f32 + Copy,
) -> Plane {
    if half == 0 {
        return plane.clone();
    }
    let side = plane.side;
    let (width, window) = (shear.width(side), 2 * half + 1);
    let mut rows = vec![neutral; width * (side + 2 * half)];
    for (y, row) in plane.rows().enumerate() {
        let start = (y + half) * width + shear.shift(y, side);
        rows[start..start + side].copy_from_slice(row);
    }
    let mut covered = 1;
    while covered < window {
        let step = covered.min(window - covered);
        rows = rows.iter().zip(&rows[step * width..]).map(|(&a, &b)| pick(a, b)).collect();
        covered += step;
    }
    let mut data = Vec::with_capacity(side * side);
    for y in 0..side {
        let start = y * width + shear.shift(y, side);
        data.extend_from_slice(&rows[start..start + side]);
    }
    Plane::new(side, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disc(side: usize, radius: f32) -> Plane {
        let middle = 0.5 * (side as f32 - 1.0);
        let inside = |i: usize| {
            let (x, y) = ((i % side) as f32 - middle, (i / side) as f32 - middle);
            x * x + y * y <= radius * radius
        };
        Plane::new(side, (0..side * side).map(|i| if inside(i) { 0.0 } else { 1.0 }).collect())
    }

    fn textured(side: usize) -> Plane {
        Plane::new(side, (0..side * side).map(|i| ((i * i * 31 + i * 7) % 101) as f32).collect())
    }

    #[test]
    fn octagon_is_the_maximum_over_its_offsets() {
        let plane = textured(17);
        let radius = 7;
        // Offsets of the square of half-width 3, of the falling and of the rising diagonal of ±2.
        let (square, diagonal) = (3_i32, 2_i32);
        let got = octagon(&plane, radius, f32::NEG_INFINITY, f32::max);
        let at = |x: i32, y: i32| {
            let inside = (0..17).contains(&x) && (0..17).contains(&y);
            if inside { plane.data[(y * 17 + x) as usize] } else { f32::NEG_INFINITY }
        };
        // Well inside, where no line is cut by the border on its way.
        for (x, y) in [(8, 8), (7, 9), (9, 8)] {
            let mut expected = f32::NEG_INFINITY;
            for dx in -square..=square {
                for dy in -square..=square {
                    for a in -diagonal..=diagonal {
                        for b in -diagonal..=diagonal {
                            expected = expected.max(at(x + dx + a + b, y + dy + a - b));
                        }
                    }
                }
            }
            assert_eq!(got.data[(y * 17 + x) as usize], expected, "{x} {y}");
        }
    }

    #[test]
    fn closing_fills_what_is_smaller_and_keeps_what_is_larger() {
        let disc = disc(64, 12.0);
        let dark = mean(&disc);
        // The octagon cuts at most the rim of a disc that holds it.
        assert!(mean(&closing(&disc, 6)) - dark < 0.1 * (1.0 - dark));
        assert!(closing(&disc, 14).data.iter().all(|&value| value == 1.0));
    }

    #[test]
    fn sizes_rise_at_the_size_of_the_discs() {
        let sizes = closing_sizes(&disc(64, 12.0));
        let at = |radius: usize| sizes[RADII.iter().position(|&r| r == radius).expect("a radius")];
        assert!(at(6) < 0.1 && at(14) > 0.95, "{sizes:?}");
        assert_eq!(closing_sizes(&Plane::new(64, vec![0.5; 4096])), vec![0.0; RADII.len()]);
    }
}
