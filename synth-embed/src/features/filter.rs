//! Small linear filters. **Convention.** Borders mirror without repeating the edge sample twice
//! (−1 → 0, −2 → 1: half-sample symmetry).

use super::plane::Plane;

/// One pass of the binomial kernel [1 4 6 4 1] / 16 along both axes: variance 1 px² per axis.
pub(super) fn blur(plane: &Plane) -> Plane {
    let side = plane.side;
    let mut across = vec![0.0_f32; side * side];
    let mut padded = vec![0.0_f32; side + 4];
    for (row, out) in plane.rows().zip(across.chunks_exact_mut(side)) {
        padded[2..side + 2].copy_from_slice(row);
        (padded[0], padded[1]) = (row[1], row[0]);
        (padded[side + 2], padded[side + 3]) = (row[side - 1], row[side - 2]);
        for (out, window) in out.iter_mut().zip(padded.windows(5)) {
            *out = binomial(window[0], window[1], window[2], window[3], window[4]);
        }
    }
    let row = |y: usize| &across[y * side..(y + 1) * side];
    let mut data = Vec::with_capacity(side * side);
    for y in 0..side {
        let above2 = row(if y >= 2 { y - 2 } else { 1 - y });
        let above = row(y.saturating_sub(1));
        let below = row((y + 1).min(side - 1));
        let below2 = row(if y + 2 < side { y + 2 } else { 2 * side - 3 - y });
        let here = row(y);
        data.extend((0..side).map(|x| binomial(above2[x], above[x], here[x], below[x], below2[x])));
    }
    Plane::new(side, data)
}

fn binomial(a: f32, b: f32, c: f32, d: f32, e: f32) -> f32 {
    (0.0625 * (a + e) + 0.25 * (b + d)) + 0.375 * c
}

/// Halves the side: mean of 2 × 2.
pub(super) fn halve(plane: &Plane) -> Plane {
    let half = plane.side / 2;
    let mut data = Vec::with_capacity(half * half);
    for pair in plane.data.chunks_exact(2 * plane.side) {
        let (top, bottom) = pair.split_at(plane.side);
        data.extend(
            top.chunks_exact(2)
                .zip(bottom.chunks_exact(2))
                .map(|(t, b)| 0.25 * ((t[0] + t[1]) + (b[0] + b[1]))),
        );
    }
    Plane::new(half, data)
}

/// Central differences (f(x + 1) − f(x − 1)) / 2 along x and y, per pixel.
pub(super) fn gradient(plane: &Plane) -> Vec<(f32, f32)> {
    let side = plane.side;
    let at = |x: usize, y: usize| plane.data[y * side + x];
    let mut out = Vec::with_capacity(side * side);
    for y in 0..side {
        let (above, below) = (y.saturating_sub(1), (y + 1).min(side - 1));
        for x in 0..side {
            let (left, right) = (x.saturating_sub(1), (x + 1).min(side - 1));
            out.push((0.5 * (at(right, y) - at(left, y)), 0.5 * (at(x, below) - at(x, above))));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_keep_a_constant() {
        let plane = Plane::new(8, vec![0.25; 64]);
        assert_eq!(blur(&plane), plane);
        assert_eq!(halve(&plane).data, vec![0.25; 16]);
        assert!(gradient(&plane).iter().all(|&(x, y)| x == 0.0 && y == 0.0));
    }

    #[test]
    fn blur_spreads_a_point_as_the_binomial_kernel() {
        let mut data = vec![0.0; 81];
        data[4 * 9 + 4] = 256.0;
        let out = blur(&Plane::new(9, data));
        assert_eq!(out.data[4 * 9 + 4], 36.0);
        assert_eq!(out.data[4 * 9 + 6], 6.0);
        assert_eq!(out.data.iter().sum::<f32>(), 256.0);
    }

    #[test]
    fn blur_mirrors_at_the_border() {
        // A ramp along x: f(0) = 0, f(1) = 16 ⇒ mirrored f(−1) = 0, f(−2) = 16.
        let ramp: Vec<f32> = (0..64).map(|i| 16.0 * (i % 8) as f32).collect();
        let out = blur(&Plane::new(8, ramp));
        assert_eq!(out.data[0], 16.0 * 0.0625 + 16.0 * 0.25 + 32.0 * 0.0625);
    }
}
